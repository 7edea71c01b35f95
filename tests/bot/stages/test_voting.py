"""Voting: every click is answered from stored state, and a question is decided once (T01, T02, T04-T08, T12, T51)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from bot.errors import Transient
from bot.membership import Groups, Membership
from bot.services import People
from bot.stages.closing import ask_paused, ask_unknown, end
from bot.stages.execute import Attempt
from bot.stages.reply import Reply
from bot.store import approvals, leases, messages
from bot.store.messages import SlackMessage
from bot.transcript import Outcome
from guards import Policy
from tests.fakes.equipment import PEOPLE, POLICY
from tests.fakes.scene import Scene


def code(reply: Reply) -> str:
    return str(reply.data.get("code", reply.name))


async def asked(scene: Scene, who: str = "ana") -> None:
    assert (await scene.ask(who)).ok


async def test_one_yes_of_one_decides_and_wakes_the_run(trouble: Scene) -> None:
    await asked(trouble)
    assert (await trouble.vote("ben", reason="go")).ok
    question = await trouble.approval()
    assert (question.state, trouble.woken) == ("approved", [(trouble.started[0], question.id)])
    voted, approved = (await trouble.entries())[-2:]
    assert voted.data == {"person": "Ben", "approve": True, "reason": "go", "via": "slack"}
    assert approved.data["by"] == ["Ben"]


@pytest.mark.parametrize(
    ("requester", "voter", "wanted"),
    [("cora", "cora", "self_approval"), ("ana", "dev", "not_approver"), ("ben", "ana", "not_approver")],
)
async def test_T01_T02_who_may_not(trouble: Scene, requester: str, voter: str, wanted: str) -> None:
    await asked(trouble, requester)
    reply = await trouble.vote(voter)
    assert (reply.ok, code(reply)) == (False, wanted)
    assert ((await trouble.approval()).state, trouble.woken) == ("pending", [])
    assert (await trouble.entries())[-1].data["code"] == wanted
    assert await trouble.read(lambda s: approvals.votes(s, "apr_0003")) == []


async def test_T04_a_second_click_is_already_recorded(trouble: Scene) -> None:
    trouble.change(policy=two_needed())
    await asked(trouble)
    first, again = await trouble.vote("ben"), await trouble.vote("ben")
    assert (first.ok, again.name) == (True, "already")
    assert "Still needed" in first.data["text"]
    assert len(await trouble.read(lambda s: approvals.votes(s, "apr_0003"))) == 1
    assert (await trouble.kinds()).count("voted") == 1
    assert (await trouble.vote("cora")).ok
    assert (await trouble.approval()).state == "approved"


def two_needed() -> Policy:
    rule = {"count": 2, "any_of": ["payments-oncall"], "timeout": "15m"}
    return Policy.from_mapping({**POLICY, "approvals": {"staging": rule, "prod": rule}})


@pytest.mark.parametrize("round_", range(5))
async def test_T05_many_clicks_at_once_are_one_decision(trouble: Scene, round_: int) -> None:
    await asked(trouble)
    clicks = [trouble.vote(who, approve) for who in ("ben", "cora") for approve in (True, False)] * 2
    replies = await asyncio.gather(*clicks)
    kinds = await trouble.kinds()
    assert kinds.count("approved") <= 1
    assert kinds.count("declined") <= 1
    state = (await trouble.approval()).state
    assert state in ("approved", "rejected")
    assert all(reply.data for reply in replies)
    assert await trouble.carry_out() == "refused" if state == "rejected" else True
    assert state == "approved" or trouble.world.acts == []


@pytest.mark.parametrize("order", [("ben", "cora"), ("cora", "ben")])
async def test_T06_reject_and_approve_at_once_reject_wins_before_the_first_act(
    trouble: Scene, order: tuple[str, str]
) -> None:
    await asked(trouble)
    await asyncio.gather(trouble.vote(order[0], approve=True), trouble.vote(order[1], approve=False, reason="no"))
    assert (await trouble.approval()).state == "rejected"
    assert await trouble.carry_out() == "refused"
    assert trouble.world.acts == []


async def test_T06_after_the_first_act_a_reject_is_a_stop(trouble: Scene) -> None:
    async def reject(_act: object) -> None:
        trouble.world.during = None
        reply = await trouble.vote("cora", approve=False, reason="wait")
        assert "no further step" in reply.data["text"]

    trouble.world.during = reject
    await asked(trouble)
    await trouble.vote("ben")
    await trouble.carry_out()
    assert len(trouble.world.acts) == 1
    assert (await trouble.run()).outcome == "stopped"
    assert "stopped" in await trouble.kinds()


async def test_T06_an_outsider_cannot_take_an_approval_back(trouble: Scene) -> None:
    await asked(trouble)
    await trouble.vote("ben")
    reply = await trouble.vote("dev", approve=False)
    assert code(reply) == "not_approver"
    assert (await trouble.approval()).state == "approved"


async def test_T08_too_late(trouble: Scene) -> None:
    await asked(trouble)
    trouble.clock.now += timedelta(minutes=16)
    reply = await trouble.vote("ben")
    assert (reply.ok, reply.name) == (False, "already")
    assert "expired" in reply.data["text"]
    question = await trouble.approval()
    assert (question.state, trouble.woken) == ("expired", [(trouble.started[0], question.id)])


CARDS = {
    "another channel": ("C0EVIL", "1.1"),
    "another message": ("C0PAY", "9.9"),
    "no message yet": ("C0PAY", ""),
}


@pytest.mark.parametrize(("channel", "ts"), CARDS.values(), ids=CARDS)
async def test_T12_a_click_from_another_card_is_refused_and_recorded(trouble: Scene, channel: str, ts: str) -> None:
    await asked(trouble)
    run = trouble.started[0]
    card = SlackMessage(f"card:{run}", "C0PAY", "1.1", "1.0")
    await trouble.write(lambda s: messages.save(s, card))
    question = await trouble.approval()
    reply = await trouble.requests.vote(question.id, trouble.person("ben"), True, "", channel, ts)
    assert code(reply) == "wrong_card"
    assert (await trouble.approval()).state == "pending"
    assert (await trouble.entries())[-1].data["code"] == "wrong_card"
    right = await trouble.requests.vote(question.id, trouble.person("ben"), True, "", "C0PAY", "1.1")
    assert right.ok


async def test_T12_a_card_that_was_never_posted_cannot_be_clicked(trouble: Scene) -> None:
    await asked(trouble)
    question = await trouble.approval()
    reply = await trouble.requests.vote(question.id, trouble.person("ben"), True, "", "C0PAY", "1.1")
    assert code(reply) == "wrong_card"


@pytest.mark.parametrize("forged", ["", "apr_9999", "run_0002", "'; drop table approval; --", "*"])
async def test_T12_an_id_that_is_none_of_ours(trouble: Scene, forged: str) -> None:
    await asked(trouble)
    assert code(await trouble.requests.vote(forged, trouble.person("ben"), True, "", "", "")) == "unknown_question"
    answer = await trouble.requests.answer_unknown(forged, trouble.person("cora"), "done")
    assert code(answer) == "unknown_question"


async def test_a_decided_question_says_who_decided(trouble: Scene) -> None:
    await asked(trouble)
    await trouble.vote("ben", approve=False)
    reply = await trouble.vote("cora")
    assert (reply.name, reply.data["text"]) == ("already", "It was declined already. Answered by Ben.")


async def test_T11_a_question_of_an_ended_run_is_void(trouble: Scene) -> None:
    await asked(trouble)
    await end(trouble.equipment, trouble.started[0], Outcome.STOPPED, "over")
    assert (await trouble.approval()).state == "void"
    reply = await trouble.vote("ben")
    assert (reply.ok, trouble.woken) == (False, [])


async def confirming(scene: Scene) -> None:
    await scene.write(
        lambda s: s.connection().exec_driver_sql("update approval set kind = 'confirmation' where id = 'apr_0003'")
    )


async def test_a_confirmation_is_for_the_requester_alone(trouble: Scene) -> None:
    await asked(trouble)
    await confirming(trouble)
    assert code(await trouble.vote("ben")) == "not_requester"
    assert (await trouble.vote("ana")).ok
    assert (await trouble.approval()).state == "approved"


async def test_a_confirmation_can_be_declined(trouble: Scene) -> None:
    await asked(trouble)
    await confirming(trouble)
    assert (await trouble.vote("ana", approve=False)).ok
    assert (await trouble.approval()).state == "rejected"


async def doubtful(scene: Scene) -> str:
    await asked(scene)
    return await ask_unknown(scene.equipment, Attempt(scene.started[0], 1, 1), "cut off")


@pytest.mark.parametrize("word", ["done", "retry", "abort"])
async def test_T51_an_operator_says_what_happened(trouble: Scene, word: str) -> None:
    question = await doubtful(trouble)
    reply = await trouble.requests.answer_unknown(question, trouble.person("cora"), word)
    assert (reply.ok, trouble.woken) == (True, [(trouble.started[0], question)])
    again = await trouble.requests.answer_unknown(question, trouble.person("cora"), "done")
    assert again.name == "already"
    assert (await trouble.entries())[-1].data == {"answer": word, "by": "Cora", "question": "unknown"}


@pytest.mark.parametrize(
    ("who", "word", "wanted"),
    [
        ("ana", "done", "wrong_role"),
        ("dev", "abort", "wrong_role"),
        ("cora", "approved", "unknown_question"),
        ("cora", "", "unknown_question"),
    ],
)
async def test_T51_what_is_not_an_answer(trouble: Scene, who: str, word: str, wanted: str) -> None:
    question = await doubtful(trouble)
    reply = await trouble.requests.answer_unknown(question, trouble.person(who), word)
    assert (code(reply), trouble.woken) == (wanted, [])


async def test_T51_an_unknown_outcome_cannot_be_voted_away(trouble: Scene) -> None:
    question = await doubtful(trouble)
    reply = await trouble.requests.vote(question, trouble.person("cora"), True, "", "", "")
    assert code(reply) == "unknown_question"


async def test_T60_after_the_run_ended_an_operator_releases_its_target(trouble: Scene) -> None:
    question = await doubtful(trouble)
    run, now = trouble.started[0], trouble.clock()
    await trouble.write(lambda s: leases.acquire(s, ["supervisor_program:prod/payments"], run, now))
    await end(trouble.equipment, run, Outcome.UNKNOWN, "nobody answered", keep_lease=True)
    assert await trouble.read(leases.holders) == {"supervisor_program:prod/payments": run}
    assert code(await trouble.requests.answer_unknown(question, trouble.person("ana"), "abort")) == "wrong_role"
    for late in ("done", "retry"):  # an answer to a question that nobody waits for must not unlock anything
        assert (await trouble.requests.answer_unknown(question, trouble.person("cora"), late)).name == "already"
    assert await trouble.read(leases.holders) == {"supervisor_program:prod/payments": run}
    assert (await trouble.requests.answer_unknown(question, trouble.person("cora"), "abort")).ok
    assert await trouble.read(leases.holders) == {}
    last = (await trouble.entries())[-1]
    assert (last.kind.value, last.actor, last.data["answer"]) == (
        "answered",
        "cora",
        "released supervisor_program:prod/payments",
    )
    assert (await trouble.requests.answer_unknown(question, trouble.person("cora"), "abort")).name == "already"
    assert (await trouble.entries())[-1] == last


async def test_T03_somebody_who_left_cannot_vote(trouble: Scene) -> None:
    await asked(trouble)
    ben = trouble.person("ben")
    trouble.change(people=People.model_validate({**PEOPLE, "groups": {"payments-oncall": ["cora"]}}))
    question = await trouble.approval()
    assert code(await trouble.requests.vote(question.id, ben, True, "", "", "")) == "not_approver"


# -- members that cannot be looked up ------------------------------------------------------------------------------
class Directory:
    """Slack user groups that answer, or not."""

    def __init__(self) -> None:
        self.members = {"S0ONE": ["U2"], "S0TWO": ["U3"]}
        self.down: set[str] = set()

    async def lookup(self, name: str) -> list[str]:
        if name in self.down:
            raise Transient("down")
        return self.members[name]


TWO_GROUPS = {"one": {"slack_usergroup": "S0ONE"}, "two": {"slack_usergroup": "S0TWO"}}


async def in_slack(scene: Scene, **rule: Any) -> Directory:
    """A question for people whose groups live in Slack."""
    directory = Directory()
    people = People.model_validate({**PEOPLE, "groups": TWO_GROUPS})
    who = {"count": 1, "any_of": ["one", "two"], "timeout": "15m", **rule}
    scene.change(
        people=people,
        groups=Groups(people, "T1", scene.clock, usergroup=directory.lookup),
        policy=Policy.from_mapping({**POLICY, "approvals": {"staging": who, "prod": who}}),
    )
    await asked(scene)
    return directory


CLICKS: dict[str, tuple[set[str], str, bool, str, str]] = {
    "all is known": (set(), "ben", True, "done", "approved"),
    "T02 the voter's own group is not known": ({"S0ONE"}, "ben", True, "authz_unavailable", "pending"),
    "T02 nothing is known": ({"S0ONE", "S0TWO"}, "ben", True, "authz_unavailable", "pending"),
    "T02 a yes that cannot be counted is not taken": ({"S0TWO"}, "ben", True, "authz_unavailable", "pending"),
    "T06 a no of somebody known ends it": ({"S0TWO"}, "ben", False, "done", "rejected"),
    "T02 a no of somebody unknown does not": ({"S0ONE"}, "ben", False, "authz_unavailable", "pending"),
    "T01 the requester hears the real reason": ({"S0ONE"}, "ana", True, "self_approval", "pending"),
}


@pytest.mark.parametrize(("down", "who", "approve", "answer", "state"), CLICKS.values(), ids=CLICKS)
async def test_T02_a_click_while_a_group_cannot_be_looked_up(
    trouble: Scene, down: set[str], who: str, approve: bool, answer: str, state: str
) -> None:
    directory = await in_slack(trouble)
    directory.down = down
    question = await trouble.approval()
    assert code(await trouble.vote(who, approve=approve)) == answer
    assert (await trouble.approval()).state == state
    votes = await trouble.read(lambda s: approvals.votes(s, question.id))
    assert len(votes) == (answer == "done")


async def test_T02_the_same_person_can_answer_when_the_lookup_works_again(trouble: Scene) -> None:
    directory = await in_slack(trouble)
    directory.down = {"S0TWO"}
    assert code(await trouble.vote("ben")) == "authz_unavailable"
    assert (await trouble.entries())[-1].data["code"] == "authz_unavailable"
    directory.down = set()
    assert (await trouble.vote("ben")).ok
    assert (await trouble.approval()).state == "approved"


async def test_T02_members_older_than_a_minute_are_asked_for_again(trouble: Scene) -> None:
    directory = await in_slack(trouble, count=2)
    assert (await trouble.vote("ben")).ok
    directory.down = {"S0ONE"}
    trouble.clock.now += timedelta(seconds=61)
    assert code(await trouble.vote("cora")) == "authz_unavailable"


async def test_P4_a_tier_1_service_needs_two_people(trouble: Scene) -> None:
    rule = {"count": 1, "any_of": ["payments-oncall"], "timeout": "15m", "tiers": {1: {"count": 2}}}
    trouble.change(policy=Policy.from_mapping({**POLICY, "approvals": {"staging": rule, "prod": rule}}))
    await asked(trouble)
    first = await trouble.vote("ben")
    assert "1 more person" in first.data["text"]
    assert ((await trouble.approval()).state, trouble.woken) == ("pending", [])
    assert (await trouble.vote("cora")).ok
    assert await trouble.carry_out() == "succeeded"


# -- a paused run --------------------------------------------------------------------------------------------------
async def paused(scene: Scene) -> str:
    await asked(scene)
    return await ask_paused(scene.equipment, Attempt(scene.started[0], 1, 1), "Changes are frozen")


PAUSES = [
    ("ana", "retry", "done", "retry"),
    ("ana", "abort", "done", "abort"),
    ("cora", "retry", "done", "retry"),
    ("ben", "retry", "wrong_role", "pending"),
    ("dev", "abort", "wrong_role", "pending"),
    ("cora", "done", "unknown_question", "pending"),
    ("cora", "approved", "unknown_question", "pending"),
]


@pytest.mark.parametrize(("who", "word", "answer", "state"), PAUSES)
async def test_X11_who_says_whether_a_paused_run_goes_on(
    trouble: Scene, who: str, word: str, answer: str, state: str
) -> None:
    question = await paused(trouble)
    assert code(await trouble.requests.answer_unknown(question, trouble.person(who), word)) == answer
    assert (await trouble.approval()).state == state
    assert trouble.woken == ([(trouble.started[0], question)] if answer == "done" else [])
    if answer == "done":
        assert (await trouble.entries())[-1].data["question"] == "paused"


async def test_T60_the_requester_of_a_paused_run_cannot_release_what_an_operator_must(trouble: Scene) -> None:
    question = await paused(trouble)
    run, now = trouble.started[0], trouble.clock()
    await trouble.write(lambda s: leases.acquire(s, ["supervisor_program:prod/payments"], run, now))
    await end(trouble.equipment, run, Outcome.UNKNOWN, "nobody knows", keep_lease=True)
    assert code(await trouble.requests.answer_unknown(question, trouble.person("ana"), "abort")) == "wrong_role"
    assert list((await trouble.read(leases.holders)).values()) == [run]
    assert (await trouble.requests.answer_unknown(question, trouble.person("cora"), "abort")).ok
    assert await trouble.read(leases.holders) == {}


class Forgetting(dict[str, str]):
    """Group -> why it is unknown; known when it is asked for the first time, and not any more afterwards."""

    looks = 0

    def __contains__(self, group: object) -> bool:
        self.looks += 1
        return self.looks > 1


class ForgettingGroups(Groups):
    async def resolve(self, groups: Iterable[str]) -> Membership:
        found = await super().resolve(groups)
        return Membership(found.members, Forgetting(dict.fromkeys(found.members, "no answer")))


async def test_T02_a_yes_whose_groups_are_lost_while_it_is_counted_decides_nothing(trouble: Scene) -> None:
    await asked(trouble)
    trouble.change(groups=ForgettingGroups(trouble.equipment.people, "T1", trouble.clock))
    reply = await trouble.vote("ben")
    assert reply.ok
    assert "cannot be looked up" in reply.data["text"]
    assert ((await trouble.approval()).state, trouble.woken) == ("pending", [])


async def test_T06_a_second_reject_after_the_first_act_is_told_that_it_stops_already(trouble: Scene) -> None:
    replies: list[Reply] = []

    async def reject(_act: object) -> None:
        trouble.world.during = None
        replies.extend([await trouble.vote("cora", approve=False), await trouble.vote("ben", approve=False)])

    trouble.world.during = reject
    await asked(trouble)
    await trouble.vote("ben")
    await trouble.carry_out()
    assert [reply.name for reply in replies] == ["done", "already"]
    assert "being stopped already" in replies[1].data["text"]
    stopped = [
        entry.data["by"] for entry in await trouble.entries() if entry.kind.value == "stopped" and "by" in entry.data
    ]
    assert stopped == ["Cora", "cora"], "asked once, and that is how the run ended"


@pytest.mark.parametrize("approve", [True, False])
async def test_T46_what_is_typed_as_a_reason_is_stored_redacted(trouble: Scene, approve: bool) -> None:
    await asked(trouble)
    assert (await trouble.vote("ben", approve, "the password=hunter2 is right")).ok
    question = await trouble.approval()
    (vote,) = await trouble.read(lambda s: approvals.votes(s, question.id))
    assert vote.reason.startswith("the password=[redacted:")
