"""B2, the short form: the approval state machine against the model, and the model against itself."""

from __future__ import annotations

import asyncio

import pytest

from trust import b2, b2_machine
from trust.b2_actions import ACTIONS
from trust.b2_compare import Action
from trust.b2_installation import folder
from trust.b2_model import Human, Model
from trust.b2_walk import again, shortest, written
from trust.b2_world import Shop
from trust.order import Order

SEED = 20261121


def run(actions: str) -> list[str]:
    """What is wrong with this walk."""

    async def walk() -> list[str]:
        async with folder() as where:
            shop = await Shop.open(where)
            told = await again(shop, written(actions))
            await shop.close()
            return told

    return asyncio.run(walk())


def test_B2_random_walks_are_as_the_model_says() -> None:
    found = b2.play(SEED, b2.LENGTH, range(36))
    assert found.told == []
    assert found.actions > 1_700
    assert {name for name in b2.SOON if not found.reached[name]} == set()


def test_B2_walks_of_hypothesis_are_as_the_model_says() -> None:
    tried, told = b2_machine.search((SEED, 12))
    assert told == ""
    assert tried >= 12


# Walks that are worth keeping: each is one way in which something could start that must not.
WALKS = {
    "T01 the requester approves": "ask(1, 0, 0) click(0, 0, 2) dispatch(0, 0, 1)",
    "T02 nobody can say who is in the group, at the click": "ask(5, 0, 0) click(0, 0, 2) blind(0, 0, 0) click(1, 3, 2)",
    "T02 nobody can say who is in the group, at the start": (
        "ask(5, 0, 0) click(0, 0, 2) click(1, 3, 2) blind(0, 0, 0) dispatch(0, 0, 1)"
    ),
    "T03 the approver leaves the group before the start": "ask(1, 5, 0) click(0, 0, 2) group(0, 0, 0) dispatch(0, 0, 1)",
    "T03 the approver leaves the directory before the start": "ask(1, 5, 0) click(0, 0, 2) leave(0, 0, 0) dispatch(0, 0, 1)",
    "T04 T07 one person, two accounts": "ask(2, 5, 0) click(0, 0, 2) click(0, 8, 2) dispatch(0, 0, 1)",
    "T05 two at once start it": "ask(1, 5, 0) click(0, 0, 2) dispatch(0, 1, 0) carry(0, 0, 0)",
    "T06 a no after the yes": "ask(1, 5, 0) click(0, 0, 2) click(0, 1, 3) dispatch(0, 0, 1)",
    "T06 a no after the start stops it": "ask(1, 5, 0) click(0, 0, 2) dispatch(0, 0, 1) click(0, 1, 3) dispatch(0, 1, 1)",
    "T07 a foreign workspace": "ask(1, 5, 0) click(0, 120, 2) dispatch(0, 0, 1)",
    "T08 too late at the click": "ask(1, 5, 0) clock(4, 0, 0) click(0, 0, 2) dispatch(0, 0, 1)",
    "T08 too late at the start": "ask(1, 5, 0) click(0, 0, 2) clock(4, 0, 0) dispatch(0, 0, 1)",
    "P2 others may answer when nobody has for a while": (
        "ask(2, 5, 0) click(0, 3, 2) clock(2, 0, 0) click(0, 3, 2) clock(3, 0, 0) click(0, 0, 2) dispatch(0, 0, 1)"
    ),
    "T09 another policy": "ask(1, 5, 0) click(0, 0, 2) change(0, 0, 0) dispatch(0, 0, 1)",
    "T09 another runbook": "ask(1, 5, 0) click(0, 0, 2) change(1, 0, 0) dispatch(0, 0, 1)",
    "T09 another target": "ask(1, 5, 0) click(0, 0, 2) change(2, 0, 0) dispatch(0, 0, 1)",
    "T09 another plan in the database": "ask(1, 5, 0) click(0, 0, 2) damage(0, 1, 0) dispatch(0, 0, 1)",
    "T11 used again": "ask(1, 5, 0) click(0, 0, 2) carry(0, 0, 0) ask(1, 5, 0) dispatch(0, 0, 1)",
    "T11 both questions or none": "ask(5, 0, 0) click(0, 0, 2) dispatch(0, 0, 0)",
    "T12 a click on another card": "ask(1, 5, 0) click(0, 0, 0) dispatch(0, 0, 1)",
    "T55 stopped between yes and start": "ask(1, 5, 0) click(0, 0, 2) stop(1, 1, 0) dispatch(0, 0, 1)",
    "G9 who has left may not even look": "ask(1, 5, 0) click(0, 0, 2) leave(5, 0, 0) dispatch(0, 0, 1)",
    "G9 the requester loses the role": "ask(1, 5, 0) click(0, 0, 2) role(5, 0, 0) dispatch(0, 0, 1)",
    "T23 resolved meanwhile": "ask(1, 5, 0) click(0, 0, 2) over(0, 0, 0) dispatch(0, 0, 1)",
    "T65 the clock was turned": "ask(1, 5, 0) click(0, 0, 2) jump(0, 0, 0) dispatch(0, 0, 1)",
    "T65 the clock was turned where only the runbook asks": (
        "ask(5, 0, 0) click(0, 0, 2) click(1, 3, 2) jump(0, 0, 0) dispatch(0, 0, 1)"
    ),
    "a restart changes nothing": "ask(2, 5, 0) click(0, 0, 2) restart(0, 0, 0) click(0, 1, 2) restart(0, 0, 0) carry(0, 0, 0)",
}


