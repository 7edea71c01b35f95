"""Question: the guards' question as the row that people answer."""

from __future__ import annotations

from datetime import timedelta

from bot.plan import Plan
from bot.stages.question import question_of
from guards import Approvers, Ask, Policy
from tests.bot.stages.test_plan import plan
from tests.fakes.equipment import POLICY, START
from tests.fakes.scene import Scene

ASK = Ask("approval", "Approve?", 600.0, Approvers(2, ("payments-oncall",), ("sre",)))
CONFIRM = Ask("confirmation", "Sure?", 120.0)
WIDER = {"after": "5m", "to": ["leads"]}


def policy(**more: object) -> Policy:
    prod = {**POLICY["approvals"]["prod"], **more}
    return Policy.from_mapping({**POLICY, "approvals": {**POLICY["approvals"], "prod": prod}})


def made_plan(scene: Scene) -> Plan:
    made = plan(scene, created_at=START)
    assert isinstance(made, Plan)
    return made


def test_P2_P3_it_names_who_may_answer_and_the_plan(trouble: Scene) -> None:
    made = made_plan(trouble)
    found = question_of(policy(), "apr_1", "run_1", made, made.digest, ASK, "ana", START)
    assert (found.id, found.run_id, found.kind, found.state) == ("apr_1", "run_1", "approval", "pending")
    assert (found.digest, found.requester, found.message) == (made.digest, "ana", "Approve?")
    assert found.approvers == {"count": 2, "any_of": ["payments-oncall"], "all_of": ["sre"]}
    assert found.expires_at == START + timedelta(seconds=600)
    assert (found.widen_to, found.widen_at, found.remind_at) == ([], None, None)


def test_T08_it_never_outlives_the_plan(trouble: Scene) -> None:
    made = made_plan(trouble).model_copy(update={"expires_at": START + timedelta(seconds=30)})
    assert question_of(policy(), "apr_1", "run_1", made, made.digest, ASK, "ana", START).expires_at == made.expires_at


def test_an_approval_is_widened_and_reminded_of_and_a_confirmation_is_not(trouble: Scene) -> None:
    made, found = made_plan(trouble), policy(escalate=WIDER, remind_before="2m")
    asked = question_of(found, "apr_1", "run_1", made, made.digest, ASK, "ana", START)
    assert (asked.widen_to, asked.widen_at) == (["leads"], START + timedelta(minutes=5))
    assert asked.remind_at == START + timedelta(minutes=8)
    confirmed = question_of(found, "apr_2", "run_1", made, made.digest, CONFIRM, "ana", START)
    assert (confirmed.widen_to, confirmed.widen_at, confirmed.remind_at) == ([], None, None)
    assert confirmed.approvers == {"count": 1, "any_of": [], "all_of": []}


def test_P2_a_chain_is_kept_with_its_times_and_ends_with_the_question(trouble: Scene) -> None:
    chain = [WIDER, {"after": "9m", "to": ["directors"]}, {"after": "14m", "to": ["board"]}]
    made = made_plan(trouble)
    asked = question_of(policy(escalate=chain), "apr_1", "run_1", made, made.digest, ASK, "ana", START)
    assert asked.approvers["chain"] == [
        {"at": (START + timedelta(minutes=5)).isoformat(), "to": ["leads"]},
        {"at": (START + timedelta(minutes=9)).isoformat(), "to": ["directors"]},
    ], "the question ends after ten minutes, so nobody would ever answer as the board"
    assert (asked.widen_to, asked.widen_at) == (["leads"], START + timedelta(minutes=5))


def test_T14_a_broken_glass_is_not_widened(trouble: Scene) -> None:
    made = made_plan(trouble).model_copy(update={"break_glass": "the shop is down"})
    found = question_of(policy(escalate=WIDER), "apr_1", "run_1", made, made.digest, ASK, "ana", START)
    assert (found.widen_to, found.widen_at) == ([], None)
