"""Who might this Patient be? `$match`, handed to the patient index; what is kept of each candidate comes letter for letter."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import orjson
from starlette.responses import Response

from carerecord.contracts.holdings import NOTE, SEARCH, FindAsked, Held, Issue, NoteAsked
from carerecord.contracts.patients import (
    MATCH,
    WHO,
    Candidate,
    Demographics,
    Identifier,
    MatchAsked,
    Name,
    Person,
    SourcePatient,
    WhoAsked,
)
from carerecord.exchange import answers, deaths, parameters
from carerecord.exchange.people import kept_back
from carerecord.exchange.visit import Visit
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.fhir.person import PersonFacts, PersonName, person
from carerecord.fhir.sections import SECTIONS
from carerecord.kit.errors import NotFound, NotUnderstood

MOST: Final = 20
INDEX: Final = "urn:carerecord:patient"
_GRADE: Final = "http://hl7.org/fhir/StructureDefinition/match-grade"
_KEPT_OF_ONE: Final = 10
MERGE_WAITS: Final = (
    "A source says of the candidate before this that another number is theirs too. Until a data-quality officer has decided, "
    "what lies under the other number is not among what is told of them."
)


async def match(visit: Visit) -> Response:
    """A searchset, the likeliest first, each with its score and grade.

    Who has asked not to be shown is there by the number that was claimed, and nothing else of them is; without it not at all: a
    score would tell how much of a guess is right.

    Raises:
        NotUnderstood: it is not Parameters with one Patient, or names something that is not taken.
    """
    visit.must("Patient", "r")
    visit.must("Patient", "s")
    claim, certain, most = _claimed(await visit.body())
    matched = await visit.face.calls.ask(MATCH, MatchAsked(claim, most, certain))
    candidates, entries = [], list[bytes]()
    for candidate in matched.candidates[:most]:
        refused = await kept_back(visit, candidate.person)
        if refused is None:
            entries += await _entries(visit, candidate)
        elif _is_named(claim, candidate.person):
            says = f"{SECTIONS['demographics'].title}: withheld under rule {refused.rule}. {refused.says}"
            known = Person(candidate.person.ids, candidate.person.patient, Demographics(nhs_number=claim.demographics.nhs_number))
            entries.append(b'{"resource":' + orjson.dumps(_built(known)) + b',"search":{"mode":"match"}}')
            entries.append(answers.outcome_entry([Issue("information", "suppressed", "", says)]))
        else:
            continue
        candidates.append(candidate)
    if matched.say:
        entries.append(answers.outcome_entry([Issue("information", "incomplete", "", matched.say)]))
    # Written down before it is handed over: whom it showed, by the ids of the index.
    shown = tuple(each.person.patient for each in candidates)
    await visit.face.calls.ask(NOTE, NoteAsked("patient-matched", visit.client, shown, visit.request_id))
    links = [("self", f"{visit.base}/Patient/$match")]
    return Response(answers.bundle("searchset", entries, links, total=len(candidates)), media_type=answers.FHIR_JSON)


def _claimed(body: bytes) -> tuple[SourcePatient, bool, int]:
    told = parameters.read(body)
    if unknown := {each.name for each in told} - {"resource", "onlyCertainMatches", "count"}:
        raise NotUnderstood(f"$match takes resource, onlyCertainMatches and count, not {', '.join(sorted(unknown))[:80]}.")
    resources = [bytes(each.resource) for each in told if each.name == "resource"]
    if len(resources) != 1:
        raise NotUnderstood("Parameters hold one parameter `resource`, with the Patient who is looked for.")
    try:
        facts = person(resources[0])
    except Unreadable:
        raise NotUnderstood("`resource` is a Patient.") from None
    certain = any(each.said == "true" for each in told if each.name == "onlyCertainMatches")
    said = next((each.said for each in told if each.name == "count"), str(MOST))
    if not said.isdecimal() or not int(said[:6]) > 0:
        raise NotUnderstood("count is 1 or more.")
    return _stated(facts), certain, min(int(said[:6]), MOST)


def _is_named(claim: SourcePatient, found: Person) -> bool:
    number = claim.demographics.nhs_number
    return bool(number) and number == found.demographics.nhs_number


def _stated(facts: PersonFacts) -> SourcePatient:
    names = [_name(name) for name in facts.names]
    if facts.preferred:
        names.append(Name("", (facts.preferred,), use="nickname"))
    here = facts.addresses[0] if facts.addresses else None
    identifiers = tuple(Identifier(each.system, each.value) for each in facts.identifiers if not each.ends)
    return SourcePatient("", "", identifiers, Demographics(
        names=tuple(names), birth_date=facts.birth_date, gender=facts.gender, nhs_number=facts.nhs_number,
        nhs_number_status=facts.nhs_number_status, address=", ".join(here.lines) if here else "", postcode=facts.postcode,
        phone=facts.phones[0].number if facts.phones else "", gp=facts.practice.ods, deceased=facts.deceased,
        multiple_birth=facts.multiple_birth,
    ))  # fmt: skip


def _name(name: PersonName) -> Name:
    if name.family or name.given:
        return Name(name.family, name.given, name.prefix, name.use or "official")
    *given, family = name.text.split() or [""]
    return Name(family, tuple(given), name.prefix, name.use or "official")


async def _entries(visit: Visit, candidate: Candidate) -> Sequence[bytes]:
    """What is kept here of a candidate; where nothing is, what the index says of them. Each with the person's id in the index."""
    tail = b',"search":' + orjson.dumps({
        "extension": [{"url": _GRADE, "valueCode": candidate.grade}, {"url": INDEX, "valueId": candidate.person.patient}],
        "mode": "match", "score": round(candidate.score, 4),
    }) + b"}"  # fmt: skip
    whole = await _whole(visit, candidate.person)
    kept = await _kept(visit, whole) if whole else ()
    told = [
        b'{"fullUrl":' + orjson.dumps(f"{visit.base}/Patient/{held.id}") + b',"resource":' + held.text + tail for held in kept
    ] or [b'{"resource":' + orjson.dumps(_built(candidate.person)) + tail]
    if whole and whole.merges and not whole.demographics.restricted:  # of whom it would tell that a source knows them
        told.append(answers.outcome_entry([Issue("warning", "incomplete", "", MERGE_WAITS)]))
    return told


