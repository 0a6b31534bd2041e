"""Which entries resemble these? Candidates by exact keys, in one statement for a batch; `weighing` says how much."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from carerecord.kit.db import Connection, Database, Record
from carerecord.kit.lists import numbers, words
from carerecord.patients.facts import Facts
from carerecord.patients.keys import FOLDED, MOST
from carerecord.patients.model import Entry
from carerecord.patients.store.kept import entry_in

_facts = msgspec.json.Decoder(Facts)


class Member(Struct, frozen=True):
    """One entry as it is compared, and the set that it is in."""

    patient: str
    person: str
    facts: Facts


async def put(db: Connection, rows: Sequence[tuple[str, bytes, list[int]]], known: Sequence[str]) -> None:
    """(id, facts, keys) of entries, new or changed, of which the index has `known`: one statement for the new, two for those."""
    there = frozenset(known)
    if new := [row for row in rows if row[0] not in there]:
        await db.execute(_PUT.format(where_known="", twice=""), *_columns(new), FOLDED)
    if there:
        await db.execute(
            "DELETE FROM likeness_key k USING likeness l WHERE l.patient = ANY ($1) AND k.key = ANY (l.keys) AND k.no = l.no",
            known,
        )
        await db.execute(
            _PUT.format(where_known=_CHANGED, twice="ON CONFLICT DO NOTHING"),
            *_columns([row for row in rows if row[0] in there]),
            FOLDED,
        )


# Of what is new nothing can be there yet, and PostgreSQL need not look for it before each row that it writes. In the order of the
# index, which costs a tenth less.
_PUT: Final = """
    WITH kept AS (
        INSERT INTO likeness (patient, facts, keys, folded)
        SELECT patient, facts, keys::bigint[], $4
          FROM unnest($1::text::text[], $2::bytea[], $3::text::text[]) AS told (patient, facts, keys)
        {where_known}
        RETURNING no, keys
    )
    INSERT INTO likeness_key (key, no) SELECT unnest(keys) AS key, no FROM kept ORDER BY key {twice}
"""
_CHANGED: Final = """
        ON CONFLICT (patient) DO UPDATE SET facts = excluded.facts, keys = excluded.keys, folded = excluded.folded"""


def _columns(rows: Sequence[tuple[str, bytes, list[int]]]) -> tuple[str, list[bytes], str]:
    return words([row[0] for row in rows]), [row[1] for row in rows], words([numbers(row[2]) for row in rows])


BESIDE: Final = """
    WITH mine AS (
        SELECT no, patient, keys FROM likeness WHERE patient = ANY ($1)
    ), hit AS MATERIALIZED (
        SELECT DISTINCT mine.patient, near.no
          FROM mine
         CROSS JOIN LATERAL unnest(mine.keys) AS wanted (key)
         CROSS JOIN LATERAL (SELECT no FROM likeness_key WHERE likeness_key.key = wanted.key LIMIT $2) AS near
         WHERE near.no <> mine.no
    ), found AS (
        SELECT no, array_agg(patient) AS beside FROM hit GROUP BY no
    ), who AS MATERIALIZED (
        SELECT link.person
          FROM found
          JOIN likeness USING (no)
          JOIN link ON link.patient = likeness.patient AND link.until IS NULL
         UNION
        SELECT link.person FROM hit JOIN link ON link.patient = hit.patient AND link.until IS NULL
    )
    SELECT link.patient, link.person, likeness.facts, found.beside
      FROM who
      JOIN link     ON link.person = who.person AND link.until IS NULL
      JOIN likeness ON likeness.patient = link.patient
      LEFT JOIN found USING (no)
"""


async def beside(db: Database, patients: Sequence[str]) -> list[Record]:
    """Everybody of the sets in which these entries, or somebody who shares a key with one of them, are; of a key that many
    share, some. A row each for `member_in` and `hits_of`. None of an entry that is like nobody."""
    return await db.fetch(BESIDE, patients, MOST)


def hits_of(rows: Sequence[Record], patients: Sequence[str]) -> list[tuple[str, str]]:
    """(one of `patients`, another who shares a key with it), in their order."""
    place = {patient: at for at, patient in enumerate(patients)}
    found = [(place[one], row["patient"]) for row in rows for one in row["beside"] or ()]
    return [(patients[at], two) for at, two in sorted(found)]


# `(SELECT $1)`: where the planner cannot count the array, every number of keys has one plan, and that is made once.
ALIKE: Final = """
    WITH hit AS MATERIALIZED (
        SELECT DISTINCT near.no
          FROM unnest((SELECT $1::bigint[])) AS wanted (key)
         CROSS JOIN LATERAL (SELECT no FROM likeness_key WHERE likeness_key.key = wanted.key LIMIT $2) AS near
    )
    SELECT link.person, likeness.facts
      FROM hit
      JOIN likeness USING (no)
      JOIN link ON link.patient = likeness.patient AND link.until IS NULL
