"""Audit verify: whole chains pass; an edited, deleted, inserted or cut row is named (T66)."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest

from bot.store import audit
from bot.store.session import Store
from tests.bot.cli.conftest import Command
from tests.fakes.equipment import START

ROWS = 6


@pytest.fixture
def chained(installation: Path) -> Path:
    """A database with a few records; its path."""
    path = installation / "state" / "countersign.db"
    path.parent.mkdir()

    async def fill() -> None:
        store = await Store.open(f"sqlite+aiosqlite:///{path}")
        for number in range(ROWS):
            await store.write(lambda s, n=number: audit.append(s, START, "ana", "event", f"run_{n}", {"n": n}))
        await store.close()

    asyncio.run(fill())
    return path


def tamper(path: Path, *statements: str) -> None:
    """As somebody with the file would: the triggers go first."""
    connection = sqlite3.connect(path)
    for (name,) in connection.execute(
        "select name from sqlite_master where type = 'trigger' and tbl_name = 'audit'"
    ).fetchall():
        connection.execute(f"drop trigger {name}")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_whole_chain(runbookctl: Command, chained: Path) -> None:
    told = runbookctl("audit", "verify")
    assert told.code == 0
    assert f"{ROWS} records, unbroken" in told.out


def test_an_empty_chain(runbookctl: Command, installation: Path) -> None:
    (installation / "state").mkdir()
    told = runbookctl("audit", "verify", "--json")
    assert (told.code, json.loads(told.out)["count"]) == (0, 0)


TAMPERED: dict[str, tuple[list[str], int]] = {
    "data edited": (["update audit set data = '{\"n\":9}' where seq = 3"], 3),
    "actor edited": (["update audit set actor = 'ben' where seq = 1"], 1),
    "time edited": (["update audit set at = '2026-11-21T03:00:01.000000Z' where seq = 6"], 6),
    "subject edited": (["update audit set subject = 'run_9' where seq = 2"], 2),
    "hash edited": (["update audit set hash = replace(hash, substr(hash, 1, 1), 'x') where seq = 4"], 4),
    "a row deleted": (["delete from audit where seq = 3"], 3),
    "a row deleted and the rest moved up": (
        ["delete from audit where seq = 3", "update audit set seq = seq - 1 where seq > 3"],
        3,
    ),
    "two rows exchanged": (
        [
            "update audit set seq = 99 where seq = 2",
            "update audit set seq = 2 where seq = 3",
            "update audit set seq = 3 where seq = 99",
        ],
        2,
    ),
    "a row inserted at the end": (
        ["insert into audit select seq + 1, at, actor, event, subject, data, hash from audit where seq = 6"],
        7,
    ),
    "the first row deleted": (["delete from audit where seq = 1"], 1),
}


@pytest.mark.parametrize(("statements", "bad"), TAMPERED.values(), ids=TAMPERED)
def test_T66_tampering_is_exit_1_and_names_the_record(
    runbookctl: Command, chained: Path, statements: list[str], bad: int
) -> None:
    tamper(chained, *statements)
    told = runbookctl("audit", "verify")
    assert told.code == 1
    assert f"BROKEN at record {bad}:" in told.out
    report = json.loads(runbookctl("audit", "verify", "--json").out)
    assert (report["ok"], report["first_bad_seq"]) == (False, bad)


def test_T66_a_cut_tail_is_found_with_a_head_seen_elsewhere(runbookctl: Command, chained: Path) -> None:
    head = json.loads(runbookctl("audit", "verify", "--json").out)["head"]
    assert runbookctl("audit", "verify", "--head", head).code == 0
    tamper(chained, "delete from audit where seq = 6")
    assert runbookctl("audit", "verify").code == 0
    told = runbookctl("audit", "verify", "--head", head)
    assert told.code == 1
    assert f"BROKEN at record {ROWS}" in told.out


def test_a_database_that_is_none_is_a_sentence(runbookctl: Command, installation: Path) -> None:
    (installation / "state").mkdir()
    (installation / "state" / "countersign.db").write_bytes(b"\x00garbage" * 999)
    told = runbookctl("audit", "verify")
    assert told.code in (1, 2)
    assert told.err
    assert "Traceback" not in told.err


def test_the_triggers_keep_an_honest_program_from_editing(chained: Path) -> None:
    connection = sqlite3.connect(chained)
    for statement in ("update audit set actor = 'x'", "delete from audit"):
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(statement)
    connection.close()
