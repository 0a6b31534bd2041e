"""One opening's answers as they come: judged, laid out, joined, and drawn as a record each time the page is to change."""

from collections.abc import Mapping, Sequence, Set
from datetime import datetime

from carerecord.connectors.reply import Asking, Reply
from carerecord.contracts.actors import Reason
from carerecord.contracts.patients import Person
from carerecord.contracts.permit import Permit, Withheld
from carerecord.contracts.records import AllergyTitle, Record
from carerecord.kit.turns import Turns
from carerecord.records.choosing import Choice, granted_by_source, not_asked, whole
from carerecord.records.gather import nothing
from carerecord.records.merge import Frame, Merging
from carerecord.records.right_person import judged
from carerecord.records.sheets import Sheet, sheet_of


class Drawing:
    """Kept for as long as the opening is answered, and by nobody after it."""

    def __init__(
        self, opening: str, person: Person, reason: Reason, permit: Permit, choices: Sequence[Choice],
        asked: Mapping[str, Asking], degraded: tuple[str, ...], turns: Turns, *, painted: bool = False,
        served: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self._turns = turns
        self._painted = painted  # what comes from now on joins a page that the reader has before them
        self._person, self._permit, self._choices = person, permit, choices
        self._by_id = {each.source.id: each for each in choices}
        self._asked, self._granted = asked, granted_by_source(permit)
        left = tuple((each.source, each.left) for each in choices if each.left and self._granted.get(each.source.id))
        merges = tuple(each.source for each in choices if each.source.id in person.merges and self._granted.get(each.source.id))
        unasked = frozenset(each.source.id for each in choices if not each.asked)
        frame = Frame(opening, person, reason, _told_apart(permit, unasked), degraded, served, left, merges)
        self._merging = Merging(frame, turns)
        self.replies: dict[str, Reply] = {}  # as the sources gave them, once judged
        self._shown: dict[str, Reply] = {}  # with a state for each section that a source shares

    async def keep(self, reply: Reply) -> None:
        """A reply from a moment ago, under the permit of now."""
        self._take(await self._laid_out(reply))

    async def arrived(self, reply: Reply) -> Sheet:
        """A reply judged and laid out, as soon as it has come."""
        return await self._laid_out(judged(self._person, reply), late=self._painted)

    async def meanwhile(self, reply: Reply) -> None:
        """The copy of a source that is still waited for. It counts as no answer: the source is loading as before."""
        sheet = await self._laid_out(reply)
        self._shown[reply.source.id] = sheet.reply
        self._merging.meanwhile(sheet)

    async def drawn(self, batch: Sequence[Sheet], *, before: AllergyTitle | None, at: datetime) -> Record:
        """The record with this batch in it. `before` is what its allergy title said when it was last shown."""
        late, self._painted = self._painted, True
        for sheet in batch:
            self._take(sheet if sheet.late == late else await sheet_of(sheet.reply, self._turns, late=late))
        return await self._merging.drawn(
            [self._shown.get(id_) or self._silent(choice) for id_, choice in self._by_id.items()], at=at,
            complete=all(id_ in self.replies for id_ in self._asked), before=before,
            joined_now=tuple(sheet.reply.source.id for sheet in batch),
        )  # fmt: skip

    @property
    def digest(self) -> str:
        return self._merging.digest

    async def _laid_out(self, reply: Reply, *, late: bool = False) -> Sheet:
        choice = self._by_id.get(reply.source.id)
        shown = whole(choice, self._permit, self._granted, reply) if choice else reply
        return await sheet_of(shown, self._turns, late=late)

    def _take(self, sheet: Sheet) -> None:
        id_ = sheet.reply.source.id
        self.replies[id_] = self._shown[id_] = sheet.reply
        if id_ in self._by_id:
            self._merging.add(sheet)

    def _silent(self, choice: Choice) -> Reply:
        """What stands for a source until its reply has come, or for good where it was not asked or may not be."""
        id_ = choice.source.id
        if asking := self._asked.get(id_):
            return whole(choice, self._permit, self._granted, nothing(asking, "loading", ""))
        if not choice.asked:
            return not_asked(choice)
        return whole(choice, self._permit, self._granted, None)


def _told_apart(permit: Permit, unasked: Set[str]) -> tuple[Withheld, ...]:
    """What is kept back from this reader for good reasons. What is only not switched on yet is said of its source, not here.

    A source that is not asked, for it took its entry back, keeps nothing back.
    """
    return tuple(each for each in permit.withheld if each.kind != "not-open" and each.source not in unasked)
