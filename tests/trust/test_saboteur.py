from __future__ import annotations

from pathlib import Path

from trust.saboteur import B1, Saboteur


def test_the_gate_is_the_short_b1_unless_another_is_named() -> None:
    assert Saboteur("a", "b.py", "c", "d").gate == B1
    assert all((Path(__file__).resolve().parents[2] / gate).is_file() for gate in B1)