"""


async def alike(db: Database, keys: Sequence[int]) -> list[tuple[str, Facts]]:
    """(their set's key, what is compared of them) of everybody who shares one of these keys; of a key that many share, some."""
    return [(row[0], _facts.decode(row[1])) for row in await db.fetch(ALIKE, keys, MOST)]


class Likes:
    """One set that holds somebody who is like a claim."""

    def __init__(self, rows: list[Record]) -> None:
        self._rows = rows

    def facts(self) -> list[Facts]:
        return [_facts.decode(row["facts"]) for row in self._rows if row["facts"] is not None]

    def entries(self) -> tuple[Entry, ...]:
        return tuple(map(entry_in, self._rows))

    def names(self) -> frozenset[str]:
        """The ids and NHS numbers in it."""
        return frozenset(name for row in self._rows for name in (row["id"], row["nhs_number"]) if name)

    def severed(self) -> frozenset[str]:
        """The ids and NHS numbers from which it is severed."""
        return frozenset(name for row in self._rows for name in row["severed"] or ())


SETS: Final = """
    SELECT p.*, link.person, likeness.facts, EXISTS (SELECT FROM merge WHERE gone = p.id AND kind = 'merge' OFFSET 0) AS replaced,
           (SELECT array_agg(name)
              FROM (SELECT other FROM severed WHERE one IN (p.id, p.nhs_number)
                     UNION ALL SELECT one FROM severed WHERE other IN (p.id, p.nhs_number)) AS far (name)) AS severed
      FROM unnest((SELECT $1::text[])) AS wanted (person)
      JOIN link      ON link.person = wanted.person AND link.until IS NULL
      JOIN patient p ON p.id = link.patient
      LEFT JOIN likeness ON likeness.patient = p.id
"""


async def sets(db: Database, people: Sequence[str]) -> dict[str, Likes]:
    """By the set's key: everybody of these sets. Of one that was joined to another meanwhile there is nobody."""
    found: dict[str, list[Record]] = {}
    for row in await db.fetch(SETS, people):
        found.setdefault(row["person"], []).append(row)
    return {person: Likes(rows) for person, rows in found.items()}


async def member_rows(db: Database, people: Iterable[str]) -> list[Record]:
    """Everybody of these sets, a row each for `member_in`, set by set: of a page there are many to read."""
    return await db.fetch(
        """
        SELECT l.patient, l.person, likeness.facts
          FROM link l
          JOIN likeness USING (patient)
         WHERE l.person = ANY ($1)
           AND l.until IS NULL
         ORDER BY l.person, l.patient
        """,
        list(people),
    )


def member_in(row: Record) -> Member:
    return Member(row["patient"], row["person"], _facts.decode(row["facts"]))


async def members(db: Database, people: Iterable[str]) -> dict[str, list[Member]]:
    """Everybody of these sets, by the set's key."""
    found: dict[str, list[Member]] = {}
    for member in map(member_in, await member_rows(db, people)):
        found.setdefault(member.person, []).append(member)
    return found


async def severed_from(db: Database, names: Iterable[str]) -> dict[str, frozenset[str]]:
    """For each of these ids and NHS numbers that is on the list: from which others it is severed."""
    wanted = [name for name in names if name]
    rows = await db.fetch(
        "SELECT one, other FROM severed WHERE one = ANY ($1) UNION ALL SELECT other, one FROM severed WHERE other = ANY ($1)",
        wanted,
    )
    found: dict[str, set[str]] = {}
    for one, other in rows:
        found.setdefault(one, set()).add(other)
    return {name: frozenset(others) for name, others in found.items()}


async def severed_in_one_set(db: Database, patients: Sequence[str]) -> tuple[str, str] | None:
    """One of these, and somebody in its set from whom it is severed, by an id or an NHS number; None where there is nobody."""
    row = await db.fetchrow(
        """
        SELECT mine.id, theirs.id
          FROM unnest($1::text[]) AS told (id)
          JOIN patient AS mine   ON mine.id = told.id
          JOIN link AS here      ON here.patient = mine.id AND here.until IS NULL
          JOIN link AS mate      ON mate.person = here.person AND mate.until IS NULL AND mate.patient <> mine.id
          JOIN patient AS theirs ON theirs.id = mate.patient
         WHERE EXISTS (SELECT FROM severed WHERE one IN (mine.id, mine.nhs_number) AND other IN (theirs.id, theirs.nhs_number))
            OR EXISTS (SELECT FROM severed WHERE other IN (mine.id, mine.nhs_number) AND one IN (theirs.id, theirs.nhs_number))
         ORDER BY mine.id, theirs.id
         LIMIT 1
        """,
        patients,
    )
    return (row[0], row[1]) if row else None


async def sever(db: Connection, one: str, other: str, by: str, now: datetime) -> None:
    told = "INSERT INTO severed (one, other, since, by) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
    await db.execute(told, *sorted((one, other)), now, by)


async def lift(db: Connection, one: str, other: str) -> datetime | None:
    """When the two were severed that are so no more; None where they were not."""
    lifted = "DELETE FROM severed WHERE one = $1 AND other = $2 RETURNING since"
    since: datetime | None = await db.fetchval(lifted, *sorted((one, other)))
    return since


async def sever_successor(db: Connection, number: str, successor: str, by: str, now: datetime) -> None:
    """A number that took another's place is as far from everybody as that one was."""
    for far in (await severed_from(db, [number])).get(number, frozenset()) - {successor}:
        await sever(db, far, successor, by, now)


async def unfolded(db: Database, most: int) -> list[str]:
    """Ids of entries that came in before likeness was kept, or that were folded by an older rule."""
    rows = await db.fetch("SELECT patient FROM likeness WHERE folded < $2 LIMIT $1", most, FOLDED)
    if not rows:
        rows = await db.fetch(
            "SELECT id FROM patient WHERE NOT EXISTS (SELECT FROM likeness WHERE likeness.patient = patient.id) LIMIT $1", most
        )
    return [row[0] for row in rows]
