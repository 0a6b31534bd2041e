"""How does an STU3 Encounter become R4, with the topics and headings under which the consultation was written?"""

from typing import Any, Final

from carerecord.fhir.stu3.carry import MALFORMED, RESOURCE, Element, Rules, Work, carried, group, listed, plain, same

# R4 has no note on an encounter. What stands there is the outline of the consultation, made of the titles of its lists.
OUTLINE: Final = "http://hl7.org/fhir/StructureDefinition/note"
_ABSENT: Final = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}


def _class(work: Work, out: Element, value: Any, path: str) -> None:
    if type(value) is not dict:
        return work.lose(path, MALFORMED)
    out["class"] = plain(work, value)
    return None


ENCOUNTER: Final[Rules] = {
    **RESOURCE,
    **same(
        "identifier", "status", "statusHistory", "classHistory", "type", "priority", "subject", "episodeOfCare", "participant",
        "period", "length", "account", "hospitalization", "location", "serviceProvider", "partOf",
    ),
    "class": _class,
    "incomingReferral": "basedOn",
    "appointment": listed("appointment"),
    "reason": listed("reasonCode"),
    "diagnosis": group("diagnosis", {**same("condition", "rank"), "role": "use"}, many=True),
}  # fmt: skip


def encounter(work: Work, received: Element) -> Element:
    out = carried(work, ENCOUNTER, received, "Encounter", {})
    if "class" not in out:  # R4 asks for one; a GP system has none
        out["class"] = {"extension": [_ABSENT]}
    if topics := work.around.topics.get(f"Encounter/{work.id}"):
        out.setdefault("extension", []).append({"url": OUTLINE, "valueAnnotation": {"text": "\n".join(topics)}})
    return out
