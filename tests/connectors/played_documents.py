"""The document registries that are played for the connector documents: one speaks MHD, one XDS.b with SOAP, MTOM and XOP."""

import base64
import hashlib
import json
import re
from typing import Any

from carerecord.connectors.documents import Documents
from carerecord.contracts.sources import Repository, SharedSection, Source
from carerecord.kit.clock import SystemClock
from carerecord.region.servers.http import Answer, Asked, Reply, as_json
from tests.connectors.contract import Held, Played
from tests.records.a_desk import patient, reader

FHIR, SOAP = "application/fhir+json", "application/soap+xml; charset=UTF-8"
LETTER = b"%PDF-1.7\r\n\r\n--not-a-boundary\r\n\x00\xff pretend letter"
REPOSITORY = "1.2.826.0.1.3680043.9.77.1"
SECTIONS = tuple(SharedSection(each) for each in ("documents", "plans"))


def mhd(address: str) -> Source:
    return Source(
        "letters", "RX9", "Aldermoor", "Aldermoor letters", "DO", "acute", "documents", f"{address}/fhir", knows_by="nhs-number",
        asks="mhd", sections=SECTIONS,
    )  # fmt: skip


def plays_mhd(asked: Asked, held: Held) -> Answer:
    who = patient("p1", number=held.number, born=held.born)
    if asked.path == "/fhir/Patient/_search":
        return _bundle([who] if held.known else [])
    if asked.path == "/fhir/Patient/p1":
        return as_json(who, content_type=FHIR) if held.known else Reply(b"", 404)
    if asked.path == "/fhir/Binary/letter":
        return Reply(LETTER, content_type="application/pdf")
    if asked.path.startswith("/fhir/DocumentReference/d1-"):
        return as_json(letter(asked.path.rpartition("/")[2]), content_type=FHIR)
    assert asked.path.startswith("/fhir/DocumentReference")
    assert asked.form.get("status") == "current" or asked.query
    page = int(asked.value("page") or 1)
    letters = [letter(f"d{page}-{n}") for n in range(held.items)]
    letters[: held.broken] = [{**each, "content": "lost"} for each in letters[: held.broken]]
    return _bundle(letters, f"DocumentReference?page={page + 1}" if held.endless else "")


def letter(id_: str, **attachment: Any) -> dict[str, Any]:
    digest = hashlib.sha1(LETTER).digest()
    told = {
        "contentType": "application/pdf", "url": "Binary/letter", "size": len(LETTER), "hash": base64.b64encode(digest).decode(),
    }  # fmt: skip
    return {
        "resourceType": "DocumentReference", "id": id_, "status": "current", "subject": {"reference": "Patient/p1"},
        "type": {"text": "Discharge letter"}, "date": "2026-07-02T09:15:00Z", "author": [{"display": "Dr Mehta"}],
        "meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]},
        "content": [{"attachment": told | attachment}],
    }  # fmt: skip


def _bundle(resources: list[Any], following: str = "") -> Reply:
    link = [{"relation": "next", "url": following}] if following else []
    bundle = {"resourceType": "Bundle", "type": "searchset", "link": link, "entry": [{"resource": each} for each in resources]}
    return Reply(json.dumps(bundle).encode(), content_type=FHIR)


def xds(address: str) -> Source:
    return Source(
        "xds", "RX9", "Aldermoor", "Aldermoor registry", "DO", "acute", "documents", f"{address}/registry",
        knows_by="nhs-number", asks="xds", sections=SECTIONS, repositories=(Repository(REPOSITORY, f"{address}/repository"),),
    )  # fmt: skip


def plays_xds(asked: Asked, held: Held) -> Answer:
    if asked.path == "/repository":
        return retrieved(asked)
    assert (asked.method, asked.path) == ("POST", "/registry")
    assert "urn:ihe:iti:2007:RegistryStoredQuery" in asked.headers["content-type"]
    if not held.known:
        return queried("", status="Failure", errors='<rs:RegistryError errorCode="XDSUnknownPatientId" severity="urn:x:Error"/>')
    if b"$XDSDocumentEntryTypeCode" in asked.body:
        return queried("")
    entries = [extrinsic(n, held, id_="" if n < held.broken else f"urn:uuid:0000000{n % 10}-0000-4000-8000-{n:012d}")
               for n in range(held.items)]  # fmt: skip
    return queried("".join(entries))


def queried(entries: str, status: str = "Success", errors: str = "") -> Reply:
    return envelope(
        '<q:AdhocQueryResponse xmlns:q="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0" '
        'xmlns:rs="urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0" '
        f'status="urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:{status}"><rs:RegistryErrorList>{errors}'
        '</rs:RegistryErrorList><r:RegistryObjectList xmlns:r="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0">'
        f"{entries}</r:RegistryObjectList></q:AdhocQueryResponse>"
    )


