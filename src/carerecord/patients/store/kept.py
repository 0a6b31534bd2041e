"""What does each source say of a person, and which entries are one? One statement for a batch, whatever its size."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Final

import msgspec
from msgspec import Struct

from carerecord.contracts.patients import SourcePatient
from carerecord.kit.db import Connection, Database, Pool, Record
from carerecord.kit.lists import by_column
from carerecord.kit.question import encode
from carerecord.patients.model import Entry
from carerecord.patients.store import lineage, protected

_stated = msgspec.json.Decoder(SourcePatient)


def entry_in(row: Record) -> Entry:
    stated = _stated.decode(row["stated"])
    return Entry(
        row["id"], row["person"], stated, row["nhs_number"], row["nhs_status"], row["enrolled_at"], row["changed_at"],
        row["recorded_at"], row.get("replaced", False),
    )  # fmt: skip


async def set_of(db: Database, patient: str) -> tuple[Entry, ...]:
    """Every entry of the person to whom this id belongs."""
    rows = await db.fetch(
        """
        SELECT p.*, l.person, EXISTS (SELECT FROM merge WHERE gone = p.id AND kind = 'merge' OFFSET 0) AS replaced
          FROM link mine
          JOIN link l    ON l.person = mine.person AND l.until IS NULL
          JOIN patient p ON p.id = l.patient
         WHERE mine.patient = $1
           AND mine.until IS NULL
        """,
        patient,
    )
    return tuple(map(entry_in, rows))


async def sets_of(db: Database, patients: Iterable[str]) -> dict[str, tuple[Entry, ...]]:
    """By the set's key: every entry of every person to whom one of these ids belongs."""
    rows = await db.fetch(
        """
        WITH wanted AS (
            SELECT DISTINCT person FROM link WHERE patient = ANY ($1) AND until IS NULL
        )
        SELECT p.*, l.person, EXISTS (SELECT FROM merge WHERE gone = p.id AND kind = 'merge' OFFSET 0) AS replaced
          FROM wanted
          JOIN link l    ON l.person = wanted.person AND l.until IS NULL
          JOIN patient p ON p.id = l.patient
        """,
        list(patients),
    )
    found: dict[str, list[Entry]] = {}
    for row in rows:
        found.setdefault(row["person"], []).append(entry_in(row))
    return {person: tuple(entries) for person, entries in found.items()}


async def ids_beside(db: Database, patients: Iterable[str], people: Iterable[str] = ()) -> list[tuple[str, ...]]:
    """For each person to whom one of these ids belongs, and each of these sets by its key: all ids, in order. Nothing of what is
    stated is read."""
    rows = await db.fetch(
        """
        WITH wanted AS (
            SELECT person FROM link WHERE patient = ANY ($1) AND until IS NULL
             UNION
            SELECT unnest($2::text[])
        )
        SELECT array_agg(link.patient ORDER BY link.patient) AS ids
          FROM wanted
          JOIN link ON link.person = wanted.person AND link.until IS NULL
         GROUP BY wanted.person
         ORDER BY wanted.person
        """,
        list(patients),
        list(people),
    )
    return [tuple(row["ids"]) for row in rows]


async def entries_at(db: Database, sources: Sequence[str], local_ids: Sequence[str]) -> dict[tuple[str, str], Entry]:
    """The entries that the index has of these (source, local id) pairs."""
    rows = await db.fetch(
        """
        SELECT p.*, l.person
          FROM unnest($1::text::text[], $2::text::text[]) AS wanted (source, local_id)
          JOIN patient p ON p.source = wanted.source AND p.local_id = wanted.local_id
          JOIN link l    ON l.patient = p.id AND l.until IS NULL
        """,
        *by_column(list(zip(sources, local_ids, strict=True)), 2),
    )
    entries = map(entry_in, rows)
    return {(entry.stated.source, entry.stated.local_id): entry for entry in entries}


