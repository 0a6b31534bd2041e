"""How do people come into the index? A batch of a source's people at a time, in a constant number of statements, idempotent."""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from msgspec import Struct, structs

from carerecord.contracts.patients import Enrolled, PatientEnrolled, PatientsLinked, PersonSplit, SourcePatient
from carerecord.kit.clock import Clock
from carerecord.kit.db import Connection, Pool
from carerecord.kit.events import Outbox
from carerecord.kit.question import encode
from carerecord.kit.turns import SHORT_S, TURN_S, Turns
from carerecord.patients import dates, linking, matching
from carerecord.patients.facts import Facts
from carerecord.patients.likening import Liked, keys_of, liken, strongly
from carerecord.patients.linking import Decisions, Doubt
from carerecord.patients.matching import Traits
from carerecord.patients.model import PDS, VERIFIED, Entry, number_stated, states_nothing
from carerecord.patients.protecting import alone
from carerecord.patients.store import kept, likeness, lineage, reviews

CONFLICT = "05"  # England's code: the trace needs to be resolved


def new_id() -> str:
    """An opaque id: 120 random bits."""
    return secrets.token_hex(15)


class Seen:
    """The traits of entries, folded once."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self._traits: dict[str, Traits] = {}

    async def all(self, entries: Iterable[Entry]) -> None:
        """Fold these now, in turns, so that whoever compares them later finds it done."""
        await self.turns.each(self, entries)

    def __call__(self, entry: Entry) -> Traits:
        if (found := self._traits.get(entry.id)) is None:
            found = self._traits[entry.id] = Traits.of(entry.stated, entry.nhs_number)
        return found


class Relinked(Struct, frozen=True):
    """What came of sorting the entries of some NHS numbers anew."""

    moves: tuple[tuple[str, str, str], ...]  # (patient, person, because)
    doubts: tuple[Doubt, ...]
    doubted: frozenset[str]
    joined: frozenset[str]  # ids that now share a set with another


@dataclass
class Growth:
    """How many entries came in since the planner was last told: it is told at 500, and each time that doubles."""

    since: int = 0
    next: int = 500

    def is_due(self, count: int) -> bool:
        self.since += count
        if self.since < self.next:
            return False
        self.since, self.next = 0, self.next * 2
        return True


@dataclass(frozen=True)
class Enrolling:
    db: Pool
    outbox: Outbox
    clock: Clock
    growth: Growth = field(default_factory=Growth)
    turns: Turns = field(default_factory=lambda: Turns(turn_s=2 * SHORT_S, alone_s=TURN_S))

    async def enrol(self, people: Sequence[SourcePatient]) -> tuple[Enrolled, ...]:
        """Take in what a source says of these people; one answer for each, in their order.

        The same page twice changes nothing. A dozen statements and one commit, however many people.
        """
        if not people:
            return ()
        last = {(each.source, each.local_id): each for each in people}  # a page may hold somebody twice: the later counts
        async with alone(self.db) as db:
            now = self.clock.now()
            known = await kept.entries_at(db, [key[0] for key in last], [key[1] for key in last])
            entries = await self.turns.each(lambda each: entry_of(each[1], known.get(each[0]), now), last.items())
            told = dict(zip(last, entries, strict=True))
            fresh = {key: entry for key, entry in told.items() if key not in known or entry is not known[key]}
            outcomes: dict[tuple[str, str], str] = {}
            if fresh:
                outcomes, written = await self.take_in(db, tuple(fresh.values()), known, now)
                told |= written
        await self.grown(len(outcomes))
        return tuple(
            Enrolled(key[0], key[1], told[key].id, outcomes.get(key, "unchanged"), told[key].to_trace)
            for key in ((each.source, each.local_id) for each in people)
        )

    async def grown(self, count: int) -> None:
        """Told of so many new entries: tells the planner in time."""
        if self.growth.is_due(count):
            await kept.analyse(self.db)

    async def fold_all(self) -> None:
        """Fold entries that came in before likeness was kept, or by an older rule, so that they are found too. Links nothing."""
        while ids := await likeness.unfolded(self.db, 500):
            async with alone(self.db) as db:
                sets = await kept.sets_of(db, ids)
                wanted = set(ids)
                told = [entry for entries in sets.values() for entry in entries if entry.id in wanted]
                if not told:
                    return  # nobody whom the index could find
                await likeness.put(db, await self.turns.each(_folded, told), ids)

    async def take_in(
        self, db: Connection, fresh: Sequence[Entry], known: dict[tuple[str, str], Entry], now: datetime
    ) -> tuple[dict[tuple[str, str], str], dict[tuple[str, str], Entry]]:
        seen = Seen(self.turns)
        numbers = {entry.nhs_number for entry in fresh} - {""}
        mates = await self.turns.each(kept.entry_in, await kept.rows_numbered(db, numbers)) if numbers else []
        replaced = {entry.id for entry in fresh}
        standing = [entry for entry in mates if entry.id not in replaced]
        await seen.all((*standing, *fresh))
        checked, against_pds = _against_the_pds(fresh, standing, seen)
        await self._stay_severed(db, fresh, known, now)
        there = {entry.id: entry.nhs_number for entry in (*fresh, *standing)}
        decided = await reviews.decisions_about(db, there) if known or standing else {}
        by_hand = await reviews.placed(db, [*there]) if any(decided.values()) else frozenset()
        relinked = await relink((*standing, *checked), seen, decided, moved_away(checked, known, seen, decided), by_hand)
        relinked = await with_their_sets(db, relinked, (*standing, *checked))
        doubts = await weighed(undecided((*against_pds, *relinked.doubts), decided), (*standing, *checked), self.turns)
        liked = await self.write(db, checked, relinked, doubts, now, seen)
        before = {entry.id: entry.nhs_number for entry in known.values()}
        if renumbered := [entry.id for entry in checked if before.get(entry.id, entry.nhs_number) != entry.nhs_number]:
            await self.part_severed(db, renumbered, now)
        in_doubt = {name for doubt in (*doubts, *liked.doubts) for name in (doubt.one, doubt.other)}
        outcomes = {}
        for entry in checked:
            key = (entry.stated.source, entry.stated.local_id)
            if entry.id in in_doubt:
                outcomes[key] = "review"
            elif key in known:
                outcomes[key] = "changed"
            else:
                outcomes[key] = "linked" if entry.id in relinked.joined | liked.joined else "new"
        return outcomes, {(entry.stated.source, entry.stated.local_id): entry for entry in checked}

    async def _stay_severed(
        self, db: Connection, fresh: Iterable[Entry], known: Mapping[tuple[str, str], Entry], now: datetime
    ) -> None:
        """A source that states another number of somebody leads no more across than a trace does: who had a severed number stays
        as far from the others as that is, under whatever number it goes on."""
        left = []
        for entry in fresh:
            before = known.get((entry.stated.source, entry.stated.local_id))
            if before is not None and before.nhs_number not in ("", entry.nhs_number):
                left.append((before.nhs_number, entry))
        severed = await likeness.severed_from(db, [number for number, _ in left]) if left else {}
        for number, entry in left:
            for far in severed.get(number, frozenset()) - {entry.id}:
                await likeness.sever(db, far, entry.id, f"source|{entry.stated.source}", now)

    async def write(
        self, db: Connection, entries: Sequence[Entry], relinked: Relinked, doubts: Sequence[Doubt], now: datetime, seen: Seen
    ) -> Liked:
        """Keep entries, sets and doubts, and say what has changed; all in the caller's transaction."""
        ids = [entry.id for entry in entries]
        known = [entry.id for entry in entries if entry.person]
        placed = {patient: (person, because) for patient, person, because in relinked.moves}
        rows, folded = [], []
        async with self.turns.mine() as turn:
            for entry in entries:
                rows.append(_row(entry, seen, *(("", "") if entry.person else placed[entry.id])))
                folded.append(_folded(entry))
                await turn.over()
        await kept.put(db, rows, now)
        await likeness.put(db, folded, known)
        new = {entry.id for entry in entries if not entry.person}
        moves = [move for move in relinked.moves if move[0] not in new]
        changed = await kept.move(db, moves, now)
        # Whoever was brought elsewhere is compared anew: those who are like them stay behind otherwise.
        liked = await liken(db, list(dict.fromkeys((*ids, *(patient for patient, _, _ in moves)))), doubts, self.turns)
        changed |= await kept.move(db, liked.moves, now)
        everything = distinct((*doubts, *liked.doubts))
        if everything or known:  # of what is new nothing waits that might be closed
            await reviews.put_doubts(db, [(new_id(), doubt) for doubt in everything], ids, now)
        said: list[tuple[str, Struct]] = [("PatientEnrolled", PatientEnrolled(tuple(sorted(ids))))]
        if (joined := relinked.joined | liked.joined) or changed:
            said.append(("PatientsLinked", PatientsLinked(tuple(await kept.ids_beside(db, joined, changed)))))
        await self.outbox.announce_all(said, db)
        return liked

    async def part_severed(self, db: Connection, renumbered: Sequence[str], now: datetime) -> None:
        """Whose number has changed, or is severed from now on, leaves whoever stands with them on the other side, whatever
        brought the two together; and with them goes who was merged with them."""
        while pair := await likeness.severed_in_one_set(db, renumbered):
            one, other = pair
            await self.split(db, one, (one, *await lineage.merged_with(db, [one], [other])), now)

    async def split(self, db: Connection, one: str, leaving: Sequence[str], now: datetime, by: str = "") -> None:
        """These leave the set of `one` for a set of their own, since a severed history lies between them and some of it."""
        (before,) = await kept.ids_beside(db, [one])
        person, parted = new_id(), tuple(sorted(leaving))
        await kept.move(db, [(patient, person, "severed") for patient in parted], now)
        await lineage.explain(db, parted, now, "", by)
        rest = tuple(each for each in before if each not in parted)
        await self.tell_sets(db, before)
        await self.outbox.announce("PersonSplit", PersonSplit(before, (rest, parted), "severed"), db)

    async def tell_sets(self, db: Connection, changed: Iterable[str], people: Iterable[str] = ()) -> None:
        """Say which sets of ids are one person each, for those to whom these ids belong, and of these sets by their key."""
        await self.outbox.announce("PatientsLinked", PatientsLinked(tuple(await kept.ids_beside(db, changed, people))), db)


