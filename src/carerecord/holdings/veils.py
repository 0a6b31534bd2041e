"""What of a record is kept back from whoever asks, and what of the rest is shown without telling where the person is?

Both are told to us as veils. An objection names sections, of which source, from which organisation; over the record of somebody
restricted lies one that also takes what tells of places out of all that it leaves. The database says with each row whether
anything lies over its record; only there is looked further. A row that nobody looked at is shown as a restricted person's.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from carerecord.contracts.permit import Withheld
from carerecord.fhir.bundle import parse
from carerecord.fhir.sections import section_of, sections_of_type
from carerecord.holdings.opening import View
from carerecord.holdings.reaching import NOBODY, RESTRICTED, WHOM
from carerecord.holdings.store import veils as store
from carerecord.holdings.store.changing import Row
from carerecord.holdings.store.veils import Veil


@dataclass(frozen=True)
class Veils:
    whole: Callable[[Row], bytes]

    async def lifted(
        self, rows: Sequence[Row], view: View, types: Collection[str] = (), whose: Collection[str] = ()
    ) -> Sequence[Row]:
        """Those of the rows that are not kept back, each as it may be shown.

        `whose`: the records that were looked through for these types (none named: for all). What lies over them is noted in the
        view whether or not anything was found: a refusal is never told as "none", and tells nothing of what there is.
        """
        organisation = view.reach.veiled_for
        if organisation is None:
            return [looked_at(row) for row in rows] if any(row.veiled for row in rows) else rows
        lies = {row.patient for row in rows if row.veiled}
        if not rows or len(whose) > 1:
            lies.update(set(whose).difference([row.patient for row in rows]))
        lies = {each for each in lies if not each.startswith(NOBODY)}
        if not lies:
            return rows
        over: dict[str, list[Veil]] = {}
        for veil in await store.over(view.db, sorted(lies), organisation):
            over.setdefault(veil.patient, []).append(veil)
        if whose:
            view.withheld.update(_told([veil for each in whose for veil in over.get(each, ())], types))
        return [shown for row in rows if (shown := self._shown(row, over.get(row.patient, ()), view)) is not None]

    def _shown(self, row: Row, veils: Sequence[Veil], view: View) -> Row | None:
        """None: it is kept back."""
        if view.writing and row.organisation == view.reach.veiled_for:
            return looked_at(row)  # what it sent it knows
        mine = [veil for veil in veils if veil.source in ("", row.source) and veil.sections]
        if mine:
            # What a deletion deleted it does not say.
            stands = sections_of_type(row.type) if row.method == "D" else {section_of(parse(self.whole(row)))}
            if any(not stands.isdisjoint(veil.sections) for veil in mine):
                return None
        return looked_at(row, masked=labelled(row) or any(veil.places for veil in veils))


def labelled(row: Row) -> bool:
    """Whether it is a Patient that says by itself that the person is restricted."""
    return row.type == WHOM and row.confidential >= RESTRICTED


def looked_at(row: Row, *, masked: bool = False) -> Row:
    """Shown whole, or without what would tell where the person is."""
    return replace(row, veiled=False, masked=masked) if row.veiled or row.masked is not masked else row


def _told(veils: Iterable[Veil], types: Collection[str]) -> set[Withheld]:
    may = frozenset[str]().union(*map(sections_of_type, types))
    return {
        Withheld(veil.source, section, veil.rule, veil.says)
        for veil in veils
        for section in veil.sections
        if section in may or not types
    }
