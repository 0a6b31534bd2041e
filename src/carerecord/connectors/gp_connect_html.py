"""How is a page of the older GP Connect record (HTML in DSTU2) shown? As a document: its words alone, nothing that could act."""

import base64
from typing import Any, Final

import msgspec

from carerecord.fhir.bundle import Entry, parse, split
from carerecord.fhir.codes import dict_in, dicts_in, text_in, texts_in
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.narrative import plain

_LONGEST: Final = 200_000
_TITLES: Final = {
    "ALL": "Allergies", "MED": "Medicines", "PRB": "Problems", "ENC": "Encounters", "IMM": "Immunisations",
    "OBS": "Observations and results", "REF": "Referrals",
}  # fmt: skip


def pages_for(code: str, body: bytes, now: str) -> tuple[dict[str, Any], tuple[Entry, ...]]:
    """The Patient (as R4) whom the page is about, and the page as an R4 DocumentReference.

    Raises:
        Unreadable: no page, or nobody can say whom it is about.
    """
    entries = split(body).entries
    patient = next((parse(each.raw) for each in entries if each.type == "Patient"), None)
    if patient is None:
        raise Unreadable("it does not say whom it is about")
    composition = next((parse(each.raw) for each in entries if each.type == "Composition"), None)
    if composition is None:
        raise Unreadable("it holds no page")
    words = "\n\n".join(plain(text_in(dict_in(each, "text"), "div"))[:_LONGEST] for each in dicts_in(composition, "section"))
    title = f"GP record, {_TITLES.get(code, code)}: the practice's own page"
    data = base64.b64encode(words.encode()).decode()
    made: dict[str, Any] = {
        "resourceType": "DocumentReference",
        "id": f"gp-page-{code.lower()}",
        "status": "current",
        "type": {"text": "GP record page"},
        "subject": {"reference": f"Patient/{text_in(patient, 'id')}"},
        "date": now,
        "description": title,
        "content": [{"attachment": {"contentType": "text/plain; charset=utf-8", "title": title, "data": data}}],
    }
    return _as_r4(patient), (Entry("DocumentReference", made["id"], msgspec.json.encode(made)),)


def _as_r4(patient: dict[str, Any]) -> dict[str, Any]:
    """DSTU2 has several family names where R4 has one."""
    names = dicts_in(patient, "name")
    joined = [{**each, "family": " ".join(texts_in(each, "family")) or text_in(each, "family")} for each in names]
    return {**patient, "name": joined}
