"""What of a record do those whom it is about keep back from whoever asks?

Objections are told to us as veils: which sections, of which source, from which organisation. The database says with each row
whether anything lies over its record; only there is looked further, and the body says under which heading it stands.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from carerecord.contracts.permit import Withheld
from carerecord.fhir.bundle import parse
from carerecord.fhir.sections import section_of, sections_of_type
from carerecord.holdings.opening import View
from carerecord.holdings.reaching import NOBODY
from carerecord.holdings.store import veils as store
from carerecord.holdings.store.changing import Row
from carerecord.holdings.store.veils import Veil


@dataclass(frozen=True)
class Veils:
    text: Callable[[Row], bytes]

    async def lifted(
        self, rows: Sequence[Row], view: View, types: Collection[str] = (), whose: Collection[str] = ()
    ) -> Sequence[Row]:
        """Those of the rows that are not kept back.

        `whose`: the records that were looked through for these types (none named: for all). What lies over them is noted in the
        view whether or not anything was found: a refusal is never told as "none", and tells nothing of what there is.
        """
        organisation = view.reach.veiled_for
        if organisation is None:
            return rows
        lies = {row.patient for row in rows if row.veiled}
        if not rows or len(whose) > 1:
            lies.update(set(whose).difference([row.patient for row in rows]))
        lies = {each for each in lies if not each.startswith(NOBODY)}
        if not lies:
            return rows
        over: dict[str, list[Veil]] = {}
        for veil in await store.over(view.db, sorted(lies), organisation):
            over.setdefault(veil.patient, []).append(veil)
        if not over:
            return rows
        if whose:
            view.withheld.update(_told([veil for each in whose for veil in over.get(each, ())], types))
        return [row for row in rows if row.patient not in over or not self._kept_back(row, over[row.patient], view)]

    def _kept_back(self, row: Row, veils: Sequence[Veil], view: View) -> bool:
        if view.writing and row.organisation == view.reach.veiled_for:
            return False  # what it sent it knows
        mine = [veil for veil in veils if veil.source in ("", row.source)]
        if not mine:
            return False
        # What a deletion deleted it does not say.
        stands = sections_of_type(row.type) if row.method == "D" else {section_of(parse(self.text(row)))}
        return any(not stands.isdisjoint(veil.sections) for veil in mine)


def _told(veils: Iterable[Veil], types: Collection[str]) -> set[Withheld]:
    may = frozenset[str]().union(*map(sections_of_type, types))
    return {
        Withheld(veil.source, section, veil.rule, veil.says)
        for veil in veils
        for section in veil.sections
        if section in may or not types
    }