async def entries_numbered(db: Database, numbers: Iterable[str]) -> tuple[Entry, ...]:
    """Every entry that states one of these NHS numbers."""
    return tuple(map(entry_in, await rows_numbered(db, numbers)))


async def rows_numbered(db: Database, numbers: Iterable[str]) -> list[Record]:
    """The same, a row each for `entry_in`: of a page there are many to read.

    By the number and then by the entry, for a small index too: of that the planner would read all, and again when it has grown.
    """
    return await db.fetch(
        """
        SELECT p.*, l.person
          FROM patient p
         CROSS JOIN LATERAL (SELECT person FROM link WHERE patient = p.id AND until IS NULL OFFSET 0) AS l
         WHERE p.nhs_number = ANY ($1)
           AND p.nhs_number <> ''
        """,
        list(numbers),
    )


class Row(Struct, frozen=True):
    """An entry as it is to be written, with the words and numbers by which it is found."""

    entry: Entry
    person: str  # the set in which a new one is placed; "" where it is in one
    because: str
    birth_date: date | None
    postcode: str
    words: tuple[str, ...]  # without a blank
    numbers: tuple[str, ...]  # the same


async def alone(db: Connection) -> int:
    """Until this transaction ends nobody else enrols or links: two pages never link around each other.

    Answers the last number by which somebody restricted was told: as it was, or a lower one where another gave some meanwhile.
    Each statement has one plan from here on, whatever it is asked of: where that is few, PostgreSQL would plan it every time.
    """
    return int(await db.fetchval(ALONE))


ALONE: Final = """
    SELECT last_value, set_config('plan_cache_mode', 'force_generic_plan', true)
      FROM restricted_told, pg_advisory_xact_lock(7401)
"""


async def put(db: Connection, rows: Sequence[Row], now: datetime) -> None:
    """Write entries, new or changed, with what they are found by, and the sets of those that are new: one statement.

    What an entry has several of comes as one text: an element of an array costs more to send than all that is done with it.
    """
    entries = [row.entry for row in rows]
    words = sorted({word for row in rows for word in row.words})
    await db.execute(
        PUT,
        *by_column(
            [
                (
                    each.entry.id, each.entry.stated.source, each.entry.stated.local_id, each.entry.nhs_number,
                    each.entry.nhs_status, each.postcode, " ".join(each.words), " ".join(each.numbers), each.person, each.because,
                )
                for each in rows
            ],
            10,
        ),
        [encode(entry.stated) for entry in entries],
        [row.birth_date for row in rows],
        [entry.enrolled_at for entry in entries],
        [entry.changed_at for entry in entries],
        [entry.recorded_at for entry in entries],
        now,
        " ".join(words),
        sorted({each.system for entry in entries for each in entry.stated.identifiers if _is_domain(each.system)}),
        [entry.stated.demographics.restricted for entry in entries],
    )


def _is_domain(system: str) -> bool:
    """Not what no index holds, nor any address has: nobody asks by it."""
    return 0 < len(system) <= 500 and system.isprintable()


