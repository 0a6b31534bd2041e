"""A record of a wide region: 200 sources of 40 organisations take part, 30 of them know the person."""

from msgspec.structs import replace

from carerecord.contracts.records import AllergyTitle, Record, SectionState, SourceState
from tests.pages import scenes
from tests.pages.a_record import NOW, person

TOWNS = (
    "Aldermoor", "Barrowby", "Calder Vale", "Dunholme", "Elmstead", "Fenwick", "Grinton", "Hartley", "Ingleby", "Kirkgate",
)  # fmt: skip
KINDS = (
    ("Surgery", "gp", ("allergies", "medicines", "problems", "encounters", "immunisations")),
    ("Hospitals", "acute", ("allergies", "medicines", "problems", "results", "documents", "plans")),
    ("Community Health", "community", ("problems", "encounters", "observations", "professionals")),
    ("Council", "social-care", ("alerts", "social", "professionals")),
)
PARTS = ("record", "letters", "clinics", "wards", "imaging")
ASKED, ALL = 30, 200


def _source(number: int) -> tuple[str, str, str, str, tuple[str, ...]]:
    """Organisation, its ODS code, the source's name, its kind and sections. Five sources to an organisation."""
    place = number // len(PARTS)
    town = TOWNS[place % len(TOWNS)]
    what, kind, sections = KINDS[place // len(TOWNS) % len(KINDS)]
    return f"{town} {what}", f"X{place:03}", f"{town} {what} {PARTS[number % len(PARTS)]}", kind, sections


def _state(number: int) -> SourceState:
    organisation, ods, name, kind, sections = _source(number)
    state, says = ("live", "") if number < ASKED else ("not asked", "No sign that it knows this person.")
    count, last, phone = 3 + number % 9, "", ""
    if number in (4, 17):
        state, count, last, phone = "no answer", 0, "2026-11-21T08:10:00Z", "01632 960 114"
    elif number == 9:
        state, count, says = "not switched on", 0, "Not switched on yet."
    elif number in (12, 13):
        state, count = "not recorded", 0
    elif number >= ASKED:
        count = 0
    said = tuple(
        SectionState("allergies", "not switched on", says="Not switched on yet.") if number == 6 and each == "allergies"
        else SectionState(each, state, count if place == 0 else 0, says=says)
        for place, each in enumerate(sections)
    )  # fmt: skip
    return SourceState(
        f"s{number:03}", name, ods, f"{name[0]}{number % 10}", kind, state, says, count, sent=count, elapsed_s=0.4,
        as_at="2026-11-22T14:02:07Z" if number < ASKED else "", last_answer=last, phone=phone, sections=said,
        organisation_name=organisation,
    )  # fmt: skip


def wide() -> Record:
    """Harold's record, as it would stand in such a region."""
    record = scenes.harold()
    states = tuple(_state(number) for number in range(ALL))
    unseen = ("not asked", "no answer", "not switched on")
    missing = {
        section.id: tuple(
            state.source
            for state in states
            if any(each.section == section.id and each.state in unseen for each in state.sections)
        )
        for section in record.sections
    }
    sections = tuple(replace(each, missing=missing[each.id]) for each in record.sections)
    who = person("Wide", "Harold", "Mr", "1944-02-19", "male", "9990001030")
    return replace(
        record, opening="o-wide", person=who, states=(*record.states, *states), sections=sections,
        allergies=AllergyTitle("Allergies unavailable", "", (), "", True), at=f"{NOW:%Y-%m-%dT%H:%M:%SZ}",
    )  # fmt: skip
