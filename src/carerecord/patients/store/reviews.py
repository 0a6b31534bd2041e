"""Which pairs wait for a human, and what have humans found?"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from carerecord.contracts.patients import Doubted, Weighed
from carerecord.kit.db import Connection, Database
from carerecord.kit.question import encode
from carerecord.patients.linking import TOLD, Decisions, Doubt
from carerecord.patients.model import Entry
from carerecord.patients.store import lineage
from carerecord.patients.store.kept import entry_in

_weighed = msgspec.json.Decoder(tuple[Weighed, ...])


async def decisions_about(db: Database, bearers: Mapping[str, str]) -> Decisions:
    """What humans have found of these (id, its NHS number or ""). What is severed is two people, whatever was found before and
    what they bear."""
    named: dict[str, list[str]] = {patient: [patient] for patient in bearers}
    for patient, number in bearers.items():
        if number:
            named.setdefault(number, []).append(patient)
    rows = await db.fetch(
        """
        SELECT one, other, same FROM decision WHERE one = ANY ($1)
        UNION ALL
        SELECT one, other, same FROM decision WHERE other = ANY ($1)
        UNION ALL
        SELECT one, other, NULL FROM severed WHERE one = ANY ($2) AND other = ANY ($2)
        """,
        list(bearers),
        list(named),
    )
    found: Decisions = {frozenset((one, other)): same for one, other, same in rows if same is not None}
    for one, other, same in rows:
        if same is None:
            found |= {frozenset(pair): None for pair in product(named[one], named[other])}
    return found


async def placed(db: Database, patients: Sequence[str]) -> frozenset[str]:
    """Those of these who are in one set with somebody whom a human has found to be the same person."""
    rows = await db.fetch(
        """
        WITH found AS (
            SELECT one AS patient, other AS mate FROM decision WHERE one = ANY ($1) AND same AND decided_by NOT LIKE 'source|%'
             UNION ALL
            SELECT other, one FROM decision WHERE other = ANY ($1) AND same AND decided_by NOT LIKE 'source|%'
        )
        SELECT DISTINCT found.patient
          FROM found
          JOIN link AS mine   ON mine.patient = found.patient AND mine.until IS NULL
          JOIN link AS theirs ON theirs.patient = mate AND theirs.until IS NULL AND theirs.person = mine.person
        """,
        list(patients),
    )
    return frozenset(row["patient"] for row in rows)


async def barred(
    db: Database, moves: Sequence[tuple[str, str, str]], leaving: Sequence[str]
) -> frozenset[tuple[str, str]]:
    """Of these (id, its NHS number or "", key of a set): those (id, set) where somebody in that set, but none who leaves it, was
    found to be another person, or is severed from them."""
    rows = await db.fetch(
        """
        SELECT told.patient, told.person
          FROM unnest($1::text[], $2::text[], $3::text[]) AS told (patient, number, person)
         WHERE EXISTS (
               SELECT
                 FROM link AS mate
                 JOIN patient ON patient.id = mate.patient
                WHERE mate.person = told.person
                  AND mate.until IS NULL
                  AND mate.patient <> told.patient
                  AND mate.patient <> ALL ($4)
                  AND (EXISTS (SELECT FROM decision WHERE one = told.patient AND other = mate.patient AND NOT same)
                    OR EXISTS (SELECT FROM decision WHERE other = told.patient AND one = mate.patient AND NOT same)
                    OR EXISTS (SELECT FROM severed WHERE one IN (told.patient, number) AND other IN (patient.id, nhs_number))
                    OR EXISTS (SELECT FROM severed WHERE other IN (told.patient, number) AND one IN (patient.id, nhs_number))))
        """,
        [patient for patient, _, _ in moves],
        [number for _, number, _ in moves],
        [person for _, _, person in moves],
        list(leaving),
    )
    return frozenset((row["patient"], row["person"]) for row in rows)


async def clashing(db: Database, coming: Sequence[tuple[str, str, str]], ids: Sequence[str]) -> list[str]:
    """Who of `ids` was found to be another person than somebody else of these (id, its NHS number or "", key of a set) who comes
    to the same set, or is severed from them."""
    if not ids:
        return []
    rows = await db.fetch(
        """
        WITH coming AS (
            SELECT told.patient, told.person, coalesce(nullif(told.number, ''), nhs_number, '') AS number
              FROM unnest($1::text[], $2::text[], $3::text[]) AS told (patient, number, person)
              LEFT JOIN patient ON patient.id = told.patient
        )
        SELECT DISTINCT mine.patient
          FROM coming AS mine
          JOIN coming AS mate ON mate.person = mine.person AND mate.patient <> mine.patient
         WHERE mine.patient = ANY ($4)
           AND (EXISTS (SELECT FROM decision WHERE one = mine.patient AND other = mate.patient AND NOT same)
             OR EXISTS (SELECT FROM decision WHERE other = mine.patient AND one = mate.patient AND NOT same)
             OR EXISTS (SELECT FROM severed WHERE one IN (mine.patient, mine.number) AND other IN (mate.patient, mate.number))
             OR EXISTS (SELECT FROM severed WHERE other IN (mine.patient, mine.number) AND one IN (mate.patient, mate.number)))
         ORDER BY mine.patient
        """,
        [patient for patient, _, _ in coming],
        [number for _, number, _ in coming],
        [person for _, _, person in coming],
        list(ids),
    )
    return [row["patient"] for row in rows]


async def unbarred(db: Database, places: Mapping[str, str], new_id: Callable[[], str]) -> dict[str, str]:
    """By id the set to which it returns; a new one, with all who return with it, where somebody there was found to be somebody
    else than one of them since, or is severed."""
    rows = await db.fetch("SELECT id, nhs_number FROM patient WHERE id = ANY ($1)", list(places))
    found = await barred(db, [(row["id"], row["nhs_number"], places[row["id"]]) for row in rows], list(places))
    fresh = {person: new_id() for person in sorted({person for _, person in found})}
    return {patient: fresh.get(person, person) for patient, person in places.items()}


async def put_doubts(db: Connection, doubts: Sequence[tuple[str, Doubt]], settled: Iterable[str], now: datetime) -> None:
    """Open a review for each (new id, doubt), and close those about `settled` ids that are not among them. One that a source
    asked for waits until somebody decides; while the two are one person, unseen."""
    pairs = [(min(doubt.one, doubt.other), max(doubt.one, doubt.other), name, doubt) for name, doubt in doubts]
    weighed = [encode([Weighed(*each) for each in doubt.weighed]) for *_, doubt in pairs]
    await db.execute(
        """
        WITH doubt AS (
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $8::real[], $9::bytea[])
                       AS doubt (one, other, id, agrees, conflicts, bits, weighed)
        ), closed AS (
            UPDATE review
               SET closed_at = $7
             WHERE closed_at IS NULL
               AND (one = ANY ($6) OR other = ANY ($6))
               AND (one, other) NOT IN (SELECT one, other FROM doubt)
               AND NOT conflicts && $10
        )
        INSERT INTO review (one, other, id, agrees, conflicts, since, bits, weighed)
        SELECT one, other, id, string_to_array(agrees, '|'), string_to_array(conflicts, '|'), $7, bits, weighed FROM doubt
        ON CONFLICT (one, other) DO UPDATE
           SET agrees = excluded.agrees, closed_at = NULL, bits = excluded.bits, weighed = excluded.weighed,
               since = CASE WHEN review.closed_at IS NULL THEN review.since ELSE excluded.since END,
               conflicts = CASE WHEN review.closed_at IS NULL AND review.conflicts && $10 THEN review.conflicts
                                ELSE excluded.conflicts END
        """,
        [one for one, _, _, _ in pairs],
        [other for _, other, _, _ in pairs],
        [name for _, _, name, _ in pairs],
        ["|".join(doubt.agrees) for *_, doubt in pairs],
        ["|".join(doubt.conflicts) for *_, doubt in pairs],
        list(settled),
        now,
        [doubt.bits for *_, doubt in pairs],
        weighed,
        TOLD,
    )


class KnownReview(Struct, frozen=True):
    """One that waits, or (with `found`) one that a human has decided."""

    id: str
    one: str
    other: str
    agrees: tuple[str, ...]
    conflicts: tuple[str, ...]
    since: datetime
    found: bool | None = None  # whether the two are one person
    found_at: datetime | None = None
    bits: float = 0.0
    weighed: tuple[Weighed, ...] = ()


# Between which sets a severed history lies, by their keys.
_FAR: Final = """
        far AS MATERIALIZED (
            SELECT least(mine.person, theirs.person) AS person, greatest(mine.person, theirs.person) AS beside
              FROM severed
             CROSS JOIN LATERAL (
                   SELECT link.person FROM link WHERE patient = severed.one AND until IS NULL
                    UNION ALL
                   SELECT link.person
                     FROM patient
                     JOIN link ON link.patient = patient.id AND until IS NULL
                    WHERE nhs_number = severed.one AND nhs_number <> '') AS mine
             CROSS JOIN LATERAL (
                   SELECT link.person FROM link WHERE patient = severed.other AND until IS NULL
                    UNION ALL
                   SELECT link.person
                     FROM patient
                     JOIN link ON link.patient = patient.id AND until IS NULL
                    WHERE nhs_number = severed.other AND nhs_number <> '') AS theirs
        )"""

# Every open review of two people between whom none lies.
_WAITING: Final = f"""{_FAR}, waiting AS (
            SELECT review.*, asked.person, asked.beside
              FROM review
              JOIN link AS l ON l.patient = review.one   AND l.until IS NULL
              JOIN link AS r ON r.patient = review.other AND r.until IS NULL AND r.person <> l.person
             CROSS JOIN LATERAL (SELECT least(l.person, r.person), greatest(l.person, r.person)) AS asked (person, beside)
             WHERE closed_at IS NULL
               AND NOT EXISTS (SELECT FROM far WHERE far.person = asked.person AND far.beside = asked.beside)
        )"""  # noqa: S608


async def open_reviews(db: Database, most: int, skip: int = 0) -> tuple[KnownReview, ...]:
    """Every pair that waits between two people, of so many pairs of people behind the first `skip`: who waits longest first."""
    rows = await db.fetch(
        f"""
        WITH {_WAITING}, question AS (
            SELECT person, beside, min(since) AS asked
              FROM waiting
             GROUP BY person, beside
             ORDER BY asked, person, beside
             LIMIT $1 OFFSET $2
        )
        SELECT id, one, other, agrees, conflicts, since, bits, weighed
          FROM waiting
          JOIN question USING (person, beside)
         ORDER BY asked, person, beside, since, id
        """,  # noqa: S608
        most,
        skip,
    )
    return tuple(
        KnownReview(
            row["id"], row["one"], row["other"], tuple(row["agrees"]), tuple(row["conflicts"]), row["since"],
            bits=row["bits"], weighed=_weighed.decode(row["weighed"]),
        )
        for row in rows
    )  # fmt: skip


class Doubts(NamedTuple):
    """What waits for a human about one person."""

    entries: tuple[Doubted, ...] = ()  # set against one of theirs, where number and birth date are the same; by source
    merges: tuple[str, ...] = ()  # sources that told of another entry as theirs


async def set_and_doubts(db: Database, patient: str) -> tuple[tuple[Entry, ...], Doubts]:
    """Every entry of the person to whom this id belongs, and what open reviews ask of them. One statement, where
    nothing waits: whoever opens a record waits for it."""
    rows = await db.fetch(
        """
        WITH mine AS (
            SELECT beside.patient AS id, beside.person
              FROM link asked
              JOIN link beside ON beside.person = asked.person AND beside.until IS NULL
             WHERE asked.patient = $1
               AND asked.until IS NULL
        ), against AS (
            SELECT other AS id
              FROM mine
              JOIN review ON one = mine.id AND closed_at IS NULL AND agrees @> ARRAY['NHS number same', 'birth date same']
             UNION
            SELECT one
              FROM mine
              JOIN review ON other = mine.id AND closed_at IS NULL AND agrees @> ARRAY['NHS number same', 'birth date same']
        )
        SELECT patient.*, mine.person, EXISTS (SELECT FROM merge WHERE gone = patient.id AND kind = 'merge' OFFSET 0) AS replaced,
               ARRAY (SELECT ARRAY[source, local_id, id]
                        FROM against
                        JOIN patient USING (id)
                       WHERE NOT EXISTS (SELECT FROM mine WHERE mine.id = against.id)
                       ORDER BY source, local_id) AS doubted,
               ARRAY (SELECT ARRAY[teller.source, CASE mine.id WHEN gone THEN into_id ELSE gone END]
                        FROM mine
                       CROSS JOIN LATERAL (SELECT gone, into_id FROM merge WHERE gone = mine.id AND kind = ANY ($2)
                                            UNION ALL
                                           SELECT gone, into_id FROM merge WHERE into_id = mine.id AND kind = ANY ($2)
                                           OFFSET 0) AS told
                        JOIN patient teller ON teller.id = told.gone
                        JOIN review ON one IN (gone, into_id) AND other IN (gone, into_id)
                       WHERE closed_at IS NULL
                       ORDER BY teller.source) AS merges
          FROM mine
          JOIN patient USING (id)
        """,
        patient,
        lineage.WAITING,
    )
    if not rows:
        return (), Doubts()
    entries, doubted, told = tuple(map(entry_in, rows)), rows[0]["doubted"], rows[0]["merges"]
    if not doubted and not told:
        return entries, Doubts()
    mine = [entry.id for entry in entries]
    hidden = await _beyond(db, mine)
    merges = dict.fromkeys(source for source, other in told if other not in hidden and other not in mine)
    return entries, Doubts(tuple([Doubted(*each) for *each, other in doubted if other not in hidden]), tuple(merges))


async def _beyond(db: Database, patients: Sequence[str]) -> frozenset[str]:
    """Everybody of the sets between which and these a severed history lies."""
    rows = await db.fetch(
        """
        WITH far AS (
            SELECT severed.other AS name FROM patient JOIN severed ON severed.one IN (id, nhs_number) WHERE id = ANY ($1)
             UNION
            SELECT severed.one FROM patient JOIN severed ON severed.other IN (id, nhs_number) WHERE id = ANY ($1)
        )
        SELECT beside.patient
          FROM (SELECT name AS id FROM far
                 UNION
                SELECT id FROM far JOIN patient ON nhs_number = name AND nhs_number <> '') AS named
          JOIN link AS there  ON there.patient = named.id AND there.until IS NULL
          JOIN link AS beside ON beside.person = there.person AND beside.until IS NULL
        """,
        list(patients),
    )
    return frozenset(row["patient"] for row in rows)


async def decided_reviews(db: Database, most: int, skip: int = 0) -> tuple[KnownReview, ...]:
    """Every pair of so many decisions behind the first `skip`: of somebody here, and of no source, the last first; none of two
    between whom a severed history lies."""
    rows = await db.fetch(
        f"""
        WITH {_FAR}, decided AS (
            SELECT review.id, one, other, agrees, conflicts, review.since, same, decided_at
              FROM review
              JOIN decision USING (one, other)
              JOIN link AS l ON l.patient = one   AND l.until IS NULL
              JOIN link AS r ON r.patient = other AND r.until IS NULL
             WHERE closed_at IS NOT NULL
               AND decided_by NOT LIKE 'source|%'
               AND NOT EXISTS (SELECT
                                 FROM far
                                WHERE far.person = least(l.person, r.person) AND far.beside = greatest(l.person, r.person))
        ), finding AS (
            SELECT DISTINCT decided_at FROM decided ORDER BY decided_at DESC LIMIT $1 OFFSET $2
        )
        SELECT id, one, other, agrees, conflicts, since, same, decided_at
          FROM decided
          JOIN finding USING (decided_at)
         ORDER BY decided_at DESC, id
        """,  # noqa: S608
        most,
        skip,
    )
    return tuple(
        KnownReview(
            row["id"], row["one"], row["other"], tuple(row["agrees"]), tuple(row["conflicts"]), row["since"], row["same"],
            row["decided_at"],
        )
        for row in rows
    )  # fmt: skip


async def forget_decision(db: Connection, review: str) -> tuple[tuple[str, ...], datetime] | None:
    """Open again what waited when this was decided, and let what had been found before it stand; the ids, and when. None when
    there is no such decision."""
    rows = await db.fetch(
        """
        WITH told AS (
            SELECT decided_at, decided_by
              FROM decision
              JOIN review USING (one, other)
             WHERE review.id = $1 AND closed_at IS NOT NULL AND decided_by NOT LIKE 'source|%'
        ), taken AS (
            SELECT one, other, decided_at, before_at IS NULL AS first FROM decision JOIN told USING (decided_at, decided_by)
        ), opened AS (
            UPDATE review
               SET closed_at = NULL
              FROM taken
             WHERE taken.one = review.one AND taken.other = review.other AND closed_at = decided_at
        ), stands AS (
            UPDATE decision
               SET same = before_same, decided_at = before_at, decided_by = before_by,
                   before_same = NULL, before_at = NULL, before_by = NULL
              FROM taken
             WHERE taken.one = decision.one AND taken.other = decision.other AND NOT first
        ), gone AS (
            DELETE FROM decision USING taken WHERE taken.one = decision.one AND taken.other = decision.other AND first
        )
        SELECT one, other, decided_at FROM taken
        """,
        review,
    )
    if not rows:
        return None
    return tuple(sorted({name for row in rows for name in (row["one"], row["other"])})), rows[0]["decided_at"]


async def review_pair(db: Connection, review: str) -> tuple[str, str] | None:
    """The two ids of an open review, held until the transaction ends."""
    row = await db.fetchrow("SELECT one, other FROM review WHERE id = $1 AND closed_at IS NULL FOR UPDATE", review)
    return (row["one"], row["other"]) if row else None


async def id_of(db: Database, one: str, other: str) -> str:
    """The id of the review of these two; "" where there is none."""
    return await db.fetchval("SELECT id FROM review WHERE one = $1 AND other = $2", *sorted((one, other))) or ""


async def waits_because(db: Database, one: str, other: str, why: str) -> bool:
    """Whether a human is asked of these two for that reason."""
    asked = "SELECT true FROM review WHERE one = $1 AND other = $2 AND closed_at IS NULL AND $3 = ANY (conflicts)"
    return await db.fetchval(asked, *sorted((one, other)), why) is True


class Finding(NamedTuple):
    pair: tuple[str, str]
    by_human: bool  # and not by a source


async def found_across(db: Database, left: Sequence[str], right: Sequence[str], same: bool) -> list[Finding]:
    """Of which pairs, one of these with one of those, this has been found."""
    rows = await db.fetch(
        """
        SELECT one, other, decided_by NOT LIKE 'source|%' AS by_human
          FROM decision
         WHERE ((one = ANY ($1) AND other = ANY ($2)) OR (one = ANY ($2) AND other = ANY ($1)))
           AND same = $3
         ORDER BY one, other
        """,
        list(left),
        list(right),
        same,
    )
    return [Finding((row["one"], row["other"]), row["by_human"]) for row in rows]


async def joined_since(db: Database, patients: Sequence[str], at: datetime) -> bool:
    """Whether a human has found two of these to be one person after that moment."""
    found = """
        SELECT true
          FROM decision
         WHERE one = ANY ($1)
           AND other = ANY ($1)
           AND same
           AND decided_at > $2
           AND decided_by NOT LIKE 'source|%'
         LIMIT 1
    """
    return await db.fetchval(found, list(patients), at) is True


async def ask_again(db: Connection, left: Sequence[str], right: Sequence[str], closed_at: datetime | None) -> None:
    """What a source has told of one of these and one of those waits for a human, and what was asked of them and closed at that
    moment; but nothing that somebody has answered."""
    await db.execute(
        """
        UPDATE review
           SET closed_at = NULL
         WHERE ((one = ANY ($1) AND other = ANY ($2)) OR (one = ANY ($2) AND other = ANY ($1)))
           AND (closed_at = $4
             OR EXISTS (SELECT FROM merge WHERE gone = one AND into_id = other AND kind = ANY ($3))
             OR EXISTS (SELECT FROM merge WHERE gone = other AND into_id = one AND kind = ANY ($3)))
           AND NOT EXISTS (SELECT FROM decision WHERE decision.one = review.one AND decision.other = review.other)
        """,
        list(left),
        list(right),
        lineage.WAITING,
        closed_at,
    )


async def apart_in_one_set(db: Database, patients: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of these of which it has been found that they are two people, and who are in one set."""
    rows = await db.fetch(
        """
        SELECT one, other
          FROM decision
          JOIN link AS l ON l.patient = one   AND l.until IS NULL
          JOIN link AS r ON r.patient = other AND r.until IS NULL AND r.person = l.person
         WHERE one = ANY ($1)
           AND other = ANY ($1)
           AND NOT same
         ORDER BY one, other
        """,
        list(patients),
    )
    return [(row["one"], row["other"]) for row in rows]


