"""Coverage: what no runbook covers, by toil, and which runbooks never come up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.coverage import cover, name_of
from bot.past_alerts import Alert
from runbooks.load import BUILTIN, load_catalog
from runbooks.match import Situation

AT = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
RUNBOOKS = load_catalog([BUILTIN]).runbooks


def alert(minutes: float | None = 10.0, **about: Any) -> Alert:
    return Alert(Situation(**about), AT, None if minutes is None else minutes * 60)


DOWN = {"alert": "ServiceDown", "title": "payments is down", "severity": "critical", "service": "payments"}


def test_what_a_runbook_covers_is_no_gap_although_the_facts_of_that_time_are_gone() -> None:
    found = cover([alert(**DOWN)], RUNBOOKS)
    assert (found.alerts, found.covered, found.gaps) == (1, 1, ())
    assert found.matched == {"restart-service": 1}
    assert "restart-service" not in found.never
    assert "clear-cache" in found.never


def test_what_the_alert_itself_contradicts_is_a_gap_and_says_the_nearest() -> None:
    found = cover([alert(**{**DOWN, "severity": "info"})], RUNBOOKS)
    assert found.covered == 0
    assert found.gaps[0].nearest.startswith("restart-service: ")


def test_gaps_are_in_the_order_of_toil() -> None:
    some = [
        *[alert(5, alert="Flaky", service=f"s{n % 2}") for n in range(3)],
        alert(120, alert="Rare"),
        *[alert(None, alert="Unknown") for _ in range(9)],
    ]
    found = cover(some, {})
    assert [(gap.name, gap.times, gap.toil) for gap in found.gaps] == [
        ("Rare", 1, 7200.0),
        ("Flaky", 3, 900.0),
        ("Unknown", 9, 0.0),
    ]
    assert found.gaps[1].services == ("s0", "s1")
    assert found.gaps[2].seconds is None


def test_one_open_alert_among_ended_ones_counts_with_their_mean() -> None:
    (gap,) = cover([alert(10, alert="A"), alert(None, alert="A")], {}).gaps
    assert (gap.seconds, gap.toil) == (600.0, 1200.0)


def test_the_last_time_is_the_newest() -> None:
    newer = Alert(Situation(alert="A"), AT + timedelta(days=1), None)
    assert cover([newer, alert(alert="A")], {}).gaps[0].last == newer.opened_at


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Queue depth 4312 on orders-17", "Queue depth 99 on orders-3"),
        ("pod web-5f9c7-x2x9 restarted", "pod web-77d8b-abc1 restarted"),
        ("disk  /dev/sda1 at 91%", "disk /dev/sda1 at 97%"),
    ],
)
def test_titles_that_differ_by_numbers_are_the_same_trouble(one: str, other: str) -> None:
    assert name_of(Situation(title=one)) == name_of(Situation(title=other))


def test_the_name_of_the_alert_comes_first_and_something_always_stands_there() -> None:
    assert name_of(Situation(title="x 1", alert="HighCPU")) == "HighCPU"
    assert name_of(Situation()) == "(no name)"
    assert "\x1b" not in name_of(Situation(title="\x1b[31mred"))


@given(st.text(max_size=300))
def test_no_text_breaks_a_line_or_the_terminal(title: str) -> None:
    name = name_of(Situation(title=title))
    assert name
    assert name.isprintable()
    assert len(name) <= 80


def test_a_runbook_that_waits_for_an_adapter_is_told_apart() -> None:
    waits = RUNBOOKS["restart-service"].model_copy(update={"waits_for": ("kubernetes",)})
    found = cover([alert(**DOWN)], {"restart-service": waits})
    assert (found.covered, found.waiting, found.never) == (0, {"restart-service": 1}, ())
