"""guards/testing.py: the only automatic yes of the project."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import guards
from guards.testing import NOON, answer_no, answer_yes, frozen

ROOM = Path(guards.__file__).parent


def test_the_askers_answer_by_themselves() -> None:
    question = guards.Ask("confirmation", "Sure?", 1.0)
    assert answer_yes(question, frozen()) is True
    assert answer_no(question, frozen()) is False


def test_a_frozen_context_stands_still_and_knows_its_fields() -> None:
    assert frozen() == frozen()
    assert frozen().now == NOON
    with pytest.raises(TypeError):
        frozen(enviroment="dev")


def test_there_is_no_other_automatic_yes() -> None:
    says_yes = [
        path.name for path in ROOM.glob("*.py") if re.search(r"^\s+return True$", path.read_text(), re.MULTILINE)
    ]
    assert set(says_yes) <= {"testing.py", "soundness.py"}, "soundness.py: True means that it can be printed"
    importers = [
        p.name for p in ROOM.glob("*.py") if re.search(r"import.*\btesting\b|guards\.testing\b", p.read_text())
    ]
    assert set(importers) <= {"context.py"}, "only named in words"


def test_noon_is_the_same_noon_in_everybodys_tests() -> None:
    assert NOON.isoformat() == "2030-01-01T12:00:00+00:00"
    assert (frozen().tier, frozen().risk) == (3, "safe")
