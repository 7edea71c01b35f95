"""docs/proof.md: the sections, sizes and commands it names are those of the program."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from trust import __main__ as program
from trust import b1, b2, b5, b16, b17

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "proof.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| (b\d+|mutation) \| (.+)$", PAGE, re.MULTILINE))
SIZES = {
    "b1": (b1.SEEDED // 1_000_000, b1.EXAMPLES),
    "b2": (b2.WALKS, b2.LENGTH),
    "b5": (b5.RACES,),
    "b6": (),
    "b16": (b16.TRIALS, b16.RESTARTS),
    "b17": (b17.SCHEDULES,),
}


def test_the_table_has_every_section() -> None:
    assert list(ROWS) == list(program.SECTIONS)


@pytest.mark.parametrize(("section", "sizes"), SIZES.items(), ids=SIZES)
def test_the_sizes_are_those_of_the_long_form(section: str, sizes: tuple[int, ...]) -> None:
    assert [size for size in sizes if f"{size:,}" not in ROWS[section]] == []


def test_the_commands_are_understood() -> None:
    commands = re.findall(r"^    \.venv/bin/python -m trust (.+?)(?: *#.*)?$", PAGE, re.MULTILINE)
    assert len(commands) == 4
    for words in commands:
        given = program.arguments(words.split())
        assert set(given.sections) <= set(program.SECTIONS)
