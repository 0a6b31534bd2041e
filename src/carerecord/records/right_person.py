"""Is this answer about the person asked for? A number or birth date that differs discards it; a name alone holds it back."""

import unicodedata
from collections import Counter
from collections.abc import Sequence

from msgspec.structs import replace

from carerecord.connectors.reply import Reply, Said
from carerecord.contracts.patients import Person
from carerecord.contracts.records import Entry, SectionState
from carerecord.fhir.identifiers import NHS_NUMBER

UNCHECKED = "who it is about"


def judged(person: Person, reply: Reply) -> Reply:
    """The reply as it may be merged: whole, without strangers' items, held behind a mismatch, or discarded.

    Every item's own subject is looked at as well: an answer can be right on the whole and hold one item of a neighbour.
    """
    if not reply.local_ids or reply.choices:
        return reply
    danger = _danger(person, reply)
    if danger:
        return discarded(reply, danger)
    numbers = _numbers(person)
    about = {each: is_about(each, reply.local_ids, numbers) for each in {entry.facts.subject for entry in reply.entries}}
    mine = [entry for entry in reply.entries if about[entry.facts.subject]] if not all(about.values()) else reply.entries
    strangers = len(reply.entries) - len(mine)
    if strangers and not mine:
        return discarded(reply, "items about somebody else")
    if strangers:
        reply = _without_strangers(reply, mine, strangers)
    reply = _with_origins(reply)
    mismatches = _mismatches(person, reply)
    return replace(reply, mismatches=mismatches) if mismatches else reply


def discarded(reply: Reply, danger: str) -> Reply:
    """Nothing of a wrong answer is kept, not even how much there was."""
    says = "It answered about somebody else. Nothing of its answer is shown, and this has been reported."
    sections = tuple(SectionState(each.section, "discarded", says=says) for each in reply.sections)
    tally = tuple(replace(each, shown=0) for each in reply.tally)
    return replace(
        reply, state="discarded", says=says, sections=sections, entries=(), tally=tally, danger=danger, warnings=()
    )


def is_about(subject: str, local_ids: tuple[str, ...], numbers: frozenset[str]) -> bool:
    """Whether a reference or identifier names the person. What names nobody was found under the person and stays."""
    if "Patient/" in subject:
        return _is_of(subject, local_ids)
    system, bar, value = subject.partition("|")
    return value in numbers if bar and system == NHS_NUMBER else True


def _is_of(subject: str, local_ids: tuple[str, ...]) -> bool:
    """Whether a reference leads to one of these entries."""
    _, found, id_ = subject.rpartition("Patient/")
    return bool(found) and id_.split("/", 1)[0] in local_ids


def _with_origins(reply: Reply) -> Reply:
    """Each item that bears a number which its source merged into another of this person's says so."""
    ours = {said.local_id for said in reply.said}
    gone = tuple(said.local_id for said in reply.said if said.replaced_by in ours)
    if not gone:
        return reply
    told = (replace(each, merged=True) if _is_of(each.facts.subject, gone) else each for each in reply.entries)
    return replace(reply, entries=tuple(told))


def _danger(person: Person, reply: Reply) -> str:
    numbers, born = _numbers(person), person.demographics.birth_date
    for said in reply.said:
        if said.nhs_number and numbers and said.nhs_number not in numbers:
            return "NHS number"
        if not _same_date(said.birth_date, born) and not _merged(said, reply):
            return "birth date"
        if said.local_id and said.local_id not in reply.local_ids:
            return "another patient's entry"
    return ""


def _merged(said: Said, reply: Reply) -> bool:
    """Whether its source has merged this entry into another of this answer: who the person is, that one says, and is held to it.
    What the old one said of itself ("Unknown Male 47, born 01-Jan-1900") is then no contradiction."""
    return bool(said.replaced_by) and any(each.local_id == said.replaced_by and not each.replaced_by for each in reply.said)


