"""B5, the short form: races in one process and between processes, and a judge that sees what is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trust import b5, b5_processes, b5_race
from trust.b2_model import Model, RunState
from trust.b5_judge import Click, Outcome, judge
from trust.order import Order

SEED = 20261121


def test_B5_T05_T06_races_end_as_one_after_the_other() -> None:
    found = b5_race.play(SEED, range(24))
    assert found.told == []
    assert {name for name in b5.SOON if not found.reached[name]} == set()


def test_B5_T05_T06_races_between_processes_end_as_one_after_the_other() -> None:
    found = b5_processes.play(SEED, range(4))
    assert found.told == []
    assert (found.races, found.reached["0 acts"] + found.reached["1 acts"]) == (4, 4)


CLICKS = (Click("Up0", "p0", True), Click("Up1", "p1", False), Click("Up0", "p0", False))
GOOD = Outcome(
    answers=["done", "done", "already"],
    starts=["done", "already_started"],
    state="consumed",
    votes={"p0": True, "p1": False},
    stop_asked=True,
    intents=1,
    acts=1,
    events=[("voted", "p0", True), ("approved", "p0", False), ("started", "bot", False), ("stopped", "p1", False)],
)


def race() -> tuple[Model, RunState]:
    model = b5_race.crowd()
    return model, model.opened("run_1", "one", "p9", {"approval": "a"}, (False, True))


def test_the_judge_accepts_what_is_right() -> None:
    assert judge(*race(), CLICKS, GOOD) == []


WRONG = {
    "two acts": {"acts": 2},
    "two intents": {"intents": 2},
    "a click without an answer": {"answers": ["done", "done", "TimeoutError()"]},
    "a click that was forgotten": {"answers": ["done", "done"]},
    "an act that is not written": {"acts": 0},
    "a yes that is not written": {"votes": {"p1": False}},
    "a no before the start": {
        "events": [("voted", "p0", True), ("declined", "p1", False), ("started", "bot", False)],
        "stop_asked": False,
    },
    "told that it counts": {"answers": ["done", "done", "done"]},
    "started without a yes": {"events": [("started", "bot", False), ("stopped", "p1", False)]},
    "nothing came of a yes": {
        "state": "approved", "acts": 0, "intents": 0, "votes": {"p0": True}, "stop_asked": False,
        "answers": ["done", "already", "already"], "events": [("voted", "p0", True)],
    },
}  # fmt: skip


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
def test_the_judge_sees_what_is_wrong(changes: dict[str, object]) -> None:
    assert judge(*race(), CLICKS, replace(GOOD, **changes))  # type: ignore[arg-type]  # reason: cases as data


def test_a_race_can_be_held_again() -> None:
    assert b5_race.draw(SEED, 7) == b5_race.draw(SEED, 7) != b5_race.draw(SEED, 8)
    with pytest.raises(ValueError, match="neither"):
        b5.replay(SEED, "threads:7")


def test_the_figure_says_how_many_clicks_there_were() -> None:
    wrong = b5_race.Tally(races=1, clicks=9, told=[(7, ["two acts"])])
    figure = b5.figure("races", "", [wrong, b5_race.Tally(races=2, clicks=5)], Order(SEED, True, 1), 0.0, 3, "")
    assert (figure.cases, figure.violations, figure.extra["clicks"]) == (3, 1, 14)
    assert figure.examples == [f"two acts; python -m trust b5 --seed {SEED} --case 7"]
