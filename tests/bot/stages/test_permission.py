"""Permission: approvals are counted again and used up at the first intent (T03, T07, T08, T09, T11)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlmodel import Session

from bot.errors import Permanent, Transient
from bot.membership import Groups, Membership
from bot.services import People
from bot.stages.permission import (
    _as_strict,
    approvers_of,
    asks_for_approval,
    count_votes,
    groups_asked,
    groups_of,
    use_approvals,
)
from bot.store import approvals
from bot.store.approvals import Approval, Vote
from bot.store.runs import Run
from guards import Approvers, Ask, Decision, Deny, Policy
from guards.tally import Tally
from tests.fakes.equipment import PEOPLE, POLICY, START
from tests.fakes.scene import Scene

ASKED = Decision("ask", (), (Ask("approval", "Really?", 900.0, Approvers(1, ("payments-oncall",))),), ())
ALLOWED = Decision("allow", (), (), ())
DIRECTORY = People.model_validate(PEOPLE)
MEMBERS = Membership({"payments-oncall": frozenset({"ben", "cora"}), "leads": frozenset({"dev"})})


async def use(scene: Scene, decision: Decision = ASKED, run: Run | None = None) -> Deny | None:
    """As bot/stages/execute.py does: the members are looked up before the transaction."""
    found, equipment = run or await scene.run(), scene.equipment
    members = await equipment.groups.resolve(await scene.read(partial(groups_asked, found.id)))
    now = scene.clock()
    return await scene.write(lambda s: use_approvals(s, found, decision, members, equipment.people, now))


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
    denied = await use(trouble, run=other)
    assert denied is not None
    assert denied.code == "plan_changed"


async def test_a_question_that_was_asked_counts_even_when_policy_would_not_ask_now(trouble: Scene) -> None:
    await trouble.ask()
    denied = await use(trouble, ALLOWED)
    assert denied is not None
    assert denied.code == "approval_void"


async def test_T11_all_questions_are_used_or_none(trouble: Scene) -> None:
    await approved(trouble)
    confirmed = replace(await trouble.approval(), id="apr_0", kind="confirmation", state="approved")
    waiting = replace(await trouble.approval(), id="apr_z", state="pending")
    await trouble.write(lambda s: approvals.open(s, confirmed))
    await trouble.write(lambda s: approvals.open(s, waiting))
    denied = await use(trouble)
    assert denied is not None
    states = {q.id: q.state for q in await trouble.read(lambda s: approvals.for_run(s, trouble.started[-1]))}
    assert "consumed" not in states.values(), "a refusal is committed, and must not use up what stands before it"


@pytest.mark.parametrize(
    ("kind", "confirmations_too", "code"),
    [("approval", False, "clock_jumped"), ("confirmation", False, ""), ("confirmation", True, "clock_jumped")],
)
async def test_T65_no_approval_is_used_anywhere_after_the_clock_was_turned(
    trouble: Scene, kind: str, confirmations_too: bool, code: str
) -> None:
    await approved(trouble)
    kind_is = f"update approval set kind = '{kind}'"
    await trouble.write(lambda s: s.connection().exec_driver_sql(kind_is))
    run, now, people = await trouble.run(), trouble.clock(), trouble.equipment.people
    denied = await trouble.write(
        lambda s: use_approvals(s, run, ALLOWED, MEMBERS, people, now, jumped=True, confirmations_too=confirmations_too)
    )
    assert (denied.code if denied else "") == code


def test_T65_a_confirmation_is_suspended_only_where_policy_asks_for_approvals() -> None:
    policy = Policy.from_mapping(POLICY)
    found = {place: asks_for_approval(policy, place) for place in ("dev", "staging", "prod")}
    assert found == {"dev": False, "staging": True, "prod": True}


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
    counted = count_votes(question(), votes, MEMBERS, DIRECTORY, START)
    assert isinstance(counted, Tally)
    assert counted.state == state


UNKNOWN = {"sre": "Slack is not configured"}
LOOKUPS: dict[str, tuple[dict[str, Any], Membership, str]] = {
    "the only group is not known": ({"any_of": ["sre"]}, Membership({}, UNKNOWN), "authz_unavailable"),
    "one of two is not known": (
        {"any_of": ["payments-oncall", "sre"]}, Membership(MEMBERS.members, UNKNOWN), "authz_unavailable",
    ),
    "a group that must be there is not known": (
        {"any_of": ["payments-oncall"], "all_of": ["sre"]}, Membership(MEMBERS.members, UNKNOWN), "authz_unavailable",
    ),
    "another question's group is not known": (
        {"any_of": ["payments-oncall"]}, Membership(MEMBERS.members, UNKNOWN), "approved",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("who", "members", "wanted"), LOOKUPS.values(), ids=LOOKUPS)
def test_T02_a_group_that_cannot_be_looked_up_lets_nobody_through(
    who: dict[str, Any], members: Membership, wanted: str
) -> None:
    asked = question(approvers={"count": 1, "any_of": [], "all_of": [], **who})
    counted = count_votes(asked, [yes("ben"), yes("cora")], members, DIRECTORY, START)
    assert (counted.code if isinstance(counted, Deny) else counted.state) == wanted


async def test_T03_a_lookup_that_fails_before_the_first_act_refuses_and_uses_nothing_up(trouble: Scene) -> None:
    people = People.model_validate({**PEOPLE, "groups": {"payments-oncall": {"slack_usergroup": "S0ONCALL"}}})
    down: list[Exception] = []

    async def lookup(_name: str) -> list[str]:
        if down:
            raise down[0]
        return ["U2", "U3"]

    trouble.change(people=people, groups=Groups(people, "T1", trouble.clock, usergroup=lookup))
    await approved(trouble)
    down.append(Transient("down"))
    assert await use(trouble) is None, "looked up less than a minute ago"
    trouble.clock.now += timedelta(seconds=61)
    await trouble.write(lambda s: s.connection().exec_driver_sql("update approval set state = 'approved'"))
    denied = await use(trouble)
    assert denied is not None
    assert (denied.code, (await trouble.approval()).state) == ("authz_unavailable", "approved")
    assert "payments-oncall: Slack could not say (down)" in denied.reason


def test_stored_approvers_are_the_guards_value() -> None:
    stored = question(approvers={"count": 2, "any_of": ["a"], "all_of": ["b"]})
    assert approvers_of(stored, START) == Approvers(count=2, any_of=("a",), all_of=("b",))
    assert approvers_of(question(approvers={}), START) == Approvers(count=1)


@pytest.mark.parametrize(("seconds", "any_of"), [(-1, ("a",)), (0, ("a", "c")), (60, ("a", "c"))])
def test_the_groups_that_it_was_widened_to_count_from_then_on(seconds: int, any_of: tuple[str, ...]) -> None:
    stored = question(
        approvers={"count": 1, "any_of": ["a"], "all_of": ["b"]},
        widen_to=["a", "c"],
        widen_at=START + timedelta(minutes=5),
    )
    at = START + timedelta(minutes=5, seconds=seconds)
    assert approvers_of(stored, at) == Approvers(count=1, any_of=any_of, all_of=("b",))
    assert groups_of(stored) == ("a", "b", "c"), "looked up also before they may answer"


def asks(**who: Any) -> Decision:
    return Decision("ask", (), (Ask("approval", "Really?", 900.0, Approvers(**{"count": 1, **who})),), ())


NOW_ASKED: dict[str, tuple[Decision, str]] = {
    "the same people": (asks(any_of=("payments-oncall",)), ""),
    "nobody in particular": (asks(), ""),
    "one of more groups": (asks(any_of=("payments-oncall", "leads")), ""),
    "T14 the people for a broken glass": (asks(any_of=("leads",)), "not_approved"),
    "more people": (asks(count=2, any_of=("payments-oncall",)), "not_approved"),
    "one group more": (asks(any_of=("payments-oncall",), all_of=("leads",)), "not_approved"),
}


@pytest.mark.parametrize(("decision", "code"), NOW_ASKED.values(), ids=NOW_ASKED)
async def test_T09_a_yes_of_other_people_than_are_asked_for_now_is_none(
    trouble: Scene, decision: Decision, code: str
) -> None:
    await approved(trouble)
    denied = await use(trouble, decision)
    assert (denied.code if denied else "") == code
    assert (await trouble.approval()).state == ("approved" if code else "consumed")


async def test_T14_a_group_that_had_to_be_among_them_answers_its_own_question(trouble: Scene) -> None:
    await trouble.ask()
    who = '{"count":1,"any_of":["payments-oncall"],"all_of":["leads"]}'
    await trouble.write(lambda s: s.connection().exec_driver_sql("update approval set approvers = ?", (who,)))
    leads = {**PEOPLE["groups"], "leads": ["cora"]}
    trouble.change(people=People.model_validate({**PEOPLE, "groups": leads}))
    assert (await trouble.vote("cora")).ok
    both = (*asks(any_of=("payments-oncall",)).questions, *asks(any_of=("leads",)).questions)
    assert await use(trouble, Decision("ask", (), both, ())) is None


async def test_T14_one_group_that_was_asked_beside_the_others_was_asked(trouble: Scene) -> None:
    """Policy asks the people on call, the broken glass asks leads; the one question names both."""
    await approved(trouble)
    both = replace(await trouble.approval(), id="apr_both", approvers={
        "count": 1, "any_of": ["payments-oncall"], "all_of": ["leads"],
    })  # fmt: skip
    for any_of, strict in ((("leads",), True), (("leads", "others"), False), (("others",), False)):
        assert _as_strict(both, Approvers(1, any_of)) is strict
    assert not _as_strict(both, Approvers(2, ("leads",)))


async def test_T11_an_approval_taken_back_while_it_is_counted_starts_nothing(trouble: Scene) -> None:
    """Nothing but a mistake of ours could do this inside one transaction; then it must not be used all the same."""
    await approved(trouble)
    run, question, now = await trouble.run(), await trouble.approval(), trouble.clock()

    def write(session: Session) -> Deny | None:
        class TakenBack(Membership):
            def of(self, person_id: str) -> frozenset[str]:
                assert approvals.withdraw(session, question.id, now)
                return MEMBERS.of(person_id)

        return use_approvals(session, run, ASKED, TakenBack(), DIRECTORY, now)

    with pytest.raises(Permanent, match="changed inside the transaction"):
        await trouble.write(write)
    assert (await trouble.approval()).state == "approved", "the transaction left nothing behind"
