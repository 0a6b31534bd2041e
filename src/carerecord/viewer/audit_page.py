"""Who looked, when and why? For privacy officers; reading the book is written in the book."""

from collections.abc import Mapping

from starlette.responses import Response

from carerecord.contracts.audit import LOOKS, VERIFY, Line, Looks, Verified, VerifyAsked
from carerecord.contracts.patients import PEOPLE, PeopleAsked, Person
from carerecord.contracts.roles import ROLES
from carerecord.kit.errors import Unavailable
from carerecord.pages.formatting import joined
from carerecord.viewer.aliases import ids_of
from carerecord.viewer.book_days import by_day, wanted
from carerecord.viewer.registry import source_names
from carerecord.viewer.visit import Visit

_FINE = {"live", "copy", "none held", "not recorded"}
_NOT_MEANT = {"not asked", "registered elsewhere"}  # nobody had a reason to hear them
WORDS = {
    "record-opened": "Opened the record", "searched": "Searched", "source-retried": "Asked a source again",
    "searched-too-often": "Safety alert: searched more often than one person can read",
    "item-expanded": "Read an item as sent", "refused": "Was refused", "signed-in": "Signed in", "signed-out": "Signed out",
    "objection-made": "Wrote down an objection", "objection-withdrawn": "Withdrew an objection",
    "objections-read": "Read what was said about sharing", "registry-changed": "Changed the registry of sources",
    "source-probed": "Probed a source", "stage-changed": "Opened or closed a section of a source",
    "enrolled": "Enrolled people", "messages-received": "Received messages", "message-refused": "Turned a sender away",
    "message-read": "Read a message as it came", "messages-replayed": "Let messages be filed again",
    "numbers-refused": "Asked by which numbers a person is known, and was refused",
    "numbers-told": "Was told by which numbers a person is known", "seen-by-asked": "Asked who saw an item that was withdrawn",
    "notified": "Was told, by ids alone, that something changed", "subscription-made": "Asked to be told of changes",
    "subscription-changed": "Changed what it is told of", "subscription-ended": "Asks to be told no more",
    "subscription-resumed": "Let notices go out again",
    "people-told-again": "Let the index be asked again of people whom clients wrote",
    "person-left-out": "Left the index as it was of a person whom a client wrote",
    "message-discarded": "Discarded a message", "item-withdrawn": "Its sender withdrew an item: who looked before has seen it",
    "audit-read": "Read this book", "role-chosen": "Chose a role", "attendance-asked": "Asked whether somebody attends now",
    "record-joined": "Late sources joined the record", "safety-alert": "Safety alert: a source answered about somebody else",
    "reviews-read": "Read pairs that may be one person", "people-linked": "Found two entries to be one person",
    "people-kept-apart": "Found two entries to be two people", "decision-undone": "Took back a finding of one person or two",
    "link-parted": "Took an entry out of a person", "histories-severed": "Kept a history apart for good",
    "severance-lifted": "No longer keeps a history apart", "swept": "Asked skipped sources, to measure what skipping misses",
}  # fmt: skip


async def audit(visit: Visit) -> Response:
    return await _page(visit)


async def verify(visit: Visit) -> Response:
    """Recompute the whole chain: has any line been changed or lost?"""
    await visit.must("audit-read")
    found: Verified = await visit.face.calls.ask(VERIFY, VerifyAsked())
    return await _page(visit, found)


async def _page(visit: Visit, verified: Verified | None = None) -> Response:
    await visit.must("audit-read")
    about = visit.sent("about")
    people, unnamed = await _people(visit, (about,) if about else ())
    of, unlisted = await ids_of(visit, about, people.get(about)) if about else ((), "")
    narrowed = wanted(visit)
    looks: Looks = await visit.face.calls.ask(LOOKS, narrowed.asked(visit, of))
    others, silence = await _people(visit, tuple(dict.fromkeys(id_ for line in looks.lines for id_ in line.patients)))
    people |= others
    if theirs := next((people[each] for each in of if each in people), None):
        people |= dict.fromkeys(of, theirs)
    names = await source_names(visit)

    def heard_of(line: Line) -> str:
        return heard(line, names)

    words = {line.what: WORDS.get(line.what, line.what.replace("-", " ").capitalize()) for line in looks.lines}
    return visit.page(
        "audit.html", looks=looks, people=people, words=words, verified=verified, unnamed=unnamed or silence, heard_of=heard_of,
        about=about, unlisted=unlisted, wanted=narrowed, days=by_day(looks.lines), roles=ROLES,
        read_to=looks.next.partition(" ")[0],
    )  # fmt: skip


async def _people(visit: Visit, ids: tuple[str, ...]) -> tuple[dict[str, Person], str]:
    """Who each id is, and why nobody can be named where the index is silent."""
    if not ids:
        return {}, ""
    try:
        found = await visit.face.calls.ask(PEOPLE, PeopleAsked(ids))
    except Unavailable as error:
        return {}, error.says
    return {id_: person for person in found for id_ in person.ids}, ""


def heard(line: Line, names: Mapping[str, str]) -> str:
    """15 sources answered; no answer: Elm Bank Surgery. Whoever did not answer is named; many who were not asked are counted."""
    fine, others = 0, dict[str, list[str]]()
    for each in line.states:
        source, _, state = each.partition("=")
        if state in _FINE:
            fine += 1
        else:
            others.setdefault(state, []).append(names.get(source, source))
    if not line.states and line.sources:
        return joined(names.get(each, each) for each in line.sources)
    told = [f"{fine} source{'' if fine == 1 else 's'} answered"] if fine else []
    return "; ".join([*told, *(_who(state, who) for state, who in others.items())])


def _who(state: str, names: list[str]) -> str:
    return f"{len(names)} {state}" if state in _NOT_MEANT and len(names) > 3 else f"{state}: {joined(names)}"
