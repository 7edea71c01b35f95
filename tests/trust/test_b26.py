from __future__ import annotations

from pathlib import Path

import pytest

from trust import b26
from trust.order import Order
from trust.saboteur import Saboteur

GATE = ("tests/trust/test_words.py",)
WORD = Saboteur("a word is missing", "trust/words.py", '"approve", "forbid")', '"approve")', GATE)


def test_a_saboteur_that_is_caught_turns_its_gate_red_and_the_source_stays_as_it_is() -> None:
    before = (b26.ROOT / WORD.file).read_text(encoding="utf-8")
    trial = b26.try_one((WORD, GATE))
    assert trial.code == b26.RED, trial.told
    assert (b26.ROOT / WORD.file).read_text(encoding="utf-8") == before


def test_an_unchanged_copy_is_green() -> None:
    assert b26.try_one((None, GATE)).code == b26.GREEN


def test_a_saboteur_that_does_not_fit_is_not_caught() -> None:
    trial = b26.try_one((Saboteur("stale", "trust/words.py", "no such text", "", GATE), GATE))
    assert trial.code not in {b26.RED, b26.GREEN}
    assert "0 times" in trial.told


def trials(job: tuple[Saboteur | None, tuple[str, ...]]) -> b26.Trial:
    saboteur, gate = job
    name = saboteur.name if saboteur else "unchanged"
    return b26.Trial(name, gate, {"unchanged": 0, "good": 1, "missed": 0, "stale": -1}[name], "told", 0.1)


@pytest.mark.parametrize("names,violations", [(["good"], 0), (["good", "missed"], 1), (["good", "stale", "missed"], 2)])
def test_whoever_is_not_caught_is_a_violation(
    names: list[str], violations: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(b26, "SABOTEURS", tuple(Saboteur(name, "a.py", "x", "y", GATE) for name in names))
    monkeypatch.setattr(b26, "spread", lambda work, jobs, processes: map(trials, jobs))
    (figure,) = b26.measure(Order(1, quick=False, processes=1))
    assert (figure.cases, figure.violations) == (len(names), violations)
    assert [each["name"] for each in figure.extra["caught"]] == ["good"]


def test_the_copy_holds_the_source_and_nothing_of_this_machine(tmp_path: Path) -> None:
    root = b26.copied(tmp_path)
    assert (root / "guards" / "policy.py").is_file()
    assert not (root / ".venv").exists()
    assert not (root / "state").exists()


def test_one_saboteur_is_played_again_by_its_name() -> None:
    with pytest.raises(ValueError, match="nobody"):
        b26.replay(1, "nobody")
