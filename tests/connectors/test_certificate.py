"""The certificate of a system is read from the system itself, trusted or not, and nothing is asked over it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from carerecord.connectors.certificate import certificate_of
from carerecord.connectors.site import Site
from carerecord.region.organisations import SYSTEM_BY_KEY
from carerecord.region.servers.certificates import Authority
from carerecord.region.servers.running import Serving, running


def days_left(until: str) -> float:
    return (datetime.fromisoformat(until) - datetime.now(UTC)) / timedelta(days=1)


@pytest.fixture
def authority(tmp_path: Path) -> tuple[Authority, str]:
    made = Authority()
    file = tmp_path / "ca.pem"
    file.write_bytes(made.ca)
    return made, str(file)


async def look(certificate, ca_file: str):
    serving = Serving(SYSTEM_BY_KEY["kirkgate"], (), latency_s=0, certificate=certificate)
    async with running([serving]) as servers:
        found = await certificate_of(Site(servers["kirkgate"].address, ca_file=ca_file), within_s=5.0)
        assert servers["kirkgate"].asked == [], "nothing is asked"
    return found


async def test_a_good_certificate_says_until_when(authority):
    made, ca_file = authority
    found = await look(made.good(), ca_file)
    assert found.trusted
    assert 29 < days_left(found.good_until) <= 30


async def test_one_that_has_expired_says_when_and_is_not_trusted(authority):
    made, ca_file = authority
    found = await look(made.expired(), ca_file)
    assert not found.trusted
    assert -1.1 < days_left(found.good_until) < -0.9
    assert "has expired" in found.says


async def test_one_for_another_name_or_of_a_stranger_is_not_trusted(authority):
    made, ca_file = authority
    assert "another name" in (await look(made.wrong_name(), ca_file)).says
    assert "whom we trust" in (await look(Authority("Somebody else").good(), ca_file)).says


async def test_where_nothing_is_encrypted_or_nobody_answers_there_is_none(authority):
    _, ca_file = authority
    assert await look(None, ca_file) is None
    assert await certificate_of(Site("https://127.0.0.1:9/fhir", ca_file=ca_file), within_s=2.0) is None
