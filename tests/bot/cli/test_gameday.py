"""`runbookctl gameday` without playing: lists, mistakes, what waits, and the exit code of each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.cli.gameday import is_empty, why_not
from bot.sandbox.gameday.load import load_scenario, read_scenario, shipped
from tests.bot.cli.conftest import Command
from tests.bot.sandbox.gameday.test_load import GOOD

SCENARIOS = [read_scenario(path) for path in shipped()]
READY = [one.id for one in SCENARIOS if not one.waits_for]
WAITING = [one.id for one in SCENARIOS if one.waits_for]


def test_the_list_shows_what_can_be_played_and_what_waits(runbookctl: Command) -> None:
    told = runbookctl("gameday", "--list")
    assert told.code == 0
    assert not [name for name in (*READY, *WAITING) if name not in told.out]
    assert f"{len(READY)} can be played" in told.out
    assert f"{len(WAITING)} are written and wait" in told.out
    assert told.out.count("Waits for") == len(WAITING)


def test_the_list_as_json(runbookctl: Command) -> None:
    told = runbookctl("gameday", "--list", "--json")
    listed = json.loads(told.out)["scenarios"]
    assert (told.code, [one["id"] for one in listed]) == (0, [one.id for one in SCENARIOS])
    assert {one["id"] for one in listed if one["waits_for"]} == set(WAITING)
    assert all(one["because"] for one in listed if one["waits_for"])


@pytest.mark.parametrize("name", WAITING)
def test_one_that_waits_is_not_played_says_why_and_is_no_success(runbookctl: Command, name: str) -> None:
    scenario = next(one for one in SCENARIOS if one.id == name)
    told = runbookctl("gameday", name)
    assert told.code == 2
    assert "is not played: it waits for" in told.out
    assert " ".join(scenario.because.split()) in " ".join(told.out.split())


def test_one_that_waits_as_json(runbookctl: Command) -> None:
    told = runbookctl("gameday", WAITING[0], "--json")
    found = json.loads(told.out)
    assert (told.code, found["played"], list(found["not_played"])) == (2, [], [WAITING[0]])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Say one of"),
        (("--list", "--all"), "Say one of"),
        ((READY[0], "--all"), "Say one of"),
        (("no-such-day",), "There is no scenario 'no-such-day'. There are: x1-service-restart"),
        (("../no-such.yaml",), "no-such.yaml:1:1:"),
        (("/",), "/:1:1:"),
        (("x" * 300,), "There is no scenario"),
        (("x" * 300 + ".yaml",), "yaml:1:1:"),
        (("",), "There is no scenario"),
    ],
)
def test_what_cannot_be_played_is_a_sentence_and_2(runbookctl: Command, words: tuple[str, ...], said: str) -> None:
    told = runbookctl("gameday", *words)
    assert told.code == 2
    assert said in told.err
    assert "Traceback" not in told.out + told.err


def test_a_malformed_file_is_told_with_line_and_fix(runbookctl: Command, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(GOOD.replace("kind: kill", "kind: explode").replace("who: ana", "who: eve"))
    told = runbookctl("gameday", str(file))
    lines = told.err.splitlines()
    assert told.code == 2
    assert [line.split(":")[1] for line in lines] == ["8", "10"]
    assert all("Fix: " in line for line in lines)


def test_a_malformed_runbook_beside_it_is_told_before_anything_is_started(runbookctl: Command, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("id: own\ntitle: 7\n")
    file = tmp_path / "mine.yaml"
    file.write_text(GOOD.replace("approval_timeout: 90s", "runbooks: [own.yaml]"))
    told = runbookctl("gameday", str(file))
    assert told.code == 2
    assert "own.yaml:2:" in told.err
    assert "starting" not in told.out


@pytest.mark.parametrize(
    ("needs", "here", "why"),
    [
        ("[]", [], ""),
        ("[redis-server]", ["redis-server"], ""),
        ("[redis-server]", [], "this machine has no redis-server"),
        ("[one, two, three]", ["two"], "this machine has no one and no three"),
    ],
)
def test_a_program_that_is_not_here_is_named(needs: str, here: list[str], why: str) -> None:
    scenario = load_scenario(GOOD.replace("approval_timeout: 90s", f"needs: {needs}"), "demo.yaml")
    assert why_not(scenario, lambda name: name if name in here else None) == why


@pytest.mark.parametrize("what", ["used", "file"])
def test_a_used_folder_is_refused_because_its_past_would_play_along(
    runbookctl: Command, tmp_path: Path, what: str
) -> None:
    folder = tmp_path / "sandbox"
    if what == "used":
        folder.mkdir()
        (folder / "bot.log").touch()
    else:
        folder.touch()
    told = runbookctl("gameday", READY[0], "--folder", str(folder))
    assert told.code == 2
    assert "is not an empty folder" in told.err
    assert is_empty(tmp_path / "fresh")