async def relink(
    entries: Iterable[Entry], seen: Seen, decided: Decisions, unplaced: frozenset[str], by_hand: frozenset[str]
) -> Relinked:
    """Sort the verified entries of each NHS number into people; entries of `unplaced` ids keep no set from before, and those whom
    a human has placed stay where they are: their number brings others to them."""
    numbered: dict[str, list[Entry]] = {}
    placed: dict[str, Entry] = {}
    moves: list[tuple[str, str, str]] = []
    doubts: list[Doubt] = []
    joined: set[str] = set()
    for entry in entries:
        placed[entry.id] = entry
        if entry.verified:
            numbered.setdefault(entry.nhs_number, []).append(entry)
    settled: set[str] = set()
    for sorted_out in await seen.turns.each(lambda number: linking.part(numbered[number], seen, decided), sorted(numbered)):
        used: set[str] = set()
        doubts += sorted_out.doubts
        for each in sorted_out.sets:
            stay = {entry.id: entry.person for entry in each if entry.id in by_hand - unplaced}
            there = (entry.person for entry in each if entry.id not in unplaced)
            person = next((here for here in (*stay.values(), *there) if here not in ("", *used)), "") or new_id()
            used |= {person, *stay.values()}
            settled |= {entry.id for entry in each}
            moved = [entry for entry in each if entry.id not in stay and (entry.person != person or entry.id in unplaced)]
            moves += [(entry.id, person, "number" if len(each) > 1 else "enrolled") for entry in moved]
            if moved and len(each) > 1:
                joined |= {entry.id for entry in each}
    for entry in placed.values():
        if entry.id not in settled and (entry.id in unplaced or not entry.person):
            moves.append((entry.id, new_id(), "corrected" if entry.person else "enrolled"))
    return Relinked(tuple(moves), tuple(doubts), frozenset(d.other for d in doubts), frozenset(joined))


