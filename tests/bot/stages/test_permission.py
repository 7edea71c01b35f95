"""Permission: approvals are counted again and used up at the first intent (T03, T07, T08, T09, T11)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.services import People
from bot.stages.permission import approvers_of, count_votes, use_approvals
from bot.store import approvals
from bot.store.approvals import Approval, Vote
from guards import Approvers, Ask, Decision, Deny
from tests.fakes.equipment import PEOPLE, START
from tests.fakes.scene import Scene

ASKED = Decision("ask", (), (Ask("approval", "Really?", 900.0, Approvers(1, ("payments-oncall",))),), ())
ALLOWED = Decision("allow", (), (), ())
DIRECTORY = People.model_validate(PEOPLE)


async def use(scene: Scene, decision: Decision = ASKED) -> Deny | None:
    run, now = await scene.run(), scene.clock()
    return await scene.write(lambda s: use_approvals(s, scene.equipment, run, decision, now))


async def approved(scene: Scene) -> None:
    assert (await scene.ask()).ok
    assert (await scene.vote("ben")).ok


async def test_T11_an_approval_is_used_once_and_stays_used(trouble: Scene) -> None:
    await approved(trouble)
    assert await use(trouble) is None
    assert (await trouble.approval()).state == "consumed"
    assert await use(trouble) is None


def without(person: str) -> Callable[[Scene], None]:
    def leave(scene: Scene) -> None:
        people = People.model_validate(
            {
                "people": [p for p in PEOPLE["people"] if p["id"] != person],
                "groups": {"payments-oncall": [m for m in ["ben", "cora"] if m != person]},
            }
        )
        scene.change(people=people)

    return leave


def later(scene: Scene) -> None:
    scene.clock.now += timedelta(minutes=16)


VOID: dict[str, tuple[Callable[[Scene], None], str]] = {
    "T03 the approver left the company": (without("ben"), "approval_void"),
    "T03 the approver left the group": (
        lambda scene: scene.change(people=DIRECTORY.model_copy(update={"groups": {"payments-oncall": ("cora",)}})),
        "approval_void",
    ),
    "T08 too late": (later, "expired"),
}


@pytest.mark.parametrize(("happen", "code"), VOID.values(), ids=VOID)
async def test_an_approval_that_no_longer_stands(trouble: Scene, happen: Callable[[Scene], None], code: str) -> None:
    await approved(trouble)
    happen(trouble)
    denied = await use(trouble)
    assert denied is not None
    assert denied.code == code
    assert (await trouble.approval()).state == "approved"


async def test_nobody_has_answered_yet(trouble: Scene) -> None:
    await trouble.ask()
    denied = await use(trouble)
    assert denied is not None
    assert denied.code == "approval_void"


async def test_T09_policy_that_now_asks_more_than_was_asked(trouble: Scene) -> None:
    await approved(trouble)
    more = Decision("ask", (), (*ASKED.questions, Ask("confirmation", "Really?", 60.0)), ())
    denied = await use(trouble, more)
    assert denied is not None
    assert denied.code == "not_approved"


async def test_T09_an_approval_of_another_plan(trouble: Scene) -> None:
    await approved(trouble)
    run = await trouble.run()
    other = replace(run, plan=run.plan.model_copy(update={"why": "another"}))
    denied = await trouble.write(lambda s: use_approvals(s, trouble.equipment, other, ASKED, trouble.clock()))
    assert isinstance(denied, Deny)
    assert denied.code == "plan_changed"


async def test_a_question_that_was_asked_counts_even_when_policy_would_not_ask_now(trouble: Scene) -> None:
    await trouble.ask()
    denied = await use(trouble, ALLOWED)
    assert denied is not None
    assert denied.code == "approval_void"


async def test_T51_an_unknown_outcome_is_no_approval(trouble: Scene) -> None:
    await approved(trouble)
    run = await trouble.run()
    question = replace(await trouble.approval(), id="apr_u", kind="unknown", state="pending")
    await trouble.write(lambda s: approvals.open(s, question))
    assert await use(trouble) is None
    still = await trouble.read(lambda s: approvals.get(s, "apr_u"))
    assert still is not None
    assert (still.state, still.run_id) == ("pending", run.id)


def question(**changes: Any) -> Approval:
    values: dict[str, Any] = {
        "id": "apr_1", "run_id": "run_1", "step_id": "", "kind": "approval", "digest": "d",
        "approvers": {"count": 2, "any_of": ["payments-oncall"], "all_of": []},
        "requester": "ana", "message": "", "state": "pending", "created_at": START, "expires_at": START,
    }  # fmt: skip
    return Approval(**{**values, **changes})


def yes(person: str) -> Vote:
    return Vote(person, True, "", START)


COUNTS: dict[str, tuple[list[Vote], str]] = {
    "two of two": ([yes("ben"), yes("cora")], "approved"),
    "one of two": ([yes("ben")], "pending"),
    "T04 one person twice": ([yes("ben"), yes("ben")], "pending"),
    "T01 the requester does not count": ([yes("ben"), yes("ana")], "pending"),
    "T07 a stranger does not count": ([yes("ben"), yes("mallory")], "pending"),
    "T02 outside of the group": ([yes("ben"), yes("dev")], "pending"),
    "T06 a rejection wins": ([yes("ben"), yes("cora"), Vote("cora", False, "", START)], "rejected"),
    "a stranger's rejection is nothing": (
        [yes("ben"), yes("cora"), Vote("mallory", False, "", START)],
        "approved",
    ),
}


@pytest.mark.parametrize(("votes", "state"), COUNTS.values(), ids=COUNTS)
def test_votes_are_counted_with_the_directory_of_today(votes: list[Vote], state: str) -> None:
    assert count_votes(question(), votes, DIRECTORY).state == state


def test_stored_approvers_are_the_guards_value() -> None:
    stored = question(approvers={"count": 2, "any_of": ["a"], "all_of": ["b"]})
    assert approvers_of(stored) == Approvers(count=2, any_of=("a",), all_of=("b",))
    assert approvers_of(question(approvers={})) == Approvers(count=1)
