"""Gate: the guards' answer from a real snapshot of the store, policy and runbook."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.plan import Plan
from bot.services import Person
from bot.stages.gate import actor_of, decide_step, questions, snapshot
from bot.store import attempts, breakers, leases
from guards import Approvers, Ask, Calendar, Decision, Period, Policy, Stop
from tests.bot.stages.test_plan import plan
from tests.fakes.equipment import POLICY, START
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


@pytest.mark.parametrize(("who", "codes"), [("ana", []), ("dev", ["wrong_role"]), (None, ["autonomy"])])
async def test_roles_decide_and_the_bot_does_nothing_by_itself(empty: Scene, who: str | None, codes: list[str]) -> None:
    decision = await decided(empty, made(empty), who=who)
    assert [denial.code for denial in decision.denials] == codes


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
    "T14 one single other group is needed as well": (
        [asking(ask("approval", 900, Approvers(1, ("leads",))))],
        [ask("approval", 900, Approvers(2, ("payments-oncall",), ("leads",)))],
    ),
    "T43 several groups that share nobody with the others leave nobody": (
        [asking(ask("approval", 900, Approvers(1, ("leads", "sre"))))],
        [ask("approval", 900, Approvers(1, ()))],
    ),
    "what is shared": (
        [asking(ask("approval", 900, Approvers(1, ("payments-oncall", "leads"))))],
        [ask("approval", 900, Approvers(1, ("payments-oncall",)))],
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


class Broken:
    """A guard with a mistake in it."""

    rule = "broken"

    def check(self, context: object) -> object:
        raise ZeroDivisionError

    def inputs(self, context: object) -> dict[str, object]:
        return {}


async def test_a_guard_that_raises_refuses(empty: Scene) -> None:
    broken: Any = Broken()
    empty.change(policy=replace(empty.equipment.policy, error_budget=broken))
    decision = await decided(empty, made(empty))
    assert [denial.code for denial in decision.denials] == ["guard_error"]


FROZEN = Period("freeze", "audit", ("prod",), (), START - timedelta(hours=1), START + timedelta(hours=1))
ELSEWHERE = Period("freeze", "audit", ("staging",), (), START - timedelta(hours=1), START + timedelta(hours=1))
OVER = Period("freeze", "audit", ("prod",), (), START - timedelta(hours=2), START - timedelta(hours=1))
WORK = Period("maintenance", "disks", ("prod",), ("payments",), START - timedelta(hours=1), START + timedelta(hours=1))
CALENDAR = {"name": "company", "file": "freezes.ics", "environments": ["prod"], "kind": "freeze", "max_age": "2d"}
CALENDARS: dict[str, tuple[Calendar, list[str]]] = {
    "empty": (Calendar(), []),
    "a freeze": (Calendar((FROZEN,)), ["frozen"]),
    "a freeze elsewhere": (Calendar((ELSEWHERE,)), []),
    "a freeze that is over": (Calendar((OVER,)), []),
    "people are at work": (Calendar((WORK,)), ["maintenance"]),
    "T56 unreadable": (Calendar((), (("prod", "it cannot be read"),)), ["calendar_unreadable"]),
    "T56 unreadable for another environment": (Calendar((), (("staging", "it cannot be read"),)), []),
}


@pytest.mark.parametrize(("calendar", "codes"), CALENDARS.values(), ids=CALENDARS)
async def test_T56_what_the_calendars_say_denies(empty: Scene, calendar: Calendar, codes: list[str]) -> None:
    watched = Policy.from_mapping({**POLICY, "calendars": [CALENDAR]})
    empty.change(policy=watched, calendar=lambda _now: calendar)
    found = made(empty)
    assert [denial.code for denial in (await decided(empty, found)).denials] == codes
    assert (await decided(empty, found, 0)).outcome == "allow", "a look is no change"


def rule(**more: Any) -> dict[str, Any]:
    return {"count": 1, "any_of": ["payments-oncall"], "timeout": "15m", **more}


STRICTER = rule(tiers={1: {"count": 2, "all_of": ["sre"], "timeout": "10m"}})


@pytest.mark.parametrize(("tier", "count", "all_of", "seconds"), [(1, 2, ("sre",), 600), (2, 1, (), 900)])
async def test_P4_the_tier_says_how_many_must_agree(
    empty: Scene, tier: int, count: int, all_of: tuple[str, ...], seconds: float
) -> None:
    empty.change(policy=Policy.from_mapping({**POLICY, "approvals": {"staging": STRICTER, "prod": STRICTER}}))
    found = made(empty).model_copy(update={"tier": tier})
    (question,) = questions(empty.equipment, found, [await decided(empty, found)])
    assert question.approvers == Approvers(count, ("payments-oncall",), all_of)
    assert question.timeout_seconds == seconds


async def test_G3_a_tier_may_be_forbidden_what_others_may(empty: Scene) -> None:
    empty.change(policy=Policy.from_mapping({**POLICY, "tiers": {"prod": {1: {"safe": "forbid"}}}}))
    found = made(empty)
    assert [denial.code for denial in (await decided(empty, found)).denials] == ["forbidden"]
    assert (await decided(empty, found.model_copy(update={"tier": 2}))).outcome == "ask"


STANDING = {
    "id": "payments-restart", "runbook": "restart-service", "action": "supervisor.restart", "service": "payments",
    "environment": "prod", "max": 2, "until": "2026-12-31T00:00:00Z", "by": ["cora", "dev"],
}  # fmt: skip
STANDINGS: dict[str, tuple[dict[str, Any], str]] = {
    "it fits": ({}, "allow"),
    "another runbook": ({"runbook": "start-service"}, "ask"),
    "another act": ({"action": "supervisor.start"}, "ask"),
    "another service": ({"service": "checkout"}, "ask"),
    "it has ended": ({"until": "2026-11-21T03:00:00Z"}, "ask"),
}


@pytest.mark.parametrize(("changes", "outcome"), STANDINGS.values(), ids=STANDINGS)
async def test_P6_a_standing_approval_answers_for_exactly_what_it_names(
    empty: Scene, changes: dict[str, Any], outcome: str
) -> None:
    empty.change(policy=Policy.from_mapping({**POLICY, "standing": [{**STANDING, **changes}]}))
    decision = await decided(empty, made(empty))
    assert decision.outcome == outcome
    assert decision.standing == ("payments-restart" if outcome == "allow" else "")


GLASS = {"break_glass": {"any_of": ["payments-oncall"], "timeout": "5m"}}


@pytest.mark.parametrize(
    ("reason", "who", "more", "codes"),
    [
        ("fire", "ana", GLASS, []),
        ("", "ana", GLASS, ["frozen"]),
        ("fire", "ana", {}, ["frozen"]),
        ("fire", "ben", GLASS, ["frozen"]),
        ("fire", None, GLASS, ["autonomy", "frozen"]),
        ("fire", "dev", GLASS, ["frozen", "wrong_role"]),
    ],
)
async def test_T14_who_breaks_the_glass_gets_a_question_instead_of_the_freeze(
    empty: Scene, reason: str, who: str | None, more: dict[str, Any], codes: list[str]
) -> None:
    empty.change(policy=Policy.from_mapping({**POLICY, **more}), calendar=lambda _now: Calendar((FROZEN,)))
    found = made(empty).model_copy(update={"break_glass": reason})
    decision = await decided(empty, found, who=who)
    assert sorted(denial.code for denial in decision.denials) == codes
    if not codes:
        (question,) = questions(empty.equipment, found, [decision])
        assert (question.approvers, question.timeout_seconds) == (Approvers(1, ("payments-oncall",)), 300.0)


async def test_T14_a_broken_glass_passes_no_kill_switch(empty: Scene) -> None:
    empty.change(policy=Policy.from_mapping({**POLICY, **GLASS}), calendar=lambda _now: Calendar((FROZEN,)))
    found = made(empty).model_copy(update={"break_glass": "fire"})
    decision = await decided(empty, found, stops=(Stop("all", "", "storm", "ana"),))
    assert [denial.code for denial in decision.denials] == ["kill_switch"]


@pytest.mark.parametrize(("key", "own", "codes"), [
    ("remediation:prod/payments/supervisor.restart", True, []),
    ("remediation:prod/payments/supervisor.restart", False, ["breaker_open"]),
    ("global", False, ["breaker_open"]),
])  # fmt: skip
async def test_T57_an_open_breaker_denies_everybody_but_the_run_that_opened_it(
    empty: Scene, key: str, own: bool, codes: list[str]
) -> None:
    breaking = {"remediation": {"max": 3, "window": "10m", "cooldown": "30m"}}
    both = {**breaking, "global": {"failures": 3, "window": "10m", "cooldown": "30m"}}
    empty.change(policy=Policy.from_mapping({**POLICY, "breakers": both}))
    found, at = made(empty), empty.clock()
    act = found.steps[-1].act
    await empty.write(lambda s: attempts.intend(s, "run_x" if own else "run_other", "restart", 1, act, "w1", at))
    await empty.write(lambda s: breakers.open_anew(s, key, at))
    assert [denial.code for denial in (await decided(empty, found)).denials] == codes
