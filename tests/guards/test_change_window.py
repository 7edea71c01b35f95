"""guards/change_window.py."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import guards
from guards.testing import NOON, frozen

HOUR = timedelta(hours=1)
WORK = {"days": ["mon", "tue", "wed", "thu", "fri"], "start": "09:00", "end": "17:00", "timezone": "Europe/Berlin"}
NIGHT = {"days": ["sat"], "start": "22:00", "end": "06:00", "timezone": "UTC"}
LATE = {"days": ["sun"], "start": "22:00", "end": "24:00", "timezone": "UTC"}
MINUTES = {"days": ["mon"], "start": "09:04", "end": "09:06", "timezone": "UTC"}
ALWAYS = {"days": ["mon"], "start": "00:00", "end": "24:00", "timezone": "UTC"}
TURN = {"days": ["sun"], "start": "02:00", "end": "03:00", "timezone": "Europe/Berlin"}


def code(guard: guards.Guard, **changes: object) -> str:
    decision = guards.decide([guard], frozen(**changes))
    return decision.denials[0].code if decision.denials else decision.outcome


def window(**options: object) -> guards.ChangeWindow:
    (guard,) = guards.guards_of(guards.change_window(**options)(lambda: 1))  # type: ignore[arg-type]  # reason: cases as data
    assert isinstance(guard, guards.ChangeWindow)
    return guard


@pytest.mark.parametrize(
    ("options", "utc", "inside"),
    [
        # Wednesday in winter, Berlin is UTC+1; Wednesday in summer, UTC+2
        (WORK, "2030-01-02T07:59:59", False),
        (WORK, "2030-01-02T08:00:00", True),
        (WORK, "2030-01-02T15:59:59", True),
        (WORK, "2030-01-02T16:00:00", False),
        (WORK, "2030-01-02T20:00:00", False),
        (MINUTES, "2030-01-07T09:03:59", False),
        (MINUTES, "2030-01-07T09:04:00", True),
        (MINUTES, "2030-01-07T09:05:59", True),
        (MINUTES, "2030-01-07T09:06:00", False),
        (WORK, "2030-07-03T06:59:59", False),
        (WORK, "2030-07-03T07:00:00", True),
        (WORK, "2030-07-03T14:59:59", True),
        (WORK, "2030-07-03T15:00:00", False),
        (WORK, "2030-01-05T10:00:00", False),
        # over midnight: from Saturday evening to Sunday morning, and at no other day's night
        (NIGHT, "2030-01-05T21:59:59", False),
        (NIGHT, "2030-01-05T22:00:00", True),
        (NIGHT, "2030-01-06T00:00:00", True),
        (NIGHT, "2030-01-06T05:59:59", True),
        (NIGHT, "2030-01-06T06:00:00", False),
        (NIGHT, "2030-01-05T05:00:00", False),
        (NIGHT, "2030-01-06T23:00:00", False),
        (LATE, "2030-01-06T23:59:59", True),
        (LATE, "2030-01-07T00:00:00", False),
        (ALWAYS, "2030-01-07T00:00:00", True),
        (ALWAYS, "2030-01-07T23:59:59", True),
        (ALWAYS, "2030-01-08T00:00:00", False),
        # 31 March 2030: 02:00 to 03:00 does not exist in Berlin; 27 October 2030: it is there twice
        (TURN, "2030-03-31T00:59:59", False),
        (TURN, "2030-03-31T01:00:00", False),
        (TURN, "2030-10-26T23:59:59", False),
        (TURN, "2030-10-27T00:30:00", True),
        (TURN, "2030-10-27T01:30:00", True),
        (TURN, "2030-10-27T02:00:00", False),
    ],
)
def test_the_clock_on_the_wall_counts(options: dict[str, object], utc: str, inside: bool) -> None:
    now = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert code(window(**options), now=now) == ("allow" if inside else "outside_change_window")
    assert code(window(**options), now=now, risk="read") == "allow"


def test_T34_without_a_moment_or_a_zone_it_refuses() -> None:
    assert code(window(**WORK), now=None) == "missing_context"
    assert code(window(**WORK), now=datetime(2030, 1, 2, 12)) == "guard_error"
    assert window(**WORK).inputs(frozen(now=None))["now"] == ""
    assert window(**WORK).inputs(frozen())["days"] == ("mon", "tue", "wed", "thu", "fri"), "in the order of the week"


@pytest.mark.parametrize(
    "wrong",
    [
        {"days": []},
        {"days": ["monday"]},
        {"days": ["*"]},
        {"start": "9:00"},
        {"start": "09:60"},
        {"start": "25:00"},
        {"start": "24:00"},
        {"start": "09:00\n"},
        {"start": ""},
        {"end": "24:01"},
        {"end": "09:00"},
        {"timezone": "Mars/Olympus"},
        {"timezone": "Europe"},
        {"timezone": "../UTC"},
        {"timezone": ""},
    ],
)
def test_T34_wrong_options_are_errors_at_decoration(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="change_window"):
        window(**{**WORK, **wrong})
    with pytest.raises(TypeError):
        window(**{**WORK, "days": "mon"})


def occurrence(**changes: object) -> guards.Period:
    fields: dict[str, object] = {
        "kind": "change_window",
        "name": "working-hours",
        "environments": ("dev",),
        "services": (),
        "start": NOON - HOUR,
        "end": NOON + HOUR,
    }
    return guards.Period(**{**fields, **changes})  # type: ignore[arg-type]  # reason: cases as data


def calendar(*periods: guards.Period, problems: tuple[tuple[str, str], ...] = ()) -> guards.Calendar:
    return guards.Calendar(periods=periods, problems=problems)


EVERY = ((("dev",), ()),)
DEMO = ((("dev",), ("demo",)),)
OTHER = ((("prod",), ()), (("dev",), ("other",)))
OPEN = calendar(occurrence())


@pytest.mark.parametrize(
    ("windows", "found", "changes", "expected"),
    [
        ((), None, {}, "allow"),
        ((), None, {"environment": "", "now": None}, "allow"),
        (OTHER, None, {}, "allow"),
        (EVERY, OPEN, {}, "allow"),
        (DEMO, calendar(occurrence(services=("demo",))), {}, "allow"),
        (DEMO + OTHER, calendar(occurrence(services=("other",))), {}, "outside_change_window"),
        (EVERY, calendar(), {}, "outside_change_window"),
        (EVERY, calendar(occurrence(kind="freeze")), {}, "outside_change_window"),
        (EVERY, calendar(occurrence(environments=("prod",))), {}, "outside_change_window"),
        (EVERY, calendar(occurrence(start=NOON)), {}, "allow"),
        (EVERY, calendar(occurrence(end=NOON)), {}, "outside_change_window"),
        (EVERY, None, {}, "calendar_unreadable"),
        (EVERY, calendar(occurrence(), problems=(("dev", ""),)), {}, "calendar_unreadable"),
        (EVERY, calendar(occurrence(), problems=(("prod", "old"),)), {}, "allow"),
        (EVERY, None, {"risk": "read"}, "allow"),
        (EVERY, OPEN, {"environment": ""}, "missing_context"),
        (EVERY, OPEN, {"now": None}, "missing_context"),
        (EVERY, OPEN, {"service": ""}, "allow"),
        (EVERY, calendar(), {"service": ""}, "outside_change_window"),
        (DEMO, OPEN, {"service": ""}, "missing_context"),
        (EVERY, calendar(occurrence(services="demo")), {}, "guard_error"),
        (EVERY, calendar(occurrence(environments="dev")), {}, "guard_error"),
    ],
)
def test_T56_the_moment_lies_in_an_open_window(
    windows: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...],
    found: guards.Calendar | None,
    changes: dict[str, object],
    expected: str,
) -> None:
    assert code(guards.InChangeWindow(windows=windows), calendar=found, **changes) == expected


def test_the_trace_names_what_is_open() -> None:
    guard = guards.InChangeWindow(windows=EVERY)
    context = frozen(calendar=calendar(occurrence(name="b"), occurrence(name="a")))
    assert guard.inputs(context)["open"] == ("a", "b")
    assert (guard.check(context), guard.inputs(context)) == guard.examine(context)
    assert guard.inputs(frozen(now=None))["now"] == ""
    assert guard.rule == guards.ChangeWindow.rule == "change_window"


@pytest.mark.parametrize(
    ("windows", "error"),
    [
        (((("*",), ()),), ValueError),
        ((((), ()),), ValueError),
        ((("dev", ()),), TypeError),
        (((("dev",), "demo"),), TypeError),
        (((("dev",), ("*",)),), ValueError),
    ],
)
def test_T34_windows_are_checked(windows: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        guards.InChangeWindow(windows=windows)  # type: ignore[arg-type]  # reason: wrong on purpose


@pytest.mark.parametrize("risk", ["caution", "forbidden", "rea", "safe", "write"])
def test_only_what_reads_needs_no_window(risk: str) -> None:
    outside = datetime(2030, 1, 2, 20, tzinfo=UTC)
    assert code(window(**WORK), now=outside, risk=risk) == "outside_change_window"
    assert code(window(**WORK), now=outside, risk="".join(list("read"))) == "allow"


def test_the_verdict_names_the_first_window_that_is_open() -> None:
    guard = guards.InChangeWindow(windows=((("dev",), ()),))
    found = (
        guards.Period("change_window", "b", ("dev",), (), NOON - HOUR, NOON + HOUR),
        guards.Period("change_window", "a", ("dev",), (), NOON - HOUR, NOON + HOUR),
    )
    assert guard.check(frozen(calendar=guards.Calendar(found))) == guards.Allow("Inside the change window a.")


@pytest.mark.parametrize(("service", "told"), [("demo", "demo"), ("", "this")])
def test_the_refusal_says_for_what_no_window_is_open(service: str, told: str) -> None:
    guard = guards.InChangeWindow(windows=((("dev",), ()),))
    (denial,) = guards.decide([guard], frozen(service=service, calendar=guards.Calendar())).denials
    assert denial.reason == f"No change window is open for {told} in dev."


@pytest.mark.parametrize("kind", ["a new kind", "freeze", "maintenance", "change_windows"])
def test_no_other_kind_of_period_opens_anything(kind: str) -> None:
    guard = guards.InChangeWindow(windows=((("dev",), ()),))
    found = guards.Period(kind, "x", ("dev",), (), NOON - HOUR, NOON + HOUR)
    assert code(guard, calendar=guards.Calendar((found,))) == "outside_change_window"


def test_T34_what_is_wrong_is_named() -> None:
    with pytest.raises(ValueError, match=r"'someday' is not one of mon"):
        window(**{**WORK, "days": ["tomorrow", "someday"]})
    for wrong in ("soon", "25:00", "24:01"):
        with pytest.raises(ValueError, match=f"{wrong!r} is not a time such as 09:00"):
            window(**{**WORK, "end": wrong})
    assert window(**{**WORK, "end": "24:00"}).end == "24:00"
