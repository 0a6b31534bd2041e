"""Which stages were set, by whom, on which evidence?"""

from collections.abc import Mapping, Sequence

from carerecord.kit.db import Database
from carerecord.sources.stages import Set

WHOLE = "*"  # stands for every section of a source that was in force before there were stages


async def set_stages(db: Database) -> Mapping[tuple[str, str], Set]:
    """Every stage that was set, by source and section."""
    rows = await db.fetch("SELECT source, section, stage, organisations, set_by, set_at, evidence FROM stage")
    return {
        (row["source"], row["section"]): Set(
            row["stage"], tuple(row["organisations"]), row["set_by"], row["set_at"], row["evidence"]
        )
        for row in rows
    }


async def write_stages(db: Database, source: str, sections: Sequence[str], said: Set) -> None:
    """These sections of this source stand at this stage from now on."""
    await db.execute(
        """
        INSERT INTO stage (source, section, stage, organisations, set_by, set_at, evidence)
        SELECT $1, section, $3, $4, $5, $6, $7
          FROM unnest($2::text[]) AS section
            ON CONFLICT (source, section) DO UPDATE
           SET stage = EXCLUDED.stage, organisations = EXCLUDED.organisations, set_by = EXCLUDED.set_by,
               set_at = EXCLUDED.set_at, evidence = EXCLUDED.evidence
        """,
        source, list(sections), said.stage, list(said.organisations), said.by, said.at, said.evidence,
    )  # fmt: skip


async def name_sections(db: Database, sections: Mapping[str, Sequence[str]]) -> None:
    """Give the sources that were in force before there were stages their sections by name; sources not named lose theirs."""
    pairs = [(source, section) for source, each in sections.items() for section in each]
    await db.execute(
        """
        INSERT INTO stage (source, section, stage, set_by, set_at)
        SELECT named.source, named.section, stage.stage, stage.set_by, stage.set_at
          FROM unnest($1::text[], $2::text[]) AS named (source, section)
          JOIN stage ON stage.source = named.source AND stage.section = $3
            ON CONFLICT (source, section) DO NOTHING
        """,
        [source for source, _ in pairs], [section for _, section in pairs], WHOLE,
    )  # fmt: skip
    await db.execute("DELETE FROM stage WHERE section = $1", WHOLE)
