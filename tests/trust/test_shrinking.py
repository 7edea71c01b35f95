from __future__ import annotations

import pytest

from trust import shrinking
from trust.shrinking import ByteDice


def test_hypothesis_finds_no_disagreement_and_does_the_same_again() -> None:
    first, second = shrinking.search((3, 100)), shrinking.search((3, 100))
    assert not first.kept
    assert first.cases >= 100
    assert first.reached == second.reached
    assert all(first.reached[outcome] for outcome in ("allow", "ask", "deny"))


def test_what_it_finds_is_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shrinking, "compare", lambda *words: ("codes", "said", None))
    monkeypatch.setattr(shrinking, "as_judgement", str)
    tally = shrinking.search((3, 40))
    assert tally.kinds == {"codes": 1}
    assert "policy {" in tally.kept[0].words


def test_bytes_are_dice() -> None:
    dice = ByteDice(b"\x80\xff\x40\x00")
    assert dice.getrandbits(1) == 1
    assert dice.getrandbits(4) == 15
    assert dice.random() == 0.25
    assert dice.choice("abc") == "a"
    assert dice.random() == 0.0
    assert sorted(dice.sample("abc", 3)) == ["a", "b", "c"]
