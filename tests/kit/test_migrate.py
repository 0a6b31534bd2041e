"""Do migrations apply once, in order, whole or not at all?"""

import asyncio
import sys
from pathlib import Path

import pytest
from tests.conftest import TestDatabase

from carerecord.kit.migrate import BadMigration, migrate, migrations_in, pending, ready


def a_folder(root: Path, service: str, **files: str) -> Path:
    folder = root / service / "migrations"
    folder.mkdir(parents=True, exist_ok=True)
    for name, sql in files.items():
        (folder / f"{name.removeprefix('m')}.sql").write_text(sql)
    return folder


async def test_folders_go_in_as_given_and_files_by_number(database: TestDatabase, tmp_path: Path) -> None:
    kit = a_folder(tmp_path, "kit", m0001_outbox="CREATE TABLE outbox (id int);")
    ward = a_folder(
        tmp_path,
        "ward",
        m0001_bed="CREATE TABLE bed (id int); INSERT INTO outbox VALUES (1);",
        m0002_name="ALTER TABLE bed ADD COLUMN name text; -- 100% :sure",
    )

    assert not await ready(database.pool, [kit, ward])
    assert await migrate(database.dsn, [kit, ward]) == ("kit/0001_outbox", "ward/0001_bed", "ward/0002_name")
    assert await ready(database.pool, [kit, ward])
    assert await migrate(database.dsn, [kit, ward]) == ()
    assert await database.pool.fetchval("SELECT count(*) FROM outbox") == 1


async def test_a_later_file_goes_in_alone(database: TestDatabase, tmp_path: Path) -> None:
    folder = a_folder(tmp_path, "ward", m0001_bed="CREATE TABLE bed (id int);")
    await migrate(database.dsn, [folder])
    a_folder(tmp_path, "ward", m0002_name="ALTER TABLE bed ADD COLUMN name text;")

    assert [each.id for each in await pending(database.pool, [folder])] == ["ward/0002_name"]
    assert await migrate(database.dsn, [folder]) == ("ward/0002_name",)


async def test_a_function_body_with_semicolons_arrives_whole(database: TestDatabase, tmp_path: Path) -> None:
    body = """
        CREATE FUNCTION twice(n int) RETURNS int LANGUAGE plpgsql AS $$
        DECLARE m int; BEGIN m := n * 2; RETURN m; END $$;
        CREATE TABLE after_it (id int);
    """
    await migrate(database.dsn, [a_folder(tmp_path, "ward", m0001_twice=body)])

    assert await database.pool.fetchval("SELECT twice(21)") == 42


async def test_one_that_breaks_leaves_nothing_half_done(database: TestDatabase, tmp_path: Path) -> None:
    folder = a_folder(
        tmp_path,
        "ward",
        m0001_bed="CREATE TABLE bed (id int);",
        m0002_broken="CREATE TABLE chair (id int); SELECT no_such_column FROM bed;",
    )

    with pytest.raises(BadMigration, match="ward/0002_broken"):
        await migrate(database.dsn, [folder])

    assert await database.pool.fetchval("SELECT to_regclass('bed') IS NULL AND to_regclass('chair') IS NULL")
    assert len(await pending(database.pool, [folder])) == 2
    (folder / "0002_broken.sql").write_text("CREATE TABLE chair (id int);")
    assert len(await migrate(database.dsn, [folder])) == 2


async def in_another_process(dsn: str, folder: Path) -> "asyncio.subprocess.Process":
    source = f"import asyncio, pathlib; from carerecord.kit.migrate import migrate; print(*asyncio.run(migrate({dsn!r}, [pathlib.Path({str(folder)!r})])))"  # noqa: E501
    return await asyncio.create_subprocess_exec(sys.executable, "-c", source, stdout=asyncio.subprocess.PIPE)


async def test_two_processes_that_start_together_apply_each_once(database: TestDatabase, tmp_path: Path) -> None:
    slow = "CREATE TABLE bed (id int); SELECT pg_sleep(0.5); INSERT INTO bed VALUES (1);"
    folder = a_folder(tmp_path, "ward", m0001_bed=slow)

    both = [await in_another_process(database.dsn, folder) for _ in range(2)]
    said = [(await each.communicate())[0].decode().strip() for each in both]

    assert [each.returncode for each in both] == [0, 0]
    assert await database.pool.fetchval("SELECT count(*) FROM bed") == 1
    assert "ward/0001_bed" in "".join(said)


async def test_a_process_killed_half_way_leaves_nothing_and_no_lock(database: TestDatabase, tmp_path: Path) -> None:
    folder = a_folder(tmp_path, "ward", m0001_bed="CREATE TABLE bed (id int); SELECT pg_sleep(20);")
    doomed = await in_another_process(database.dsn, folder)
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    while not await database.pool.fetchval(sleeping):
        await asyncio.sleep(0.05)
    doomed.kill()
    await doomed.wait()
    # What the server does by itself within seconds of a broken connection, at once.
    await database.pool.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
    (folder / "0001_bed.sql").write_text("CREATE TABLE bed (id int);")

    assert await migrate(database.dsn, [folder]) == ("ward/0001_bed",)


async def test_an_up_to_date_start_does_not_import_the_library(database: TestDatabase, tmp_path: Path) -> None:
    folder = a_folder(tmp_path, "ward", m0001_bed="CREATE TABLE bed (id int);")
    await migrate(database.dsn, [folder])
    source = f"import asyncio, pathlib, sys; from carerecord.kit.migrate import migrate; asyncio.run(migrate({database.dsn!r}, [pathlib.Path({str(folder)!r})])); sys.exit('yoyo' in sys.modules or 'psycopg' in sys.modules)"  # noqa: E501

    start = await asyncio.create_subprocess_exec(sys.executable, "-c", source)

    assert await start.wait() == 0


@pytest.mark.parametrize("name", ["1_bed.sql", "0002_bed.sql", "0001-bed.sql", "0001_Bed.sql"])
def test_a_misnamed_or_missing_number_is_refused(tmp_path: Path, name: str) -> None:
    folder = a_folder(tmp_path, "ward")
    (folder / name).write_text("SELECT 1;")

    with pytest.raises(BadMigration):
        migrations_in([folder])


async def test_nobody_waits_a_second_for_a_change_of_a_table_that_somebody_reads_for_long(
    database: TestDatabase, tmp_path: Path
) -> None:
    folder = a_folder(tmp_path, "ward", m0001_bed="CREATE TABLE bed (id int);")
    await migrate(database.dsn, [folder])
    a_folder(tmp_path, "ward", m0002_name="ALTER TABLE bed ADD COLUMN name text;")
    reads = 0

    async with database.pool.acquire() as slow, database.pool.acquire() as quick:
        await quick.execute("SET lock_timeout = '1s'")  # a wait of a second fails the read, and so the test
        reader = slow.transaction()
        await reader.start()
        await slow.fetch("SELECT * FROM bed")
        migrating = asyncio.ensure_future(migrate(database.dsn, [folder]))
        for _ in range(30):
            await quick.fetch("SELECT * FROM bed")
            reads += 1
            await asyncio.sleep(0.05)
        waiting = not migrating.done()
        await reader.rollback()
        applied = await migrating

    assert (waiting, applied, reads) == (True, ("ward/0002_name",), 30)
