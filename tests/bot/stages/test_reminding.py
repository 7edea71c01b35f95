"""Reminding: a question that waits is said again, once, and opened to more people when it is time (P2)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.services import People
from bot.stages.reminding import remind
from guards import Policy
from tests.fakes.equipment import PEOPLE, POLICY
from tests.fakes.scene import Scene

RULE = {
    "count": 1,
    "any_of": ["payments-oncall"],
    "timeout": "15m",
    "remind_before": "4m",
    "escalate": {"after": "5m", "to": ["leads"]},
}
GROUPS = {"payments-oncall": ["ben", "cora"], "leads": ["dev"]}


@pytest.fixture
async def waiting(trouble: Scene) -> Scene:
    """One question, with a reminder eleven minutes later and more people five minutes later."""
    trouble.change(
        policy=Policy.from_mapping({**POLICY, "approvals": {"staging": RULE, "prod": RULE}}),
        people=People.model_validate({**PEOPLE, "groups": GROUPS}),
    )
    assert (await trouble.ask()).ok
    return trouble


async def told(scene: Scene, minutes: float) -> list[str]:
    """What the thread is told when so much time has passed since the question was asked."""
    question = await scene.approval()
    scene.clock.now = question.created_at + timedelta(minutes=minutes)
    before = len(await scene.kinds())
    await remind(scene.equipment)
    return (await scene.kinds())[before:]


async def test_each_is_told_once_at_its_time(waiting: Scene) -> None:
    passed = [(minutes, await told(waiting, minutes)) for minutes in (0, 4.9, 5.1, 6, 10.9, 11.1, 12, 14)]
    assert [each for each in passed if each[1]] == [(5.1, ["widened"]), (11.1, ["reminded"])]
    question = await waiting.approval()
    assert question.widened_at is not None
    assert question.reminded_at is not None
    assert question.state == "pending", "nothing is decided by it"


async def test_both_at_once_after_a_long_sleep(waiting: Scene) -> None:
    assert await told(waiting, 12) == ["widened", "reminded"]
    assert await told(waiting, 13) == []


async def test_what_the_thread_is_told(waiting: Scene) -> None:
    await told(waiting, 12)
    question = await waiting.approval()
    widened, reminded = (await waiting.entries())[-2:]
    about: dict[str, Any] = {"expires_at": question.expires_at.isoformat(), "approval_id": question.id}
    assert widened.data == {"groups": ["leads"], **about}
    assert reminded.data == {"groups": ["payments-oncall", "leads"], **about}, "everybody who may answer now"


VOTES = [(4.9, "not_approver", "pending"), (5.1, "done", "approved")]


@pytest.mark.parametrize(("minutes", "answer", "state"), VOTES)
async def test_the_wider_groups_may_answer_from_their_time_on(
    waiting: Scene, minutes: float, answer: str, state: str
) -> None:
    question = await waiting.approval()
    waiting.clock.now = question.created_at + timedelta(minutes=minutes)
    reply = await waiting.vote("dev")
    assert reply.data.get("code", reply.name) == answer
    assert (await waiting.approval()).state == state


CHAIN = [{"after": "5m", "to": ["leads"]}, {"after": "8m", "to": ["directors"]}, {"after": "9m", "to": ["board"]}]
CHAINED = {**GROUPS, "directors": ["eve"], "board": ["fay"]}


@pytest.fixture
async def chained(trouble: Scene) -> Scene:
    """One question that is opened to three more groups, after five, eight and nine minutes."""
    rule = {key: value for key, value in RULE.items() if key != "remind_before"} | {"escalate": CHAIN}
    more = [
        {"id": name, "name": name.title(), "slack": [{"team": "T1", "user": f"U{name.upper()}"}], "roles": ["approver"]}
        for name in ("eve", "fay")
    ]
    trouble.change(
        policy=Policy.from_mapping({**POLICY, "approvals": {"staging": rule, "prod": rule}}),
        people=People.model_validate({**PEOPLE, "people": [*PEOPLE["people"], *more], "groups": CHAINED}),
    )
    assert (await trouble.ask()).ok
    return trouble


async def widened(scene: Scene, minutes: float) -> list[list[str]]:
    """The groups of each line that the thread gets then."""
    fresh = len(await told(scene, minutes))
    return [entry.data["groups"] for entry in (await scene.entries())[-fresh:]] if fresh else []


async def test_P2_one_group_after_the_other_is_told(chained: Scene) -> None:
    passed = [(minutes, await widened(chained, minutes)) for minutes in (4.9, 5, 6, 8, 8.5, 9.1, 14)]
    assert [each for each in passed if each[1]] == [(5, [["leads"]]), (8, [["directors"]]), (9.1, [["board"]])]
    assert (await chained.approval()).widened_at is not None


async def test_P2_after_a_long_sleep_one_line_names_all_who_may_answer_by_now(chained: Scene) -> None:
    assert await widened(chained, 8.5) == [["leads", "directors"]]
    assert await widened(chained, 8.6) == []
    assert await widened(chained, 9) == [["board"]]


ANSWERS = [
    ("dev", 4.9, False), ("dev", 9.5, True), ("eve", 5.1, False), ("eve", 7.9, False), ("eve", 8.1, True),
    ("fay", 8.9, False), ("fay", 9.1, True), ("ben", 9.5, True),
]  # fmt: skip


@pytest.mark.parametrize("looked", [False, True])
@pytest.mark.parametrize(("who", "minutes", "may"), ANSWERS)
async def test_P2_who_may_answer_depends_on_the_time_alone(
    chained: Scene, who: str, minutes: float, may: bool, looked: bool
) -> None:
    if looked:
        await told(chained, minutes)
    chained.clock.now = (await chained.approval()).created_at + timedelta(minutes=minutes)
    reply = await chained.vote(who)
    assert reply.data.get("code", reply.name) == ("done" if may else "not_approver")
    assert (await chained.approval()).state == ("approved" if may else "pending")


async def test_T03_a_yes_from_the_end_of_the_chain_counts_at_the_first_act(chained: Scene) -> None:
    await told(chained, 9.5)
    assert (await chained.vote("fay")).ok
    assert await chained.carry_out() == "succeeded"


async def test_T03_a_group_of_the_chain_that_lost_its_member_counts_no_more(chained: Scene) -> None:
    await told(chained, 9.5)
    assert (await chained.vote("fay")).ok
    people = chained.equipment.people.model_dump(by_alias=True) | {"groups": {**CHAINED, "board": ["cora"]}}
    chained.change(people=People.model_validate(people))
    assert await chained.carry_out() == "refused"


async def test_T03_a_yes_of_the_wider_groups_counts_at_the_first_act(waiting: Scene) -> None:
    await told(waiting, 6)
    assert (await waiting.vote("dev")).ok
    assert await waiting.carry_out() == "succeeded"


@pytest.mark.parametrize("approve", [True, False])
async def test_an_answered_question_is_not_reminded_of(waiting: Scene, approve: bool) -> None:
    await waiting.vote("ben", approve=approve)
    assert await told(waiting, 12) == []
    assert await remind(waiting.equipment) == 0


async def test_a_policy_without_reminders_has_none(trouble: Scene) -> None:
    assert (await trouble.ask()).ok
    question = await trouble.approval()
    assert (question.widen_to, question.widen_at, question.remind_at) == ([], None, None)
    assert await told(trouble, 14) == []
