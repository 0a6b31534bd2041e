"""How do STU3 DocumentReference and QuestionnaireResponse become R4?"""

from typing import Any, Final

from carerecord.fhir.codes import dicts_in
from carerecord.fhir.stu3.carry import (
    ELEMENT,
    MALFORMED,
    RESOURCE,
    Element,
    Rules,
    Work,
    carried,
    group,
    kept,
    listed,
    plain,
    same,
)


def _related(work: Work, out: Element, value: Any, path: str) -> None:
    """R4 has the reference alone, in which the identifier has its place."""
    for each in value if type(value) is list else (value,):
        if type(each) is not dict:
            work.lose(path, MALFORMED)
            continue
        reference = each.get("ref")
        made: Element = plain(work, reference) if type(reference) is dict else {}
        for name, inner in each.items():
            if name == "identifier" and type(inner) is dict and "identifier" not in made:
                made["identifier"] = plain(work, inner)
            elif name != "ref" or type(reference) is not dict:
                work.lose(f"{path}.{name}", MALFORMED)
        out.setdefault("related", []).append(made)


_CONTEXT: Final[Rules] = {
    **same("event", "period", "facilityType", "practiceSetting", "sourcePatientInfo"),
    "encounter": listed("encounter"),
    "related": _related,
}
DOCUMENT: Final[Rules] = {
    **RESOURCE,
    **same(
        "masterIdentifier", "identifier", "status", "docStatus", "type", "subject", "author", "authenticator", "custodian",
        "relatesTo", "description", "securityLabel", "content",
    ),
    "class": listed("category"),
    "indexed": "date",
    "context": group("context", _CONTEXT, many=False),
}  # fmt: skip


def document(work: Work, received: Element) -> Element:
    """When the document was written stands with its content in R4, `date` is when it was filed."""
    created = received.get("created")
    out = carried(work, {**DOCUMENT, "created": _left}, received, "DocumentReference", {})
    if created is None:
        return out
    attached = [each["attachment"] for each in dicts_in(out, "content") if type(each.get("attachment")) is dict]
    fresh = [each for each in attached if "creation" not in each]
    if type(created) is not str or not fresh:
        _created(work, out, created, "DocumentReference.created")
    for each in fresh:
        each["creation"] = created
    return out


def _left(work: Work, out: Element, value: Any, path: str) -> None:
    """Seen to when the rest is there."""


_created: Final = kept("DocumentReference.created", "valueDateTime")


def _questionnaire(work: Work, out: Element, value: Any, path: str) -> None:
    """A reference in STU3, an address in R4."""
    if type(value) is dict and value.keys() == {"reference"} and type(value["reference"]) is str:
        out["questionnaire"] = value["reference"]
    else:
        kept("QuestionnaireResponse.questionnaire", "valueReference")(work, out, value, path)


def _items(work: Work, out: Element, value: Any, path: str) -> None:
    group("item", _ITEM, many=True)(work, out, value, path)


def _answers(work: Work, out: Element, value: Any, path: str) -> None:
    group("answer", _ANSWER, many=True)(work, out, value, path)


_ITEM: Final[dict[str, Any]] = {
    **ELEMENT,
    **same("linkId", "definition", "text"),
    "subject": kept("QuestionnaireResponse.item.subject", "valueReference"),
    "answer": _answers,
    "item": _items,
}
_ANSWER: Final[dict[str, Any]] = {
    **ELEMENT,
    **same(
        "valueBoolean", "valueDecimal", "valueInteger", "valueDate", "valueDateTime", "valueTime", "valueString", "valueUri",
        "valueAttachment", "valueCoding", "valueQuantity", "valueReference",
    ),
    "item": _items,
}  # fmt: skip
QUESTIONNAIRE_RESPONSE: Final[Rules] = {
    **RESOURCE,
    **same("identifier", "basedOn", "status", "subject", "authored", "author", "source"),
    "parent": "partOf",
    "questionnaire": _questionnaire,
    "context": "encounter",
    "item": _items,
}
