"""docs/gameday.md says what there is: its example loads, and it names every scenario, fault, word, mark and deed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from bot.sandbox.gameday import scenario as model
from bot.sandbox.gameday.load import load_scenario, read_scenario, shipped
from bot.sandbox.gameday.scenario import MARKS, Deed, Fault, Move, Never, Setup, Word, World
from bot.sandbox.outage import OutageMode

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "gameday.md").read_text(encoding="utf-8")
PROSE = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
TOLD = set(re.findall(r"[a-z0-9_-]+", " ".join(re.findall(r"`([^`]+)`", PROSE))))


def test_the_example_is_a_scenario() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert load_scenario(text, "docs/gameday.md").id == "service-restart"


@pytest.mark.parametrize(
    "names",
    [
        {path.stem for path in shipped()},
        {name for path in shipped() for name in read_scenario(path).waits_for},
        set(get_args(Fault.model_fields["kind"].annotation)),
        set(get_args(Deed)),
        set(get_args(Word)),
        set(get_args(Never)),
        set(get_args(model.Guarded.model_fields["answer"].annotation)),
        set(Setup.model_fields) - {"runbooks"},
        set(World.model_fields),
        set(Move.model_fields) - {"bot"},
        {str(mode) for mode in OutageMode},
    ],
    ids=["scenarios", "waits", "faults", "deeds", "words", "never", "answers", "setup", "world", "moves", "outages"],
)
def test_the_page_names_all_of_them(names: set[str]) -> None:
    assert names
    assert not sorted(names - TOLD)


def test_the_page_explains_every_mark() -> None:
    assert [mark for mark in MARKS if f"\n| {mark} |" in PAGE] == list(MARKS)
