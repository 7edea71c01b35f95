"""Kill and resume from the terminal: with the database there, gone and corrupt (T55)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from bot.kill_switch import KillSwitch
from bot.stop_file import stops_in_file
from bot.store.session import Store
from tests.bot.cli.conftest import Command
from tests.fakes.equipment import START


def switch(folder: Path) -> Path:
    return folder / "state" / "kill_switch"


def test_T55_kill_works_before_there_is_a_database(runbookctl: Command, installation: Path) -> None:
    told = runbookctl("kill", "--reason", "storm")
    assert told.code == 0
    ((level, name, reason),) = [(s.level, s.name, s.reason) for s in stops_in_file(switch(installation))]
    assert (level, name, reason) == ("all", "", "storm")


def test_T55_kill_works_with_a_corrupt_database(runbookctl: Command, installation: Path) -> None:
    state = installation / "state"
    state.mkdir()
    for name in ("countersign.db", "inbox.db", "engine.db"):
        (state / name).write_bytes(b"\x00garbage" * 999)
    assert runbookctl("kill", "--level", "service", "--name", "payments", "--reason", "r").code == 0
    assert [(s.level, s.name) for s in stops_in_file(switch(installation))] == [("service", "payments")]


def test_T55_kill_works_with_another_file_broken_and_secrets_unreadable(
    runbookctl: Command, installation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (installation / "people.yaml").write_text("people: [")
    monkeypatch.setenv("SLACK_BOT_TOKEN_FILE", "/nothing/here")
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    assert runbookctl("kill", "--reason", "storm").code == 0
    assert len(stops_in_file(switch(installation))) == 1


def test_T62_kill_says_when_it_could_not_be_written(runbookctl: Command, installation: Path) -> None:
    (installation / "state").write_text("a file, not a folder")
    told = runbookctl("kill", "--reason", "storm")
    assert told.code == 1
    assert "kill_switch" in told.err
    assert "Traceback" not in told.err


def test_several_stops_stand_beside_each_other(runbookctl: Command, installation: Path) -> None:
    runbookctl("kill", "--level", "environment", "--name", "prod", "--reason", "a")
    told = runbookctl("kill", "--level", "action", "--name", "redis.flush_database", "--reason", "b", "--json")
    assert json.loads(told.out) == {
        "engaged": True, "level": "action", "name": "redis.flush_database", "file": str(switch(installation)),
    }  # fmt: skip
    assert [s.name for s in stops_in_file(switch(installation))] == ["prod", "redis.flush_database"]


def test_T55_watch_only_from_the_terminal(runbookctl: Command, installation: Path) -> None:
    told = runbookctl("kill", "--level", "monitor", "--reason", "new policy")
    assert (told.code, "monitor" in told.out) == (0, True)
    assert [(s.level, s.name) for s in stops_in_file(switch(installation))] == [("monitor", "")]
    lifted = runbookctl("resume", "--level", "monitor", "--reason", "fine", "--as", operator(installation))
    assert lifted.code == 0
    assert not switch(installation).exists()


WRONG = [
    ["--level", "everything"],
    ["--level", "service"],
    ["--name", "payments"],
    ["--level", "service", "--name", ""],
    ["--level", "monitor", "--name", "payments"],
]


@pytest.mark.parametrize("words", WRONG)
def test_T34_a_stop_must_say_what_it_stops(runbookctl: Command, installation: Path, words: list[str]) -> None:
    told = runbookctl("kill", "--reason", "r", *words)
    assert told.code == 2
    assert not switch(installation).exists()


def test_resume_needs_an_operator_and_says_who_may(runbookctl: Command, installation: Path) -> None:
    runbookctl("kill", "--reason", "storm")
    for person in ("dev", "nobody", ""):
        told = runbookctl("resume", "--reason", "fine", "--as", person)
        assert told.code == 1
        assert "operator" in told.out
    assert switch(installation).exists()


def operator(folder: Path) -> str:
    import yaml

    people: dict[str, Any] = yaml.safe_load((folder / "people.yaml").read_text())
    return str(next(person["id"] for person in people["people"] if "operator" in person["roles"]))


def test_T55_resume_lifts_file_and_row_and_only_once(runbookctl: Command, installation: Path) -> None:
    async def engage() -> None:
        (installation / "state").mkdir(exist_ok=True)
        store = await Store.open(f"sqlite+aiosqlite:///{installation / 'state' / 'countersign.db'}")
        await KillSwitch(store, switch(installation), lambda: START).engage("service", "payments", "why", "ana")
        await store.close()

    asyncio.run(engage())
    words = ("resume", "--level", "service", "--name", "payments", "--reason", "fine", "--as", operator(installation))
    assert runbookctl(*words).code == 0
    assert stops_in_file(switch(installation)) == ()
    again = runbookctl(*words, "--json")
    assert (again.code, json.loads(again.out)) == (1, {"lifted": False})

    async def stops() -> Any:
        store = await Store.open(f"sqlite+aiosqlite:///{installation / 'state' / 'countersign.db'}")
        try:
            return await KillSwitch(store, switch(installation), lambda: START).stops()
        finally:
            await store.close()

    assert asyncio.run(stops()) == ()


def test_T55_nothing_is_lifted_when_the_database_is_corrupt(runbookctl: Command, installation: Path) -> None:
    runbookctl("kill", "--reason", "storm")
    (installation / "state" / "countersign.db").write_bytes(b"\x00garbage" * 999)
    told = runbookctl("resume", "--reason", "fine", "--as", operator(installation))
    assert told.code == 1
    assert "Traceback" not in told.err
    assert len(stops_in_file(switch(installation))) == 1
