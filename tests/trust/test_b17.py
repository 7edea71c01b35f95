"""B17, the short form: schedules of freezes and breakers in virtual time, and a model that can be trusted by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from trust import b17
from trust.b17_model import Act, Breaker, Model, Open, RunState, Source, name_of
from trust.b17_periods import BEGINNINGS, ZONES, Event, Written, draw
from trust.b17_schedule import SOON, WANTED
from trust.order import Order

SEED = 20261121
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HERE = ("prod", "a")


def test_B17_T56_T57_schedules_are_as_the_model_says() -> None:
    found = b17.play(SEED, range(70))
    assert found.told == []
    assert found.in_a_freeze == 0
    assert found.steps > 150
    assert {name for name in SOON if not found.reached[name]} == set()


# Schedules in which something happens that few have: what is wrong there shows up in them.
KEPT = {
    "T56 a calendar that can no longer be understood": 139,
    "T56 a calendar that is gone": 112,
    "T56 an hour that happens twice": 603,
}


@pytest.mark.parametrize("number", KEPT.values(), ids=KEPT)
def test_B17_schedules_that_are_worth_keeping(number: int) -> None:
    assert b17.play(SEED, range(number, number + 1)).told == []


# -- periods -----------------------------------------------------------------------------------------------------------
def period(start: str, hours: float, zone: str = "UTC", **changes: object) -> Written:
    values = {"kind": "freeze", "name": "p", "environments": ("prod",), "services": (), "zone": zone, **changes}
    return Written(start=datetime.fromisoformat(start), length=timedelta(hours=hours), **values)  # type: ignore[arg-type]  # reason: cases as data


ON = {
    "its first moment": (period("2026-11-21T12:00", 1), "2026-11-21T12:00:00Z", True),
    "its end": (period("2026-11-21T11:00", 1), "2026-11-21T12:00:00Z", False),
    "local time": (period("2026-11-21T13:00", 1, "Europe/Berlin"), "2026-11-21T12:30:00Z", True),
    "every second day": (period("2026-11-19T12:00", 1, every="day", interval=2), "2026-11-21T12:30:00Z", True),
    "not on the day between": (period("2026-11-20T12:00", 1, every="day", interval=2), "2026-11-21T12:30:00Z", False),
    "no more often than it says": (period("2026-11-19T12:00", 1, every="day", most=2), "2026-11-21T12:30:00Z", False),
    "on Saturdays": (period("2026-11-20T12:00", 1, every="week", days=(5,)), "2026-11-21T12:30:00Z", True),
    "not on Sundays": (period("2026-11-20T12:00", 1, every="week", days=(5,)), "2026-11-22T12:30:00Z", False),
    "each month": (period("2026-10-21T12:00", 1, every="month"), "2026-11-21T12:30:00Z", True),
    "longer than a day": (period("2026-11-20T10:00", 30), "2026-11-21T12:30:00Z", True),
    "the hour that happens twice": (period("2026-10-25T02:00", 1, "Europe/Berlin"), "2026-10-25T01:30:00Z", True),
    "the same before": (period("2026-10-25T02:00", 1, "Europe/Berlin"), "2026-10-25T00:30:00Z", True),
    "the hour that never happens": (period("2027-03-28T02:30", 1, "Europe/Berlin"), "2027-03-28T00:45:00Z", True),
}


@pytest.mark.parametrize(("written", "now", "on"), ON.values(), ids=ON)
def test_a_period_is_on_when_the_page_says_so(written: Written, now: str, on: bool) -> None:
    assert written.on(datetime.fromisoformat(now)) is on


def test_an_event_that_says_it_does_not_count_does_not() -> None:
    event = Event(NOW, NOW + timedelta(hours=1), times=2)
    assert [event.on(NOW + timedelta(days=day)) for day in (-1, 0, 1, 2)] == [False, True, True, False]
    assert not Event(NOW, NOW + timedelta(hours=1), fake="STATUS:CANCELLED\r\n").on(NOW)


@pytest.mark.parametrize("number", range(20))
def test_what_is_drawn_can_be_written_and_comes_again(number: int) -> None:
    made = [draw(Random(number), BEGINNINGS[number % 6], ("prod", "dev"), ("a", "b"), 1) for _ in range(2)]
    assert made[0] == made[1]
    assert made[0].zone in ZONES
    assert set(made[0].as_policy()) >= {"name", "environments", "start", "end", "timezone"}


# -- the model by itself -----------------------------------------------------------------------------------------------
def model(**changes: object) -> Model:
    values = {"periods": (), "sources": (), "remediation": None, "everything": None, "incident": None, **changes}
    return Model(**values)  # type: ignore[arg-type]  # reason: cases as data


def run(number: int, place: tuple[str, str] = HERE) -> RunState:
    return RunState(f"run_{number}", place, "inc_1", bot=False, asked=True, until=None)


def test_T56_what_was_not_read_or_cannot_be_is_frozen() -> None:
    source = Source("freeze", ("prod",), timedelta(hours=1))
    made = model(sources=(source,), worked_out=True)
    assert made.frozen(HERE, NOW) == "calendar_unreadable"
    assert made.frozen(("dev", "a"), NOW) == ""
    source.read_at = NOW
    assert made.frozen(HERE, NOW) == ""
    assert made.frozen(HERE, NOW + timedelta(hours=1, seconds=1)) == "calendar_unreadable"
    source.unreadable = True
    assert made.frozen(HERE, NOW) == "calendar_unreadable"
    made.worked_out, source.unreadable = False, False
    assert made.frozen(HERE, NOW) == "calendar_unreadable"


def test_T57_the_breaker_opens_at_exactly_so_many_and_only_a_trial_closes_it() -> None:
    made = model(remediation=Breaker(2, timedelta(minutes=10), timedelta(minutes=30)))
    key = name_of(HERE)
    made.started(run(1), "1.1", NOW, undo=False)
    assert (made.open, made.blocked(HERE, "inc_1", "", NOW)) == ({}, (False, False))
    second = run(2)
    made.started(second, "1.1", NOW, undo=False)
    assert made.open == {key: Open(NOW, by="run_2")}
    assert made.blocked(HERE, "inc_1", "", NOW)[0], "for everybody else"
    assert made.blocked(HERE, "inc_1", "run_2", NOW) == (False, False), "the run that opened it goes on"
    later = NOW + timedelta(minutes=30)
    assert made.blocked(HERE, "inc_1", "", later) == (False, True)
    trial = run(3)
    made.started(trial, "1.1", later, undo=False)
    assert made.open[key].trial == "run_3"
    assert made.blocked(HERE, "inc_1", "run_4", later)[0], "one trial at a time"
    assert made.ended(trial, "failed", later) == ["a trial opened it anew"]
    assert made.open == {key: Open(later)}
    made.open[key].trial = "run_3"
    assert made.ended(trial, "succeeded", later) == ["a trial closed a breaker"]
    assert made.open == {}


def test_T57_without_approvers_there_is_no_trial_and_the_bot_is_never_one() -> None:
    made = model(remediation=Breaker(1, timedelta(minutes=10), timedelta(minutes=30)))
    for place in (HERE, ("dev", "a")):
        made.open[name_of(place)] = Open(NOW - timedelta(hours=1))
    assert made.refused(HERE, "inc_1", NOW, bot=False, run=None) == set()
    assert made.refused(HERE, "inc_1", NOW, bot=True, run=None) == {"breaker_open"}
    assert made.refused(("dev", "a"), "inc_1", NOW, bot=False, run=None) == {"forbidden"}


@pytest.mark.parametrize(
    ("state", "outcome", "wrong"),
    [
        ("done", "", False),
        ("done", "succeeded", False),
        ("done", "rolled_back", True),
        ("failed", "", True),
        ("unknown", "", True),
        ("intended", "", False),
        ("intended", "unknown", True),
    ],
)
def test_what_counts_as_gone_wrong(state: str, outcome: str, wrong: bool) -> None:
    whose = run(1)
    act = Act(whose, "1.1", "supervisor.restart", NOW, state)
    whose.acts.append(act)
    whose.outcome = outcome
    assert model().went_wrong(act) is wrong


# -- the figure --------------------------------------------------------------------------------------------------------
def test_the_figure_says_what_was_run_and_what_never_happened() -> None:
    wrong = b17.Tally(schedules=2, steps=9, in_a_freeze=1, told=[(7, ["a step in a freeze"])])
    figure = b17.figure(Order(SEED, quick=False, processes=1), wrong, 0.0)
    assert (figure.claim, figure.cases, figure.violations, figure.holds) == ("b17", 2, 1, False)
    assert figure.extra["steps_started_in_a_freeze"] == 1
    assert figure.examples == [f"a step in a freeze; python -m trust b17 --seed {SEED} --case 7"]
    assert set(figure.never) == set(WANTED)


def test_a_schedule_can_be_played_again() -> None:
    assert b17.replay(SEED, "3") == b17.replay(SEED, "3")
    with pytest.raises(ValueError, match="not the number"):
        b17.replay(SEED, "three")
