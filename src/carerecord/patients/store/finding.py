"""Which ids might be meant? Candidates by exact keys in SQL; `matching` scores them. No statement reads a whole table.

Each takes at most a bounded number of candidates: a search that would need more is told to say more.
"""

from collections.abc import Iterable, Sequence
from datetime import date

from carerecord.kit.db import Database
from carerecord.patients import names, nicknames
from carerecord.patients.matching import near_words

MOST = 240  # candidate entries by one kind of key
_WORDS = 40  # near words taken for one typed word

Slots = Sequence[Sequence[str]]

BY_NUMBER = """
    SELECT patient FROM identifier WHERE value = ANY ($1) LIMIT $2
"""

BY_NAMES = """
    WITH hit AS (
        SELECT name.patient, typed.slot
          FROM unnest($1::text[], $2::int[]) AS typed (word, slot)
          JOIN name ON name.word = typed.word
    )
    SELECT patient
      FROM hit
     GROUP BY patient
    HAVING count(DISTINCT slot) >= $3
     ORDER BY count(DISTINCT slot) DESC, patient
     LIMIT $4
"""

BY_TWO_NAMES = """
    SELECT one.patient
      FROM name one
     WHERE one.word = ANY ($1)
       AND EXISTS (SELECT FROM name other WHERE other.patient = one.patient AND other.word = ANY ($2))
     LIMIT $3
"""

BY_BIRTH_DATE = """
    SELECT id AS patient FROM patient WHERE birth_date = ANY ($1) LIMIT $2
"""

BY_BIRTH_DATE_AND_NAME = """
    SELECT born.id AS patient
      FROM patient born
     WHERE born.birth_date = ANY ($1)
       AND EXISTS (SELECT FROM name WHERE name.patient = born.id AND name.word = ANY ($2))
     LIMIT $3
"""

BY_POSTCODE = """
    SELECT id AS patient FROM patient WHERE postcode = $1 AND postcode <> '' LIMIT $2
"""

NEAR_WORDS = """
    SELECT DISTINCT word FROM word_key WHERE key = ANY ($1)
"""

WORDS_BEGINNING = """
    SELECT typed.word AS typed, there.word
      FROM unnest($1::text[]) AS typed (word)
     CROSS JOIN LATERAL (
           SELECT word
             FROM word_key
            WHERE key >= typed.word AND key < typed.word || $2 AND key = word
            ORDER BY key
            LIMIT $3) AS there
"""


async def by_number(db: Database, numbers: Iterable[str]) -> list[str]:
    return [row["patient"] for row in await db.fetch(BY_NUMBER, list(numbers), MOST)]


async def bearers(db: Database, numbers: Sequence[str]) -> dict[str, list[str]]:
    """All who bear each: for who knows the numbers, and looks for nobody. What more than `MOST` bear ("0000") is no number."""
    rows = await db.fetch(
        """
        SELECT wanted.value, bearer.ids
          FROM unnest($1::text[]) AS wanted (value)
         CROSS JOIN LATERAL (
               SELECT array_agg(patient) AS ids
                 FROM (SELECT patient FROM identifier WHERE value = wanted.value LIMIT $2 + 1) AS one) AS bearer
         WHERE cardinality(bearer.ids) <= $2
        """,
        list(numbers),
        MOST,
    )
    return {row["value"]: row["ids"] for row in rows}


async def by_names(db: Database, slots: Slots, least: int) -> list[str]:
    """Those who bear a word of at least `least` of the slots; of three slots or more, those with most of them first."""
    if len(slots) == 2 and least == 2:
        rows = await db.fetch(BY_TWO_NAMES, list(slots[0]), list(slots[1]), MOST)
    else:
        pairs = [(word, slot) for slot, alternatives in enumerate(slots) for word in dict.fromkeys(alternatives)]
        rows = await db.fetch(BY_NAMES, [word for word, _ in pairs], [slot for _, slot in pairs], least, MOST)
    return [row["patient"] for row in rows]


async def by_birth_date(db: Database, births: Sequence[date]) -> list[str]:
    return [row["patient"] for row in await db.fetch(BY_BIRTH_DATE, list(births), MOST)]


async def by_birth_date_and_name(db: Database, births: Sequence[date], words: Iterable[str]) -> list[str]:
    return [row["patient"] for row in await db.fetch(BY_BIRTH_DATE_AND_NAME, list(births), list(words), MOST)]


async def by_postcode(db: Database, postcode: str) -> list[str]:
    return [row["patient"] for row in await db.fetch(BY_POSTCODE, postcode, MOST)]


def with_forms(slots: Slots) -> list[list[str]]:
    """Each slot with the other forms of its words: Bill is also looked for as William."""
    return [list(dict.fromkeys(form for word in slot for form in (word, *sorted(nicknames.forms_of(word))))) for slot in slots]


async def with_near(db: Database, slots: Slots) -> list[list[str]]:
    """Each slot with the words there are that lie one slip away, or begin so; and its short forms."""
    typed = {word for slot in slots for word in slot if len(word) >= 3}
    keys = {key for word in typed for key in names.near_keys(word)}
    there = [row["word"] for row in await db.fetch(NEAR_WORDS, list(keys))] if keys else []
    beginning: dict[str, list[str]] = {}
    for row in await db.fetch(WORDS_BEGINNING, list(typed), "\U0010ffff", _WORDS) if typed else ():
        beginning.setdefault(row["typed"], []).append(row["word"])
    widened = []
    for slot, forms in zip(slots, with_forms(slots), strict=True):
        near = [each for word in slot if word in typed for each in there if near_words(word, each)]
        begun = [each for word in slot for each in beginning.get(word, ())]
        widened.append(list(dict.fromkeys((*forms, *near[:_WORDS], *begun))))
    return widened