def envelope(body: str) -> Reply:
    whole = f'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>{body}</s:Body></s:Envelope>'
    return Reply(whole.encode(), content_type=SOAP)


def extrinsic(n: int, held: Held, *, id_: str, digest: str = hashlib.sha1(LETTER).hexdigest()) -> str:
    def slot(name: str, *values: str) -> str:
        listed = "".join(f"<r:Value>{each}</r:Value>" for each in values)
        return f'<r:Slot name="{name}"><r:ValueList>{listed}</r:ValueList></r:Slot>'

    def coded(scheme: str, code: str, system: str, display: str) -> str:
        return (
            f'<r:Classification classificationScheme="urn:uuid:{scheme}" nodeRepresentation="{code}">'
            f'{slot("codingScheme", system)}<r:Name><r:LocalizedString value="{display}"/></r:Name></r:Classification>'
        )

    person = f"{held.number}^^^&amp;2.16.840.1.113883.2.1.4.1&amp;ISO"
    return (
        f'<r:ExtrinsicObject id="{id_}" mimeType="application/pdf" status="urn:oasis:names:tc:ebxml-regrep:StatusType:Approved">'
        + slot("creationTime", "20260702091500") + slot("languageCode", "en-GB") + slot("size", str(len(LETTER)))
        + slot("hash", digest) + slot("repositoryUniqueId", REPOSITORY) + slot("serviceStartTime", "20260701")
        + slot("sourcePatientInfo", "PID-5|Marlow^Edith^^^", f"PID-7|{held.born.replace('-', '')}", "PID-8|F")
        + '<r:Name><r:LocalizedString value="Rheumatology clinic letter"/></r:Name>'
        + '<r:Classification classificationScheme="urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d" nodeRepresentation="">'
        + slot("authorPerson", "C123^Mehta^Asha^^^Dr") + slot("authorInstitution", "Aldermoor Hospital^^^^^^^^^RX9")
        + "</r:Classification>"
        + coded("f0306f51-975f-434e-a61c-c59651d33983", "823681000000100", "2.16.840.1.113883.6.96", "Outpatient letter")
        + coded("41a5887f-8865-4c09-adf7-e362475b143a", "letter", "1.2.3.4", "Correspondence")
        + coded("a09d5840-386c-46f2-b5ad-9c3699a4309d", "urn:ihe:iti:xds-sd:pdf:2008", "1.3.6.1.4.1.19376.1.2.3", "PDF")
        + coded("f4f85eac-e6cb-4883-b524-f2705394840f", "R", "2.16.840.1.113883.5.25", "Restricted")
        + f'<r:ExternalIdentifier identificationScheme="urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab" value="1.2.9.{n}"/>'
        + f'<r:ExternalIdentifier identificationScheme="urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427" value="{person}"/>'
        + "</r:ExtrinsicObject>"
    )  # fmt: skip


def retrieved(asked: Asked, *, document: bytes = LETTER, number: str = "") -> Reply:
    """ITI-43 as repositories answer it: the envelope is one part, the document another, included by XOP."""
    assert asked.headers["content-type"].startswith("multipart/related")
    found = re.search(rb"<xdsb:DocumentUniqueId>([\d.]+)<", asked.body)
    assert found is not None
    number = number or found.group(1).decode()
    soap = envelope(
        '<d:RetrieveDocumentSetResponse xmlns:d="urn:ihe:iti:xds-b:2007">'
        '<x:RegistryResponse xmlns:x="urn:y" status="urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"/>'
        f"<d:DocumentResponse><d:RepositoryUniqueId>{REPOSITORY}</d:RepositoryUniqueId>"
        f"<d:DocumentUniqueId>{number}</d:DocumentUniqueId><d:mimeType>application/pdf</d:mimeType><d:Document>"
        '<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:doc@example"/></d:Document>'
        "</d:DocumentResponse></d:RetrieveDocumentSetResponse>"
    ).body
    boundary = b"uuid:5f1c"
    parts = (
        b'Content-Type: application/xop+xml; type="application/soap+xml"\r\nContent-ID: <root@example>\r\n\r\n' + soap,
        b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <doc@example>\r\n\r\n" + document,
    )
    body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + boundary + b"--"
    kind = 'multipart/related; boundary="uuid:5f1c"; type="application/xop+xml"; start="<root@example>"'
    return Reply(body, content_type=kind)


MHD = Played(
    "documents (MHD)", lambda web: Documents(web, SystemClock(), reader), mhd, plays_mhd, "documents", "plans", "p1",
    is_who=lambda asked: "/Patient" in asked.path,
)  # fmt: skip
XDS = Played(
    "documents (XDS.b)", lambda web: Documents(web, SystemClock(), reader), xds, plays_xds, "documents", "plans", "", pages=False,
)  # fmt: skip