def _numbers(person: Person) -> frozenset[str]:
    """Every NHS number that the index knows for this person: numbers are superseded, and sources keep the old ones."""
    return frozenset({*person.numbers, person.demographics.nhs_number} - {""})


def _same_date(one: str, other: str) -> bool:
    """Partial dates agree as far as the shorter goes; an absent one contradicts nothing."""
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def _mismatches(person: Person, reply: Reply) -> tuple[tuple[str, str, str], ...]:
    if not reply.said:
        return ((UNCHECKED, _name(person), "could not be checked"),) if reply.entries else ()
    here = person.demographics.names
    given_here = [name.given[0] for name in here if name.given]
    family_here = [name.family for name in here if name.family]
    found = []
    for said in reply.said:
        if _merged(said, reply):
            continue
        if not _share_given([text for name in here for text in name.given], said.given):
            found.append(("given name", ", ".join(dict.fromkeys(given_here)), " ".join(said.given)))
        if not _share_family(family_here, said.family):
            found.append(("family name", ", ".join(dict.fromkeys(family_here)), ", ".join(said.family)))
        if _opposite(person.demographics.gender, said) and not said.nhs_number:
            found.append(("sex", person.demographics.gender, said.gender))
    return tuple(dict.fromkeys(found))


def _opposite(gender: str, said: Said) -> bool:
    # With the same NHS number a changed gender is no sign of another person; without one it may be a twin's entry.
    return {gender, said.gender} == {"male", "female"}


def _share_given(here: list[str], there: tuple[str, ...]) -> bool:
    """One given name in common, or an initial that fits. Near is not the same: twins are often called alike."""
    if not here or not there:
        return True
    if _one_word_in_both(here, there):
        return True
    left = {part for name in here for part in _folded(name)}
    right = {part for name in there for part in _folded(name)}
    if left & right:
        return True
    initials = {part for part in left | right if len(part) == 1}
    return any(part[0] in initials for part in left | right if len(part) > 1)


def _share_family(here: list[str], there: tuple[str, ...]) -> bool:
    if not here or not there:
        return True
    if _one_word_in_both(here, there):
        return True
    whole = {"".join(_folded(name)) for name in here} & {"".join(_folded(name)) for name in there}
    left = {part for name in here for part in _folded(name) if len(part) > 2}
    right = {part for name in there for part in _folded(name) if len(part) > 2}
    return bool(whole or left & right)


def _one_word_in_both(here: list[str], there: tuple[str, ...]) -> bool:
    """Whether one name of letters alone is written alike in both, as nearly always."""
    return any(each in here and each.isalpha() for each in there)


def _folded(name: str) -> list[str]:
    """The parts of a name without case, accents and marks: "D'Árcy-Smith" as darcy, smith."""
    plain = "".join(each for each in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(each))
    plain = plain.replace("'", "").replace("’", "")
    return "".join(each if each.isalnum() else " " for each in plain).split()


def _name(person: Person) -> str:
    for name in person.demographics.names:
        return " ".join([*name.given[:1], name.family])
    return ""


def _without_strangers(reply: Reply, mine: Sequence[Entry], strangers: int) -> Reply:
    kept = {entry.key for entry in mine}
    theirs = [entry.facts for entry in reply.entries if entry.key not in kept]
    taken, types = Counter(facts.section for facts in theirs), Counter(facts.resource_type for facts in theirs)
    says = f"{strangers} item{'s' if strangers > 1 else ''} about somebody else not shown"
    sections = tuple(
        replace(each, state="incomplete", count=each.count - taken[each.section], says=says) if each.section in taken else each
        for each in reply.sections
    )
    tally = tuple(replace(each, shown=each.shown - types[each.resource_type]) for each in reply.tally)
    return replace(
        reply, state="incomplete", says=says, sections=sections, entries=tuple(mine), tally=tally, strangers=strangers
    )