async def with_their_sets(db: Connection, relinked: Relinked, entries: Sequence[Entry]) -> Relinked:
    """The same in view of those who stand with them, who bear another number or none: for whom one stands goes where it goes, and
    nobody comes beside somebody from whom they are parted or severed."""
    known = {entry.id: entry for entry in entries if entry.person}
    going = {patient: (person, because) for patient, person, because in relinked.moves}
    brought: dict[str, str] = {}
    if leaving := [patient for patient in going if patient in known]:
        brought = {patient: into for patient, into in (await lineage.followers(db, leaving)).items() if patient not in known}
        going |= {patient: going[into] for patient, into in brought.items()}
    there = {entry.person for entry in known.values()}
    numbers = {entry.id: entry.nhs_number for entry in entries}
    joining = [(patient, numbers.get(patient, ""), person) for patient, (person, _) in going.items() if person in there]
    barred = await reviews.barred(db, joining, list(going)) if joining else frozenset()
    apart = {patient for patient, _ in barred}
    beside = {patient: into for patient, into in brought.items() if into in apart}  # they stay with whoever stands for them
    held = {person for patient, (person, _) in going.items() if patient not in apart and patient not in beside}
    held |= {entry.person for entry in known.values() if entry.id not in going}
    fresh: dict[str, str] = {}
    for patient, person in barred:
        stays = known[patient].person if patient in known else ""
        if stays and stays not in held:
            del going[patient]
        else:
            going[patient] = (fresh.setdefault(person, new_id()), "parted" if stays or patient in brought else "enrolled")
    for patient, into in beside.items():
        if into in going:
            going[patient] = going[into]
        else:
            del going[patient]
    # Of two who come at once by numbers of their own, and were found to be two, neither does: alone each may.
    by_number = [(patient, numbers[patient], person) for patient, (person, _) in going.items() if patient not in brought]
    ids = [patient for patient, _, _ in by_number] if _of_two_numbers(by_number) else []
    clashing = await reviews.clashing(db, by_number, ids)
    going |= {patient: (new_id(), "parted") for patient in clashing}
    going |= {patient: going[into] for patient, into in brought.items() if patient in going and into in clashing}
    coming = [(patient, numbers.get(patient, ""), person) for patient, (person, _) in going.items()]
    for patient in await reviews.clashing(db, coming, list(brought)):
        going[patient] = (new_id(), "parted")
    moves = tuple((patient, *place) for patient, place in going.items())
    return structs.replace(relinked, moves=moves, joined=relinked.joined - apart.union(clashing))


