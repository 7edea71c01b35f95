"""Gate: the guards' answer from a real snapshot of the store, policy and runbook."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import guards
from bot.plan import Plan
from bot.services import Person
from bot.stages.gate import actor_of, decide_step, questions, snapshot
from bot.store import leases
from guards import Approvers, Ask, Decision, Policy, Stop
from tests.bot.stages.test_plan import plan
from tests.fakes.equipment import POLICY
from tests.fakes.scene import Scene


def made(scene: Scene, runbook: str = "restart-service", environment: str = "prod") -> Plan:
    found = plan(scene, runbook)
    assert isinstance(found, Plan)
    if environment == "prod":
        return found
    steps = tuple(
        step.model_copy(
            update={
                "act": step.act.model_copy(
                    update={"target": step.act.target.model_copy(update={"environment": environment})}
                ),
                "rollback": tuple(
                    act.model_copy(update={"target": act.target.model_copy(update={"environment": environment})})
                    for act in step.rollback
                ),
            }
        )
        for step in found.steps
    )
    return found.model_copy(update={"environment": environment, "steps": steps})


async def decided(
    scene: Scene, found: Plan, index: int = -1, who: str | None = "ana", stops: tuple[Stop, ...] = ()
) -> Decision:
    person: Person | None = scene.person(who) if who else None
    now = scene.clock()

    def work(session: Any) -> Decision:
        context = snapshot(session, scene.equipment, found, found.steps[index], person, "run_x", stops, now)
        return decide_step(scene.equipment, found, found.steps[index], context)

    return await scene.read(work)


CELLS = [
    ("restart-service", "dev", "allow", []),
    ("restart-service", "staging", "ask", ["confirmation"]),
    ("restart-service", "prod", "ask", ["approval"]),
    ("roll-back-setting", "dev", "ask", ["approval", "confirmation"]),
    ("roll-back-setting", "staging", "ask", ["approval"]),
    ("roll-back-setting", "prod", "ask", ["approval"]),
    ("restart-service", "moon", "deny", []),
]


@pytest.mark.parametrize(("runbook", "environment", "outcome", "kinds"), CELLS)
async def test_the_matrix_and_the_runbook_decide_together(
    empty: Scene, runbook: str, environment: str, outcome: str, kinds: list[str]
) -> None:
    found = made(empty, runbook, environment)
    decision = await decided(empty, found)
    assert decision.outcome == outcome
    assert sorted({question.kind for question in decision.questions} if outcome == "ask" else []) == kinds
    assert decision.policy_digest == empty.equipment.policy.digest


async def test_a_read_only_step_needs_no_question(empty: Scene) -> None:
    assert (await decided(empty, made(empty), 0)).outcome == "allow"


async def test_T35_a_runbook_for_staging_is_refused_in_prod(empty: Scene) -> None:
    found = made(empty)
    step = found.steps[-1].model_copy(update={"id": "run"})
    cache = found.model_copy(update={"runbook": "clear-cache", "steps": (step,)})
    decision = await decided(empty, cache)
    assert "wrong_environment" in {denial.code for denial in decision.denials}


async def test_a_changing_step_that_names_no_environment_is_refused(empty: Scene) -> None:
    unknown = made(empty).model_copy(update={"runbook": "nobody-knows"})
    decision = await decided(empty, unknown)
    assert decision.outcome == "deny"


async def test_T54_another_run_on_the_target_refuses_and_our_own_does_not(empty: Scene) -> None:
    found = made(empty)
    key = found.steps[-1].act.target.key
    now = empty.clock()
    await empty.write(lambda s: leases.acquire(s, [key], "run_other", now))
    assert {d.code for d in (await decided(empty, found)).denials} == {"target_busy"}
    await empty.write(lambda s: (leases.release(s, "run_other"), leases.acquire(s, [key], "run_x", now)))
    assert (await decided(empty, found)).outcome == "ask"


async def test_T37_more_targets_than_the_runbook_allows(empty: Scene) -> None:
    found = made(empty, "roll-back-setting")
    step = found.steps[0]
    other = step.act.target.model_copy(update={"name": "another"})
    wider = step.model_copy(update={"rollback": (step.rollback[0].model_copy(update={"target": other}),)})
    decision = await decided(empty, found.model_copy(update={"steps": (wider,)}))
    assert "blast_radius" in {denial.code for denial in decision.denials}


STOPS = [
    (Stop("all", "", "r", "b"), True),
    (Stop("environment", "prod", "r", "b"), True),
    (Stop("environment", "staging", "r", "b"), False),
    (Stop("service", "payments", "r", "b"), True),
    (Stop("service", "checkout", "r", "b"), False),
    (Stop("action", "supervisor.restart", "r", "b"), True),
    (Stop("action", "redis.flush_database", "r", "b"), False),
]


@pytest.mark.parametrize(("stop", "stopped"), STOPS)
async def test_T55_the_kill_switch_by_level(empty: Scene, stop: Stop, stopped: bool) -> None:
    decision = await decided(empty, made(empty), stops=(stop,))
    assert ("kill_switch" in {denial.code for denial in decision.denials}) is stopped


async def test_T29_a_limit_per_person_counts_only_that_person(trouble: Scene) -> None:
    limited = {**POLICY, "limits": [{"max": 1, "per": "person", "window": "10m"}]}
    trouble.change(policy=Policy.from_mapping(limited))
    await trouble.ask("ana")
    await trouble.vote("ben")
    assert await trouble.carry_out() == "succeeded"
    found = made(trouble, "roll-back-setting")
    assert [d.code for d in (await decided(trouble, found, who="ana")).denials] == ["rate_limited"]
    assert (await decided(trouble, found, who="ben")).outcome == "ask"


@pytest.mark.parametrize("who", ["dev", None])
async def test_roles_decide_and_the_bot_is_nobodys_approver(empty: Scene, who: str | None) -> None:
    decision = await decided(empty, made(empty), who=who)
    assert (decision.outcome == "deny") is (who == "dev")


def test_T01_the_bot_is_marked_as_a_bot() -> None:
    assert actor_of(None).is_bot
    assert not actor_of(Person(id="ana", name="Ana", roles=("responder",))).is_bot


def ask(kind: str, seconds: float, approvers: Approvers | None = None) -> Ask:
    return Ask(kind, "Really?", seconds, approvers)


def asking(*asks: Ask) -> Decision:
    return Decision("ask", (), asks, ())


MERGED: dict[str, tuple[list[Decision], list[Ask]]] = {
    "nothing": ([Decision("allow", (), (), ())], []),
    "one confirmation, the shortest": (
        [asking(ask("confirmation", 60)), asking(ask("confirmation", 30))],
        [ask("confirmation", 30)],
    ),
    "no groups of its own: the environment's": (
        [asking(ask("approval", 900, Approvers(1)))],
        [ask("approval", 900, Approvers(1, ("payments-oncall",)))],
    ),
    "the larger count and the shorter time": (
        [asking(ask("approval", 900, Approvers(1))), asking(ask("approval", 60, Approvers(2)))],
        [ask("approval", 60, Approvers(2, ("payments-oncall",)))],
    ),
    "T43 groups that share nobody leave nobody": (
        [asking(ask("approval", 900, Approvers(1, ("leads",))))],
        [ask("approval", 900, Approvers(1, ()))],
    ),
    "all_of adds up": (
        [asking(ask("approval", 900, Approvers(1, (), ("leads",)) ), ask("approval", 900, Approvers(1, (), ("sre",))))],
        [ask("approval", 900, Approvers(1, ("payments-oncall",), ("leads", "sre")))],
    ),
    "confirmation comes first": (
        [asking(ask("approval", 900, Approvers(1)), ask("confirmation", 30))],
        [ask("confirmation", 30), ask("approval", 900, Approvers(1, ("payments-oncall",)))],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("decisions", "wanted"), MERGED.values(), ids=MERGED)
async def test_questions_of_all_steps_become_the_strictest(
    empty: Scene, decisions: list[Decision], wanted: list[Ask]
) -> None:
    assert list(questions(empty.equipment, made(empty), decisions)) == wanted


async def test_T43_an_environment_without_approvers_leaves_nobody(empty: Scene) -> None:
    found = made(empty, "roll-back-setting", "dev")
    _, question = questions(empty.equipment, found, [await decided(empty, found)])
    assert question.approvers == Approvers(count=1)


async def test_a_guard_that_raises_refuses(empty: Scene) -> None:
    def broken(_context: object) -> tuple[guards.Guard, ...]:
        class Broken:
            rule = "broken"

            def check(self, context: object) -> object:
                raise ZeroDivisionError

            def inputs(self, context: object) -> dict[str, object]:
                return {}

        return (Broken(),)  # type: ignore[return-value]  # reason: a guard with a mistake in it

    class Holed:
        digest = "x"
        limits = ()
        guards = staticmethod(broken)

    empty.equipment = replace(empty.equipment, policy=Holed())  # type: ignore[arg-type]  # reason: as above
    found = plan(empty).model_copy(update={"policy_digest": "x"})  # type: ignore[union-attr]  # reason: it is a plan
    assert (await decided(empty, found)).outcome == "deny"