@pytest.mark.parametrize("actions", WALKS.values(), ids=WALKS)
def test_B2_walks_that_are_worth_keeping(actions: str) -> None:
    assert run(actions) == []


def test_a_walk_that_goes_wrong_is_told_without_what_it_does_not_need(monkeypatch: pytest.MonkeyPatch) -> None:
    async def wrong(walk: object, action: Action) -> None:
        walk.told.append("wrong")  # type: ignore[attr-defined]  # reason: a Walk, without importing it for this

    monkeypatch.setitem(ACTIONS, "over", wrong)

    async def told() -> list[str]:
        async with folder() as where:
            shop = await Shop.open(where)
            found = await shortest(shop, written("ask(1, 5, 0) clock(0, 0, 0) over(0, 0, 0) ask(0, 0, 0)"))
            await shop.close()
            return found

    assert asyncio.run(told()) == ["wrong", "after over(0, 0, 0)"]


def test_a_case_is_a_number_or_a_list_of_actions() -> None:
    assert "as it should be" in b2.replay(SEED, "ask(1, 0, 0)")
    with pytest.raises(ValueError, match="neither"):
        b2.replay(SEED, "fly(1, 0, 0)")


# -- the model by itself ---------------------------------------------------------------------------------------------
def asked(place: str) -> tuple[Model, str]:
    model = Model({name: Human({"alpha"}) for name in ("p0", "p1", "p2")} | {"p3": Human({"beta"})})
    model.opened("run_1", place, "p0", {"approval": "a", "confirmation": "c"}, (True,))
    return model, "a"


@pytest.mark.parametrize(
    ("place", "voters", "starts"),
    [
        ("one", ["p1"], True),
        ("one", ["p0"], False),
        ("one", ["p3"], False),
        ("two", ["p1"], False),
        ("two", ["p1", "p1"], False),
        ("two", ["p1", "p2"], True),
        ("each", ["p1", "p2"], False),
        ("each", ["p1", "p3"], True),
    ],
)
def test_the_model_counts_distinct_people_of_the_right_groups(place: str, voters: list[str], starts: bool) -> None:
    model, _ = asked(place)
    run = model.runs[0]
    for voter in voters:
        model.click(run, run.questions[0], voter, approve=True, own_card=True)
    assert (model.starting(run, 0) == {"acted"}) is starts


def test_the_figure_says_what_was_run() -> None:
    figure = b2.figure(Order(SEED, quick=True, processes=1), [b2.play(SEED, 10, range(2))], 0.0)
    assert (figure.claim, figure.cases, figure.violations, figure.extra["actions"]) == ("b2", 2, 0, 20)
    wrong = b2.Tally(walks=1, actions=3, told=[(7, ["two acts", "after ..."])])
    figure = b2.figure(Order(SEED, quick=True, processes=1), [wrong], 0.0)
    assert (figure.violations, figure.holds) == (1, False)
    assert figure.examples == [f"two acts; python -m trust b2 --seed {SEED} --case 7"]