def _of_two_numbers(coming: Iterable[tuple[str, str, str]]) -> bool:
    """Whether two of different numbers come to one set; those of one number were told apart by it."""
    number_to: dict[str, str] = {}
    return any(number_to.setdefault(person, number) != number for _, number, person in coming)


def moved_away(
    fresh: Iterable[Entry], known: dict[tuple[str, str], Entry], seen: Callable[[Entry], Traits], decided: Decisions
) -> frozenset[str]:
    """Entries whose source has corrected what they were linked by: they are placed anew, unless a human has placed them."""
    found = set()
    for entry in fresh:
        before = known.get((entry.stated.source, entry.stated.local_id))
        if before is None or entry.gone:  # what its source took back leaves nobody behind: it stays with whom it was
            continue
        was, now = Traits.of(before.stated, before.nhs_number), seen(entry)
        same = (was.nhs_number, was.birth, was.gender, was.names) == (now.nhs_number, now.birth, now.gender, now.names)
        by_hand = any(finding and entry.id in pair for pair, finding in decided.items())
        if not by_hand and (not same or before.verified != entry.verified):
            found.add(entry.id)
    return frozenset(found)


def entry_of(
    stated: SourcePatient, before: Entry | None, now: datetime, recorded: datetime | None = None, since: datetime | None = None
) -> Entry:
    number, status = number_stated(stated), stated.demographics.nhs_number_status
    if before is None:
        return Entry(new_id(), "", stated, number, status, now, since or now, recorded)
    if before.stated == stated:
        return before
    if _identity(before.stated) == _identity(stated):
        number, status = before.nhs_number, before.nhs_status
    if since is None:  # another number of the same person makes no news of their name or address
        is_same = stated.demographics == before.stated.demographics and not states_nothing(stated)
        since = before.changed_at if is_same else now
    return structs.replace(
        before, stated=stated, nhs_number=number, nhs_status=status, changed_at=since, recorded_at=recorded or before.recorded_at
    )


