"""May this stage be set, by this person, on this evidence? Pure: everything that is needed is handed in."""

from datetime import datetime, timedelta

from msgspec import Struct

from carerecord.contracts.actors import Actor, Role
from carerecord.contracts.sources import Probe, Registry, SharedSection, Source, StageAsked
from carerecord.fhir.identifiers import is_ods_code
from carerecord.kit.errors import NotAcceptable, NotFound, NotUnderstood, Refused
from carerecord.sources.model import reached_as
from carerecord.sources.stages import NAMED, STAGES, WORDS, rank, wider

EVERY = "all"
RULE = "stage/safety-testers"


class Evidence(Struct, frozen=True):
    """A probe, how the source was reached by it, and when."""

    probe: Probe
    reached_as: str
    at: datetime


def who_sets(asked: StageAsked, registry: Registry) -> Actor:
    """Who answers for the change: a clinical safety officer or a named tester.

    Raises:
        Refused: anybody else.
        NotFound: no tester is called so.
    """
    if asked.actor is not None:
        if registry.is_tester(asked.actor):
            return asked.actor
        raise Refused("Only a clinical safety officer or a named safety tester opens or closes a section.", rule=RULE)
    for each in registry.testers:
        if each.id == asked.tester:
            role = Role("", "safety-tester", "Safety tester", each.organisation, each.organisation)
            return Actor(each.issuer, each.subject, each.name, role)
    known = ", ".join(each.id for each in registry.testers)
    raise NotFound(f"No safety tester is called {asked.tester or '(nobody)'}. The registry's files name: {known or 'nobody'}.")


def sections_meant(asked: StageAsked, source: Source) -> tuple[SharedSection, ...]:
    """The sections of the source that are to change.

    Raises:
        NotUnderstood: the stage, the section or an organisation is not one.
        NotAcceptable: wider than the registry's file allows.
    """
    if not asked.section:
        raise NotUnderstood("Say which section, or all of them.")
    if asked.stage not in STAGES:
        raise NotUnderstood(f"A stage is one of {', '.join(STAGES)}.")
    meant = tuple(each for each in source.sections if asked.section in (each.section, EVERY))
    if not meant:
        raise NotUnderstood(f"{source.name} shares no section of that name; it shares {_names(source.sections)}.")
    if asked.stage == NAMED and not asked.organisations:
        raise NotUnderstood("Say to which organisations it is opened, by ODS code.")
    if asked.stage != NAMED and asked.organisations:
        raise NotUnderstood(f"Organisations are named only with the stage {NAMED}.")
    if wrong := [each for each in asked.organisations if not is_ods_code(each)]:
        raise NotUnderstood(f"{wrong[0]!r} is not an ODS code.")
    if high := [each for each in meant if rank(asked.stage) > rank(each.ceiling)]:
        allowed = WORDS[high[0].ceiling]
        raise NotAcceptable(f"The registry's file opens {_names(tuple(high))} of {source.name} to no more than: {allowed}.")
    return meant


def check_evidence(
    asked: StageAsked, source: Source, meant: tuple[SharedSection, ...], found: Evidence | None, *, now: datetime, days: int
) -> None:
    """Whoever opens a section wider has a passing probe in hand, of the source as it is reached now, that is not old.

    To narrow or close a section needs none: that must never wait.

    Raises:
        NotAcceptable: what is wrong with the evidence, and what to do.
    """
    if not any(wider(each, asked.stage, asked.organisations) for each in meant):
        return
    again = f"Probe it again: carerecord sources probe {source.id}."
    if not asked.evidence:
        raise NotAcceptable(f"To open {source.name} wider needs a passing probe of it as evidence. {again}")
    if found is None or found.probe.source != source.id:
        raise NotAcceptable(f"There is no probe of {source.name} by that id. {again}")
    if not found.probe.ok:
        raise NotAcceptable(f"That probe of {source.name} found something wrong. Put it right. {again}")
    if found.reached_as != reached_as(source):
        raise NotAcceptable(f"{source.name} has been changed in the registry since that probe. {again}")
    if found.at < now - timedelta(days=days):
        raise NotAcceptable(f"That probe of {source.name} is older than {days} days. {again}")


def told(source: str, before: tuple[SharedSection, ...], asked: StageAsked) -> tuple[str, ...]:
    """Each change for the book, in ids alone: elm-bank/allergies=off→everyone."""
    after = _words(asked.stage, asked.organisations)
    return tuple(f"{source}/{each.section}={_words(each.stage, each.organisations)}→{after}" for each in before)


def _words(stage: str, organisations: tuple[str, ...]) -> str:
    return " ".join((stage, *organisations))


def _names(sections: tuple[SharedSection, ...]) -> str:
    return ", ".join(each.section for each in sections) or "nothing"
