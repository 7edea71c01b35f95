"""The arithmetic of the benchmark: ratios, medians, void rounds, verdicts, and a results file that keeps other sections."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.report import Figure, Round, alone, compared, lines, moved, percentile, rounded, show, verdict, write


def speed(*pairs: tuple[float, float], target: float = 0.5) -> Figure:
    return compared("speed", "/s", [Round(*pair) for pair in pairs], "at least", target, limit_is="floor", why="slow")


@pytest.mark.parametrize(
    ("limits", "wanted"),
    [([100, 100, 100], ()), ([100, 131, 100], (1,)), ([100, 130, 70], ()), ([69, 100, 100, 100], (0,))],
)
def test_a_round_is_void_when_its_limit_moved(limits: list[float], wanted: tuple[int, ...]) -> None:
    assert moved(limits) == wanted


def test_a_void_round_does_not_count() -> None:
    figure = speed((100, 60), (100, 60), (100, 60), (10, 60), (100, 60))
    assert (figure.limit, figure.ours, figure.ratio, figure.void, figure.doubt) == (100, 60, 0.6, (3,), "")
    assert figure.reached


def test_with_most_rounds_void_the_figure_is_in_doubt() -> None:
    figure = speed((100, 60), (10, 60), (1000, 60))
    assert "moved more than 30%" in figure.doubt
    assert verdict(figure).endswith("?")


def test_the_ratio_is_the_median_of_ratios_side_by_side() -> None:
    assert speed((100, 50), (120, 120), (80, 40)).ratio == 0.5


@pytest.mark.parametrize(
    ("figure", "reached"),
    [
        (alone("lost", "alerts", 0, "at most", 0), True),
        (alone("lost", "alerts", 1, "at most", 0), False),
        (alone("memory", "MB", 134, "at most", None), True),
        (speed((100, 50)), True),
        (speed((100, 49)), False),
    ],
)
def test_reached(figure: Figure, reached: bool) -> None:
    assert figure.reached is reached


def test_a_reason_stays_only_where_a_target_is_missed() -> None:
    assert speed((100, 49)).why == "slow"
    assert speed((100, 99)).why == ""


def test_percentile_takes_the_largest_at_the_end() -> None:
    assert [percentile([3, 1, 2], share) for share in (0, 0.5, 0.99, 1)] == [1, 2, 3, 3]


def test_the_table_says_figure_limit_ours_ratio_target_reached() -> None:
    assert lines([speed((1000, 490)), alone("lost", "alerts", 0, "at most", 0)]) == [
        ("speed", "1,000 /s", "490 /s", "0.49", "at least 0.5", "NO"),
        ("lost", "-", "0 alerts", "-", "at most 0", "yes"),
    ]


def test_what_is_missed_doubtful_or_skipped_is_said_in_words() -> None:
    said: list[str] = []
    show([speed((100, 49), (10, 4.9))], [("chat", "no stub")], lambda text: said.append(str(text)))
    text = "\n".join(said)
    assert "not reached: speed: slow" in text
    assert "in doubt: speed" in text
    assert "skipped: chat: no stub" in text


def test_a_section_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    place = tmp_path / "results.json"
    write(place, "ingest", {"seed": 1}, [speed((100, 49))])
    write(place, "step", {"seed": 2}, [], "not here")
    write(place, "ingest", {"seed": 3}, [speed((100, 99))])
    found = json.loads(place.read_text(encoding="utf-8"))
    assert (found["ingest"]["run"]["seed"], found["step"]["skipped"]) == (3, "not here")
    assert found["ingest"]["figures"][0]["reached"] is True
    assert found["ingest"]["figures"][0]["rounds"] == [{"limit": 100, "ours": 99, "ratio": 0.99}]


def test_rounded_keeps_four_digits_everywhere() -> None:
    assert rounded({"a": [1.23456, (2.0, "x")], "b": 7}) == {"a": [1.235, [2.0, "x"]], "b": 7}