# A word that the index has not had stands under itself and under itself with each letter left out, as `names.near_keys` has it.
PUT: Final = """
    WITH told AS MATERIALIZED (
        SELECT * FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[], $5::text::text[],
                             $6::text::text[], $7::text::text[], $8::text::text[], $9::text::text[], $10::text::text[],
                             $11::bytea[], $12::date[], $13::timestamptz[], $14::timestamptz[], $15::timestamptz[],
                             $19::boolean[])
                   AS told (id, source, local_id, nhs_number, nhs_status, postcode, words, numbers, person, because,
                            stated, birth_date, enrolled_at, changed_at, recorded_at, restricted)
    ), entered AS (
        INSERT INTO patient (id, source, local_id, stated, nhs_number, nhs_status, birth_date, postcode, enrolled_at, changed_at,
                             recorded_at, restricted, restricted_told)
        SELECT id, source, local_id, stated, nhs_number, nhs_status, birth_date, postcode, enrolled_at, changed_at, recorded_at,
               restricted, CASE WHEN restricted THEN nextval('restricted_told') END
          FROM told
         WHERE person <> ''
    ), changed AS (
        UPDATE patient
           SET stated = told.stated, nhs_number = told.nhs_number, nhs_status = told.nhs_status, birth_date = told.birth_date,
               postcode = told.postcode, changed_at = told.changed_at, recorded_at = told.recorded_at,
               restricted = told.restricted,
               restricted_told = CASE WHEN patient.restricted OR told.restricted THEN nextval('restricted_told')
                                      ELSE patient.restricted_told END
          FROM told
         WHERE told.person = '' AND patient.id = told.id
    ), told_anew AS (
        UPDATE patient
           SET restricted_told = nextval('restricted_told')
          FROM (SELECT person FROM told WHERE person <> ''
                 UNION
                SELECT link.person FROM told JOIN link ON link.patient = told.id AND until IS NULL WHERE told.person = ''
               ) AS changed
          JOIN link AS theirs ON theirs.person = changed.person AND theirs.until IS NULL
         WHERE patient.id = theirs.patient AND patient.restricted AND patient.id NOT IN (SELECT id FROM told)
    ), placed AS (
        INSERT INTO link (patient, person, since, because) SELECT id, person, $16, because FROM told WHERE person <> ''
    ), unnamed AS (
        DELETE FROM name USING told
         WHERE told.person = '' AND patient = told.id AND word <> ALL (string_to_array(told.words, ' '))
    ), named AS (
        INSERT INTO name (patient, word) SELECT id, string_to_table(words, ' ') FROM told WHERE person <> ''
    ), named_anew AS (
        INSERT INTO name (patient, word) SELECT id, string_to_table(words, ' ') FROM told WHERE person = '' ON CONFLICT DO NOTHING
    ), unnumbered AS (
        DELETE FROM identifier USING told
         WHERE told.person = '' AND patient = told.id AND value <> ALL (string_to_array(told.numbers, ' '))
    ), numbered AS (
        INSERT INTO identifier (patient, value) SELECT id, string_to_table(numbers, ' ') FROM told WHERE person <> ''
    ), numbered_anew AS (
        INSERT INTO identifier (patient, value)
        SELECT id, string_to_table(numbers, ' ') FROM told WHERE person = ''
        ON CONFLICT DO NOTHING
    ), used AS (
        INSERT INTO domain (system) SELECT * FROM unnest($18::text[]) ON CONFLICT DO NOTHING
    ), heard AS (
        SELECT said AS word
          FROM string_to_table($17::text, ' ') AS said
          LEFT JOIN LATERAL (SELECT true AS known FROM word_key WHERE key = said AND word = said LIMIT 1) AS had ON true
         WHERE known IS NULL
    )
    INSERT INTO word_key (key, word)
    SELECT word, word FROM heard
     UNION
    SELECT left(word, at - 1) || substr(word, at + 1), word
      FROM heard
     CROSS JOIN generate_series(1, length(word)) AS at
     WHERE length(word) > 2
     ORDER BY 1
"""


async def systems_among(db: Database, wanted: Iterable[str]) -> frozenset[str]:
    """Those of these systems of numbers by which anybody was ever known."""
    rows = await db.fetch("SELECT system FROM domain WHERE system = ANY ($1)", list(wanted))
    return frozenset(row["system"] for row in rows)


async def move(db: Connection, moves: Sequence[tuple[str, str, str]], now: datetime) -> frozenset[str]:
    """Put each (patient, person, because) into the set of that key, and close the row that held until now. Answers the keys of
    the sets that they have left or come to."""
    if not moves:
        return frozenset()
    patients = [patient for patient, _, _ in moves]
    closed = "UPDATE link SET until = $2 WHERE patient = ANY ($1) AND until IS NULL RETURNING person"
    changed = {row["person"] for row in await db.fetch(closed, patients, now)}.union([person for _, person, _ in moves])
    await db.execute(
        """
        INSERT INTO link (patient, person, since, because)
        SELECT patient, person, $4, because FROM unnest($1::text[], $2::text[], $3::text[]) AS moved (patient, person, because)
        """,
        patients,
        [person for _, person, _ in moves],
        [because for _, _, because in moves],
        now,
    )
    await lineage.end_across(db, patients, now)
    await protected.told_anew(db, sorted(changed))
    return frozenset(changed)


