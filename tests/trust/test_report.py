from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from trust.report import EXAMPLES, Figure, as_json, lines, show, write


def figure(**changes: object) -> Figure:
    made: dict[str, object] = {
        "claim": "b1",
        "name": "seeded cases",
        "run": "guards against oracle",
        "cases": 300,
        "violations": 0,
        "seconds": 2.5,
        "goal": 100,
    }
    return Figure(**{**made, **changes})  # type: ignore[arg-type]  # reason: a test gives each field its kind


@pytest.mark.parametrize(
    "changes,bound,holds,row",
    [
        ({}, 0.01, True, "yes"),
        ({"goal": 1000}, 0.01, True, "yes, so far"),
        ({"violations": 1}, None, False, "NO"),
        ({"cases": 0}, None, False, "NO"),
        ({"reached": {"allow": 3, "deny": 0}}, 0.01, False, "NO"),
        ({"reached": {"allow": 3}}, 0.01, True, "yes"),
    ],
)
def test_a_figure_holds_or_not(changes: dict[str, object], bound: float | None, holds: bool, row: str) -> None:
    made = figure(**changes)
    assert made.bound == bound
    assert made.holds is holds
    assert lines([made])[0][-1] == row


def test_the_report_keeps_the_other_sections(tmp_path: Path) -> None:
    path = tmp_path / "trust-report.json"
    write(path, "b1", {"seed": 1}, [figure(examples=["x"] * 20)])
    write(path, "b6", {"seed": 2}, [], failed="ValueError: no")
    known = json.loads(path.read_text())
    assert known["b1"]["run"] == {"seed": 1}
    assert known["b1"]["figures"][0]["bound_95"] == 0.01
    assert len(known["b1"]["figures"][0]["examples"]) == EXAMPLES
    assert known["b6"]["failed"] == "ValueError: no"


def test_json_says_what_never_happened() -> None:
    made = json.loads(json.dumps(as_json(figure(reached=Counter({"allow": 1, "deny": 0})))))
    assert made["never_reached"] == ["deny"]
    assert made["enough_cases"]


def test_the_table_is_followed_by_failures() -> None:
    said: list[object] = []
    show([figure(violations=1, examples=["wrong allow: python -m trust b1 --case 7"], reached={"ask": 0})], said.append)
    assert "seeded cases" in str(said[0])
    assert said[1:] == [
        "b1 seeded cases: wrong allow: python -m trust b1 --case 7",
        "b1 seeded cases: never happened: ask",
    ]