def _identity(stated: SourcePatient) -> tuple[object, ...]:
    """What a trace compared: while it stays, so does what the trace found."""
    who = stated.demographics
    return who.nhs_number, who.nhs_number_status, who.birth_date, who.gender, who.names


def _against_the_pds(
    fresh: Iterable[Entry], standing: Iterable[Entry], seen: Callable[[Entry], Traits]
) -> tuple[list[Entry], list[Doubt]]:
    """Entries compared with what the PDS has already answered for their number: verified by it, or in doubt."""
    registered = {entry.nhs_number: entry for entry in standing if entry.stated.source == PDS}
    checked, doubts = [], []
    for entry in fresh:
        at_pds = registered.get(entry.nhs_number) if entry.nhs_number else None
        if at_pds is None or entry.verified or entry.id == at_pds.id:
            checked.append(entry)
            continue
        one, other = seen(at_pds), seen(entry)
        against = matching.conflicts(one, other)
        if against:
            doubts.append(Doubt(at_pds.id, entry.id, matching.agrees(one, other), against))
        checked.append(structs.replace(entry, nhs_status=CONFLICT if against else VERIFIED))
    return checked, doubts


def undecided(doubts: Iterable[Doubt], decided: Decisions) -> list[Doubt]:
    """What nobody has answered yet, once each."""
    return distinct(doubt for doubt in doubts if frozenset((doubt.one, doubt.other)) not in decided)


def distinct(doubts: Iterable[Doubt]) -> list[Doubt]:
    return list({frozenset((doubt.one, doubt.other)): doubt for doubt in doubts}.values())


async def weighed(doubts: Iterable[Doubt], entries: Iterable[Entry], turns: Turns) -> list[Doubt]:
    """The same, each with how much every fact tells."""
    by_id = {entry.id: entry for entry in entries}
    return await turns.each(lambda each: strongly(each, facts_of(by_id[each.one]), facts_of(by_id[each.other])), doubts)


def facts_of(entry: Entry) -> Facts:
    return Facts.of(entry.stated, entry.nhs_number, entry.nhs_status)


def _folded(entry: Entry) -> tuple[str, bytes, list[int]]:
    facts = facts_of(entry)
    return entry.id, encode(facts), keys_of(facts)


def _row(entry: Entry, seen: Callable[[Entry], Traits], person: str, because: str) -> kept.Row:
    traits = seen(entry)
    numbers = {*traits.numbers, *((entry.nhs_number,) if entry.nhs_number else ())} - {""}
    return kept.Row(
        entry=entry,
        person=person,
        because=because,
        birth_date=dates.exact(entry.stated.demographics.birth_date),
        postcode=traits.postcode,
        words=tuple(sorted(traits.words)),
        numbers=tuple(sorted(numbers)),
    )
