"""guards/freeze.py."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

import guards
from guards.testing import NOON, frozen

HOUR = timedelta(hours=1)


def period(kind: str = "freeze", **changes: object) -> guards.Period:
    fields: dict[str, object] = {
        "kind": kind,
        "name": "year-end",
        "environments": ("dev", "prod"),
        "services": (),
        "start": NOON - HOUR,
        "end": NOON + HOUR,
    }
    return guards.Period(**{**fields, **changes})  # type: ignore[arg-type]  # reason: cases as data


def calendar(*periods: guards.Period, problems: tuple[tuple[str, str], ...] = ()) -> guards.Calendar:
    return guards.Calendar(periods=periods, problems=problems)


def code(watched: bool, **changes: object) -> str:
    decision = guards.decide([guards.Freeze(watched=watched)], frozen(**changes))
    return decision.denials[0].code if decision.denials else decision.outcome


FREEZE, MAINTENANCE = period(), period("maintenance")
PROBLEM = (("dev", "too old"),)


@pytest.mark.parametrize(
    ("found", "watched_code", "unwatched_code"),
    [
        (None, "calendar_unreadable", "allow"),
        (calendar(), "allow", "allow"),
        (calendar(FREEZE), "frozen", "frozen"),
        (calendar(MAINTENANCE), "maintenance", "maintenance"),
        (calendar(MAINTENANCE, FREEZE), "frozen", "frozen"),
        (calendar(period("a new kind")), "frozen", "frozen"),
        (calendar(period("change_window")), "allow", "allow"),
        (calendar(period(environments=("prod",))), "allow", "allow"),
        (calendar(period(services=("demo", "other"))), "frozen", "frozen"),
        (calendar(period(services=("other",))), "allow", "allow"),
        (calendar(period(start=NOON)), "frozen", "frozen"),
        (calendar(period(end=NOON)), "allow", "allow"),
        (calendar(period(start=NOON + timedelta(microseconds=1))), "allow", "allow"),
        (calendar(problems=PROBLEM), "calendar_unreadable", "allow"),
        (calendar(MAINTENANCE, problems=PROBLEM), "maintenance", "maintenance"),
        (calendar(period(end=NOON), problems=PROBLEM), "calendar_unreadable", "allow"),
        (calendar(problems=(("prod", "too old"),)), "allow", "allow"),
        (calendar(problems=(("", "too old"),)), "calendar_unreadable", "allow"),
        (calendar(problems=(("dev", ""),)), "calendar_unreadable", "allow"),
    ],
)
def test_T56_frozen_and_what_cannot_be_read(
    found: guards.Calendar | None, watched_code: str, unwatched_code: str
) -> None:
    assert code(True, calendar=found) == watched_code
    assert code(False, calendar=found) == unwatched_code
    assert code(True, calendar=found, risk="read") == "allow"
    assert code(True, calendar=found, risk="") == watched_code, "an unknown risk is not a read"


@pytest.mark.parametrize(
    ("watched", "found", "changes", "expected"),
    [
        (True, calendar(), {"environment": ""}, "missing_context"),
        (True, calendar(), {"now": None}, "missing_context"),
        (False, calendar(FREEZE), {"environment": ""}, "missing_context"),
        (False, calendar(FREEZE), {"now": None}, "missing_context"),
        (False, calendar(), {"environment": "", "now": None, "service": ""}, "allow"),
        (True, calendar(FREEZE), {"service": ""}, "frozen"),
        (True, calendar(period(services=("other",))), {"service": ""}, "missing_context"),
        (True, calendar(period(services=("other",), end=NOON)), {"service": ""}, "allow"),
        (True, calendar(period(environments="develop")), {}, "guard_error"),
        (True, calendar(period(services="demo")), {}, "guard_error"),
        (True, calendar(period(start=datetime(2029, 1, 1))), {}, "guard_error"),
    ],
)
def test_T34_what_is_missing_or_wrong_refuses(
    watched: bool, found: guards.Calendar, changes: dict[str, object], expected: str
) -> None:
    assert code(watched, calendar=found, **changes) == expected


def test_the_refusal_and_the_trace_name_the_period() -> None:
    decision = guards.decide(
        [guards.Freeze(watched=True)],
        frozen(calendar=calendar(MAINTENANCE, period(name="audit"), FREEZE)),
    )
    assert decision.denials[0].reason == "Changes are frozen in dev (audit)."
    assert "2030-01-01T13:00+00:00" in decision.denials[0].remedy
    assert decision.trace[0].rule == "freeze"
    assert decision.trace[0].inputs["on"] == (
        "freeze audit until 2030-01-01T13:00:00+00:00",
        "freeze year-end until 2030-01-01T13:00:00+00:00",
        "maintenance year-end until 2030-01-01T13:00:00+00:00",
    )
    unread = guards.decide([guards.Freeze(watched=True)], frozen(calendar=calendar(problems=PROBLEM), now=NOON))
    assert "too old" in unread.denials[0].reason
    guard = guards.Freeze(watched=True)
    context = frozen(now=None)
    assert (guard.check(context), guard.inputs(context)) == guard.examine(context)
    assert guard.inputs(context)["now"] == ""


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("freeze", "Changes are frozen in dev (year-end)."),
        ("maintenance", "People are at work on it in dev (year-end)."),
        ("a new kind", "Changes are frozen in dev (year-end)."),
        ("yet another kind", "Changes are frozen in dev (year-end)."),
    ],
)
def test_the_reason_says_what_is_on(kind: str, reason: str) -> None:
    (denial,) = guards.decide([guards.Freeze(watched=True)], frozen(calendar=calendar(period(kind)))).denials
    assert denial.reason == reason


def test_only_maintenance_is_named_last() -> None:
    found = calendar(period(name="b"), period("yet another kind", name="a"), period("maintenance", name="0"))
    inputs = guards.Freeze(watched=True).inputs(frozen(calendar=found))
    assert [str(each).partition(" until")[0] for each in inputs["on"]] == [  # type: ignore[attr-defined]  # reason: a tuple
        "yet another kind a",
        "freeze b",
        "maintenance 0",
    ]
