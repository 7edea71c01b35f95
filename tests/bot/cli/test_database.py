"""`db upgrade`: makes or migrates the tables, as often as one likes; a newer database is refused."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from bot.store import schema
from tests.bot.cli.conftest import Command


def version(path: Path) -> list[tuple[str]]:
    connection = sqlite3.connect(path)
    try:
        return list(connection.execute("select version_num from alembic_version"))
    finally:
        connection.close()


def test_the_tables_are_made_and_a_second_time_is_harmless(runbookctl: Command, installation: Path) -> None:
    for _ in range(2):
        told = runbookctl("db", "upgrade")
        assert told.code == 0, told.err
        assert "up to date" in told.out
    assert version(installation / "state" / "countersign.db") == [(schema.HEAD,)]


def test_a_database_newer_than_the_program_is_refused(runbookctl: Command, installation: Path) -> None:
    runbookctl("db", "upgrade")
    path = installation / "state" / "countersign.db"
    connection = sqlite3.connect(path)
    connection.execute("update alembic_version set version_num = '9999'")
    connection.commit()
    connection.close()
    told = runbookctl("db", "upgrade")
    assert told.code == 2
    assert "Traceback" not in told.err
    assert version(path) == [("9999",)]


def test_a_file_that_is_no_database_is_a_sentence(runbookctl: Command, installation: Path) -> None:
    (installation / "state").mkdir()
    (installation / "state" / "countersign.db").write_bytes(b"\x00garbage" * 999)
    told = runbookctl("db", "upgrade")
    assert told.code in (1, 2)
    assert told.err
    assert "Traceback" not in told.err