async def _whole(visit: Visit, found: Person) -> Person | None:
    """With each source's own words; None of one who has left the index since."""
    try:
        return await visit.face.calls.ask(WHO, WhoAsked(found.patient))
    except NotFound:
        return None


async def _kept(visit: Visit, whole: Person) -> Iterable[Held]:
    ids = [visit.face.patient_id(each.source, each.local_id) for each in whole.statements][:_KEPT_OF_ONE]
    if not ids:
        return ()
    asked = FindAsked(
        "Patient", (("_id", ",".join(ids)),), visit.reach("s"), True, visit.base, "", _KEPT_OF_ONE, visit.client, visit.request_id
    )
    return (await deaths.of_page(visit.face.calls, await visit.face.calls.ask(SEARCH, asked))).matches


def _built(found: Person) -> dict[str, Any]:
    told = found.demographics
    identifiers = [{"system": INDEX, "value": found.patient}]
    if told.nhs_number:
        identifiers.append({"system": NHS_NUMBER, "value": told.nhs_number})
    identifiers += [{"system": each.system, "value": each.value} for each in found.identifiers if each.system and each.value]
    built: dict[str, Any] = {"resourceType": "Patient", "identifier": identifiers}
    if told.names:
        built["name"] = [_spoken(each) for each in told.names]
    if told.phone:
        built["telecom"] = [{"system": "phone", "value": told.phone}]
    if told.gender:
        built["gender"] = told.gender
    if told.birth_date:
        built["birthDate"] = told.birth_date
    if told.address or told.postcode:
        built["address"] = [{k: v for k, v in (("text", told.address), ("postalCode", told.postcode)) if v}]
    return built


def _spoken(name: Name) -> dict[str, Any]:
    use = name.use if name.use in ("official", "usual", "nickname", "old", "maiden", "temp", "anonymous") else "usual"
    told: dict[str, Any] = {"use": use}
    if name.family:
        told["family"] = name.family
    if name.given:
        told["given"] = list(name.given)
    if name.prefix:
        told["prefix"] = [name.prefix]
    return told
