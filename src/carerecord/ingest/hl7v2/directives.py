"""Which decisions made in advance does a person's entry name: a living will (PD1-7), advance directives (PD1-15)?

Each is a flag that sends its reader to the original, and has no date: a message says that it is recorded, and not since when, so
it never stands before a form that says when it was made.
"""

from typing import Any, Final

from carerecord.ingest.hl7v2 import people, values
from carerecord.ingest.hl7v2.around import key_of
from carerecord.ingest.hl7v2.ids import stable_id
from carerecord.ingest.hl7v2.parse import Part, Segment
from carerecord.ingest.hl7v2.people import Subject
from carerecord.ingest.hl7v2.reading import Reading, Resource
from carerecord.ingest.hl7v2.saying import WITHDRAWN, Rule, Said, statement
from carerecord.ingest.hl7v2.shapes import Statement

NO_LONGER: Final = "its sender no longer names it among what was decided in advance"
LOOK: Final = "An advance directive is recorded here: look at the original."
_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/flag-category"
_VERIFIED: Final = 22
# HL7's own words for the codes of its tables 0315 and 0435; a sender's words stand before them.
LIVING_WILL: Final = {
    "Y": "recorded",
    "F": "recorded, and not on file with the sender",
    "N": "none",
    "I": "none",
    "U": "not known",
}
DIRECTIVE: Final = {"DNR": "Do not resuscitate (DNR)", "N": "none", "U": "not known"}
_FIELDS: Final = ((7, "0315", "Living will", LIVING_WILL), (15, "0435", "Advance directive", DIRECTIVE))
_NONE: Final = frozenset(("", "n", "no", "none", "no directive", "no advance directive"))


def said_of(reading: Reading, person: Subject, segments: tuple[Segment, ...], *, passing: bool = False) -> list[Statement]:
    """One statement for each of the two fields that says something: all that the field names, which stand alone from then on."""
    found = []
    for pd1 in (each for each in segments if each.name == "PD1"):
        for field, table, title, words in _FIELDS:
            if (things := _named(reading, person, pd1, field, table, title, words)) is None:
                continue
            thread = f"Flag/{stable_id(reading.sender, 'Flag', person.local_id, f'PD1-{field}')}"
            if passing:
                said = Said(person.patient, {each: people.believed_less(facts) for each, facts in things.items()}, passing=True)
            else:
                said = Said(person.patient, things, Rule("only", NO_LONGER, of=person.patient))
            if things or not passing:
                found.append(statement(thread, person.local_id, said, (person.thread,)))
    return found


def _named(
    reading: Reading, person: Subject, pd1: Segment, field: int, table: str, title: str, words: dict[str, str]
) -> dict[str, dict[str, Any]] | None:
    """Flags by what they are; {} where the field says that there is none, None where it says nothing."""
    if pd1.deletes(field):
        return {}
    parts = [each for each in pd1.parts(field) if not each.empty]
    known = [each for each in parts if not _is_unknown(each, words)]
    if not known:
        if parts:
            reading.note(f"PD1-{field} says that it is not known: what was there stays")
        return None
    things: dict[str, dict[str, Any]] = {}
    for part in known:
        made = values.table(reading, part, table)
        if not made or _is_none(part, table, words):
            continue
        id_ = stable_id(reading.sender, "Flag", person.local_id, f"PD1-{field}", key_of(made))
        things[f"Flag/{id_}"] = _flag(reading, pd1, made, title, words)
    return things


def _of_the_table(part: Part, table: str) -> bool:
    """Whether a code is of HL7's table, or of nobody's: "N" may well be "Not for resuscitation" in another."""
    return part[3].upper().removeprefix("HL7") in ("", table)


def _is_unknown(part: Part, words: dict[str, str]) -> bool:
    return words.get(part[1].upper()) == "not known" and not part[2]


def _is_none(part: Part, table: str, words: dict[str, str]) -> bool:
    code, said = part[1].strip(), " ".join(part[2].casefold().split())
    if not _of_the_table(part, table) or said not in _NONE:
        return False
    return words.get(code.upper()) == "none" or (bool(code or said) and code.casefold() in _NONE)


def _flag(reading: Reading, pd1: Segment, made: Resource, title: str, words: dict[str, str]) -> dict[str, Any]:
    code = made["coding"][0]["code"] if "coding" in made else ""
    ours = words.get(code.upper(), "")
    said = made.get("text") or ours or f"code {code}, without a name"
    named = f"{said} (code {code})" if code and "text" in made and code.casefold() not in said.casefold().split() else said
    facts: dict[str, Any] = {
        "status": "active",
        "category": [{"coding": [{"system": _CATEGORY, "code": "advance-directive", "display": "Advance Directive"}]}],
        "code": {**made, "text": f"{title}: {named}"},
        "ext:FlagNote": {"url": f"{people.UK_CORE}FlagNote", "valueAnnotation": {"text": _note(reading, pd1)}},
        WITHDRAWN: None,
    }
    if here := reading.here():
        facts["author"] = here
    return facts


def _note(reading: Reading, pd1: Segment) -> str:
    checked = reading.date(pd1, _VERIFIED)
    when = f"Last verified {checked}, as its sender says." if checked else "Its sender does not say when it was made."
    by = f"Named in the patient administration of {who}." if (who := reading.sender.name or reading.sender.organisation) else ""
    return "\n".join(filter(None, (LOOK, when, by)))