PARTED: Final = ("parted", "undone", "unmerged", "severed", "corrected")  # why somebody left others


async def back(db: Connection, names: Sequence[str], at: datetime, new_id: Callable[[], str]) -> dict[str, str]:
    """Into which sets to undo what a decision of these, at that moment, moved: each id that has not left those to whom it came
    since leaves them, wherever all of them are by now, for the set where it was, and with it who was merged with it since;
    for a new one where others are in that set by now."""
    rows = await db.fetch(
        """
        WITH moved AS (
            SELECT moved.patient, moved.person, former.person AS former
              FROM (SELECT patient, person FROM link WHERE since = $1 AND because = 'decided'
                     UNION ALL
                    SELECT patient, person FROM link WHERE since = $1 AND because = 'parted' AND patient = ANY ($3)) AS moved
              JOIN link AS former ON former.patient = moved.patient AND former.until = $1
        ), beside AS (
            SELECT patient FROM link WHERE person IN (SELECT person FROM moved) AND until IS NULL AND since < $1
             UNION
            SELECT patient FROM link WHERE person IN (SELECT person FROM moved) AND until > $1 AND since < $1
        ), there AS (
            SELECT DISTINCT link.person FROM beside JOIN link ON link.patient = beside.patient AND until IS NULL
        ), mate AS (
            SELECT patient, person FROM link WHERE person IN (SELECT former FROM moved) AND until IS NULL AND since < $1
             UNION
            SELECT patient, person FROM link WHERE person IN (SELECT former FROM moved) AND until >= $1 AND since < $1
        ), taken AS (
            SELECT person FROM there
             UNION
            (SELECT person FROM link WHERE person IN (SELECT former FROM moved) AND until IS NULL
             EXCEPT
             SELECT person FROM mate JOIN link USING (patient, person) WHERE until IS NULL)
        )
        SELECT moved.patient, former, former IN (SELECT person FROM taken) AS taken, ARRAY (SELECT patient FROM beside) AS beside
          FROM moved
          JOIN link ON link.patient = moved.patient AND until IS NULL
         WHERE link.since = $1
            OR (link.person IN (SELECT person FROM there)
                AND NOT EXISTS (SELECT FROM link AS since
                                 WHERE since.patient = moved.patient AND since.since > $1 AND because = ANY ($2)))
         ORDER BY moved.patient
        """,
        at,
        PARTED,
        names,
    )
    fresh = {former: new_id() for former in sorted({row["former"] for row in rows if row["taken"]})}
    places = {row["patient"]: fresh.get(row["former"], row["former"]) for row in rows}
    brought = await lineage.merged_with(db, list(places), rows[0]["beside"]) if rows else {}
    return places | {patient: places[into] for patient, into in brought.items()}


async def last_of(db: Connection, patients: Sequence[str]) -> str:
    """Which of these came last to where it is."""
    last = "SELECT patient FROM link WHERE patient = ANY ($1) AND until IS NULL ORDER BY since DESC, id DESC LIMIT 1"
    return str(await db.fetchval(last, list(patients)))


async def analyse(db: Pool) -> None:
    """Tell the planner how large the index has become, so that no plan made for an empty table is kept.

    From a tenth of the rows at which PostgreSQL looks by itself, later on; and not again where another process just did.
    """
    async with db.acquire() as one, one.transaction():
        grown = "SELECT pg_relation_size(oid) > 1.5 * 8192 * relpages FROM pg_class WHERE oid = 'patient'::regclass"
        if await one.fetchval(grown):
            await one.execute("SET LOCAL default_statistics_target = 10")
            await one.execute("ANALYZE patient, name, identifier, word_key, link, likeness, likeness_key")