async def ages(db: Database, now: datetime) -> tuple[int, datetime | None, float, int, int, int]:
    """(waiting, oldest since, median age in seconds, over a week, decided in a week, undone in a week), by pairs of people.

    What a source has told of two of its numbers nobody has decided.
    """
    row = await db.fetchrow(
        f"""
        WITH {_WAITING}, question AS (
            SELECT min(since) AS since FROM waiting GROUP BY person, beside
        )
        SELECT count(*) AS waiting, min(since) AS oldest,
               coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM $1 - since)), 0)::float8 AS median,
               count(*) FILTER (WHERE since < $1 - interval '7 days') AS old,
               (SELECT count(DISTINCT decided_at)
                  FROM decision
                 WHERE decided_at > $1 - interval '7 days' AND decided_by NOT LIKE 'source|%') AS decided,
               (SELECT count(DISTINCT since) FROM link WHERE because = 'undone' AND since > $1 - interval '7 days') AS undone
          FROM question
        """,  # noqa: S608
        now,
    )
    assert row is not None
    return row["waiting"], row["oldest"], row["median"], row["old"], row["decided"], row["undone"]


async def close_across(db: Connection, left: Sequence[str], right: Sequence[str], now: datetime) -> list[tuple[str, str]]:
    """No review of one of these with one of those waits any more; the pairs that did."""
    rows = await db.fetch(
        """
        UPDATE review
           SET closed_at = $3
         WHERE closed_at IS NULL
           AND ((one = ANY ($1) AND other = ANY ($2)) OR (one = ANY ($2) AND other = ANY ($1)))
        RETURNING one, other
        """,
        list(left), list(right), now,
    )  # fmt: skip
    return [(row["one"], row["other"]) for row in rows]


async def decide(db: Connection, pairs: Iterable[tuple[str, str]], same: bool, by: str, now: datetime) -> None:
    """What was found before is remembered: with this taken back it stands again. Nobody is asked of these any more."""
    ordered = sorted({(min(pair), max(pair)) for pair in pairs})
    await db.execute(
        """
        WITH pair AS (
            SELECT * FROM unnest($1::text[], $2::text[]) AS pair (one, other)
        ), closed AS (
            UPDATE review
               SET closed_at = $4
              FROM pair
             WHERE review.one = pair.one AND review.other = pair.other AND closed_at IS NULL
        )
        INSERT INTO decision (one, other, same, decided_at, decided_by)
        SELECT one, other, $3, $4, $5 FROM pair
        ON CONFLICT (one, other) DO UPDATE
           SET same = excluded.same, decided_at = excluded.decided_at, decided_by = excluded.decided_by,
               before_same = decision.same, before_at = decision.decided_at, before_by = decision.decided_by
        """,
        [one for one, _ in ordered],
        [other for _, other in ordered],
        same,
        now,
        by,
    )
