"""By what name is a certificate known that a connection shows?"""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from carerecord.ingest.senders import proof_of


def a_certificate(organisation: str, *more: x509.NameAttribute[str]) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation), *more])
    key, now = Ed25519PrivateKey.generate(), datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 7, now, now + timedelta(days=1)).sign(key, None)
    return made.public_bytes(Encoding.DER)


def test_a_certificate_is_known_by_its_subject_in_its_own_order():
    common = x509.NameAttribute(NameOID.COMMON_NAME, "pas")
    assert proof_of(a_certificate("Fenwick, Ltd", common)).names[1:] == ("subject:O=Fenwick, Ltd,CN=pas",)


@pytest.mark.parametrize("organisation", ["Fenwick,CN=pas", "Fenwick, CN = pas", "Fenwick,2.5.4.5=12"])
def test_no_value_passes_for_another_part_of_the_subject(organisation: str):
    (fingerprint,) = proof_of(a_certificate(organisation)).names
    assert fingerprint.startswith("sha256:")
