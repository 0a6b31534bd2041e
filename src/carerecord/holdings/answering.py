"""Which watches does a resource answer that has just changed? The search parameters decide, compiled as for any search."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from carerecord.contracts.holdings import Reach
from carerecord.contracts.watches import Answering, AnswersAsked, Watch, Watchable, WatchableAsked
from carerecord.fhir.bundle import parse
from carerecord.fhir.search.match import Answers, answers
from carerecord.fhir.search.parameters import Parameters
from carerecord.fhir.search.query import RESULT_PARAMETERS, BadSearch, Clause, read
from carerecord.fhir.sections import section_of
from carerecord.holdings.finding import Finder
from carerecord.holdings.reaching import GUARDED, may_see, most, within
from carerecord.holdings.store import looking
from carerecord.holdings.store.changing import Row
from carerecord.kit.errors import NotUnderstood

_ELSEWHERE: Final = "It narrows by what another resource says, which can change while this one does not"


async def watchable(asked: WatchableAsked, finder: Finder) -> Watchable:
    """Raises NotUnderstood: no such type, or a parameter that is none of it or not about the resource itself."""
    try:
        clauses = _clauses(asked.type, asked.query, finder.parameters)
        for each in clauses:
            answers(each, base=asked.base, now=finder.clock.now())
    except BadSearch as bad:
        raise NotUnderstood(bad.reason) from None
    return Watchable(tuple(each.parameter.code for each in clauses))


async def answering(asked: AnswersAsked, finder: Finder) -> tuple[Answering, ...]:
    """A resource that is hidden today answers nothing, whatever it was."""
    wanted = [(each.id, each.version - each.gone) for each in asked.changed]
    found = await looking.versions(finder.db, asked.type, list(dict.fromkeys(wanted)))
    watches = [(each.reach, _tests(each, asked, finder)) for each in asked.watches]
    told: list[Answering] = []
    async with finder.turns.mine() as turn:
        for key in wanted:
            told.append(_answering(found[key], watches, finder) if key in found else Answering((False,) * len(watches)))
            await turn.over()
    return tuple(told)


def _tests(watch: Watch, asked: AnswersAsked, finder: Finder) -> Sequence[Answers]:
    now = finder.clock.now()
    return [answers(each, base=asked.base, now=now) for each in _clauses(asked.type, watch.query, finder.parameters)]


def _answering(found: tuple[Row, int], watches: Sequence[tuple[Reach, Sequence[Answers]]], finder: Finder) -> Answering:
    row, today = found
    resource = parse(finder.whole(row))
    told = [
        _may_see(reach, row, today, finder.parameters) and all(test(resource) for test in tests) for reach, tests in watches
    ]
    return Answering(tuple(told), row.patient, section_of(resource))


def _may_see(reach: Reach, row: Row, today: int, parameters: Parameters) -> bool:
    mine = may_see(reach, row.type) and within(reach, row.patient, row.type, parameters)
    return mine and max(row.confidential, today) <= most(reach)


@lru_cache(4_096)
def _clauses(type_: str, query: tuple[tuple[str, str], ...], parameters: Parameters) -> tuple[Clause, ...]:
    """Raises BadSearch: it is not one that a resource answers by itself."""
    if type_ not in parameters.types or type_ == GUARDED:
        raise BadSearch("", f"{type_[:40]} is no type that can be waited for")
    for name, _ in query:
        if name.partition(":")[0] in RESULT_PARAMETERS:
            raise BadSearch(name[:60], "says how results are shown, and a notice shows none")
    clauses = read(type_, query, parameters).clauses
    own = tuple([each for each in clauses if isinstance(each, Clause)])
    if len(own) < len(clauses):
        raise BadSearch("", f"{_ELSEWHERE}: leave chains and _has out")
    return own
