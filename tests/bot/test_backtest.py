"""Backtest: the same policy changes nothing, another changes what it should, and what cannot be known is said."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import guards
from bot import backtest as core
from bot.backtest import (
    GONE,
    NOT_REPRODUCED,
    OWN_CHANGED,
    Backtest,
    Changed,
    Comparison,
    as_data,
    rules_of,
    todays_rules,
)
from bot.conclusions import OTHER
from bot.roster import OPERATIONS
from bot.stages.gate import decide_step, snapshot
from bot.stages.promoted import rule_of
from bot.store import decisions, runs
from bot.store.decisions import RecordedDecision
from bot.store.history import Lived, Past, Written
from guards.context import Calendar, PastAct, Period
from guards.policy import Policy
from guards.recording import decision_data, to_data
from guards.testing import frozen
from tests.fakes.equipment import POLICY, START, alert
from tests.fakes.scene import Scene, scene

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
NOBODY = Past(())
Changes = dict[str, Any]


def policy(**changes: Any) -> Policy:
    return Policy.from_mapping(POLICY | changes)


def no_rules(_decision: RecordedDecision) -> tuple[guards.Guard, ...]:
    return ()


def decided(by: Policy, more: tuple[guards.Guard, ...] = (), phase: str = "act", **changes: Any) -> RecordedDecision:
    """A recorded decision about a restart of payments in prod at noon."""
    usual: Changes = {"environment": "prod", "service": "payments", "tier": 1, "now": NOON, "run": "run_1"}
    context = frozen(**(usual | {"calendar": Calendar(), "runbook": "restart-service"} | changes))
    decision = by.decide(context, more)
    return RecordedDecision(
        at=context.now or NOON, incident_id=context.incident, run_id=context.run, step_id="restart", phase=phase,
        runbook=context.runbook, service=context.service, environment=context.environment, action=context.action,
        actor="tester", outcome=decision.outcome, policy_digest=by.digest, looked_back=60.0, context=to_data(context),
        findings=decision_data(decision), id=7,
    )  # fmt: skip


def again(
    new: Policy,
    *page: RecordedDecision,
    past: Past = NOBODY,
    own: core.OwnRules = no_rules,
    before: Policy | None = None,
) -> Comparison:
    test = Backtest(new, past, own, before)
    test.add([written(decision) for decision in page])
    return test.comparison


def written(decision: RecordedDecision) -> Written:
    """As the store has it."""
    text = json.JSONEncoder(separators=(",", ":")).encode
    return Written(replace(decision, context={}, findings=[]), text(decision.context), text(decision.findings))


def one(found: Comparison) -> Changed:
    (changed,) = found.changed
    return changed


def test_the_same_policy_changes_nothing() -> None:
    page = [
        decided(policy()),
        decided(policy(), environment="dev"),
        decided(policy(), risk="forbidden"),
        decided(policy(), phase="asked", actor=guards.Actor("dev", roles=frozenset({"viewer"}))),
    ]
    assert [decision.outcome for decision in page] == ["ask", "allow", "deny", "deny"]
    found = again(policy(), *page)
    assert (found.count, found.changed, found.unreadable, found.gone) == (4, [], [], 0)


def in_prod(key: str, **changes: Any) -> Changes:
    """A key of the policy that is by environment, with other values for prod."""
    return {key: POLICY[key] | {"prod": POLICY[key]["prod"] | changes}}


LAX, STRICT = in_prod("matrix", safe="auto"), in_prod("matrix", safe="forbid")


@pytest.mark.parametrize(
    ("changes", "about", "kind"),
    [
        (LAX, {}, "asked -> allowed"),
        (STRICT, {}, "asked -> refused"),
        (LAX, {"risk": "forbidden"}, ""),
        ({"requesters": {"roles": ["viewer", "responder"]}}, {"actor": guards.Actor("v", roles=frozenset({"viewer"}))}, "refused -> asked"),
        ({"requesters": {"roles": ["operator"]}}, {}, "asked -> refused"),
        (in_prod("approvals", count=2), {}, "asked for more"),
        (in_prod("approvals", any_of=["payments-oncall", "x"]), {}, "asked for less"),
        ({"breakers": {"incident": {"failures": 2}}}, {}, "asked -> refused"),
        ({"breakers": {"incident": {"failures": 2}}}, {"incident": "inc_1"}, ""),
        ({"error_budget": {"max_burned_percent": 20}}, {"budget_burned": 0.5}, "asked -> refused"),
    ],
)  # fmt: skip
def test_another_policy_changes_what_it_should(changes: Changes, about: Changes, kind: str) -> None:
    found = again(policy(**changes), decided(policy(), **about), before=policy())
    assert [changed.kind for changed in found.changed] == [kind] * bool(kind)
    assert [changed.doubt for changed in found.changed] == [""] * bool(kind)


def test_what_is_told_of_a_change() -> None:
    found = as_data(one(again(policy(**STRICT), decided(policy()), before=policy())))
    assert (found["change"], found["decision"], found["run"], found["step"]) == (
        "asked -> refused",
        7,
        "run_1",
        "restart",
    )
    assert found["before"]["questions"][0]["any_of"] == ["payments-oncall"]
    assert found["after"]["codes"] == ["forbidden"]
    assert (found["doubt"], found["policy_then"]) == ("", policy().digest[:12])


def test_a_change_does_not_keep_everything_that_was_recorded() -> None:
    changed = one(again(policy(**STRICT), decided(policy())))
    assert (changed.decision.context, changed.decision.findings) == ({}, [])


# -- the past ------------------------------------------------------------------------------------------------------
def lived(minutes_ago: float, run: str = "run_0", **changes: Any) -> Lived:
    at = NOON - timedelta(minutes=minutes_ago)
    usual: Changes = {
        "action": "demo.restart", "service": "payments", "environment": "prod", "target": "program:prod/demo",
        "actor": "ana", "at": at, "result": "succeeded",
    }  # fmt: skip
    return Lived(run, PastAct(**(usual | changes)), "done", at, at, "succeeded", last=True)


HOURLY = {"limits": [{"max": 1, "per": "service", "window": "1h"}]}


def test_a_new_limit_counts_the_acts_of_that_time() -> None:
    new = policy(**HOURLY)
    assert one(again(new, decided(policy()), past=Past([lived(59)]))).after.codes == ("rate_limited",)
    assert again(new, decided(policy()), past=Past([lived(61)])).changed == []
    assert again(new, decided(policy()), past=Past([lived(-1)])).changed == [], "it came later"
    assert again(new, decided(policy()), past=Past([lived(5, run="run_1")])).changed == [], "its own act"
    asked = decided(policy(), phase="asked")
    assert one(again(new, asked, past=Past([lived(5, run="run_1")]))).kind == "asked -> refused", "no run yet"


def test_a_breaker_sees_what_had_failed_by_then() -> None:
    new = policy(breakers={"incident": {"failures": 1}})
    act = lived(10, incident="inc_1", result="failed")
    early = replace(act, state="done", outcome="failed", finished_at=act.act.at, run_ended=NOON)
    late = replace(early, run_ended=NOON + timedelta(seconds=1))
    bot = guards.Actor("bot", is_bot=True)
    about: Changes = {"incident": "inc_1", "environment": "dev", "actor": bot, "autonomy": "auto"}
    old = policy(autonomy={"dev": {"safe": "auto"}})
    new = policy(autonomy={"dev": {"safe": "auto"}}, breakers={"incident": {"failures": 1}})
    assert one(again(new, decided(old, **about), past=Past([early]))).after.codes == ("breaker_open",)
    assert again(new, decided(old, **about), past=Past([late])).changed == []


# -- calendars -----------------------------------------------------------------------------------------------------
def freeze(name: str, start: str = "2026-11-21T11:00", **changes: Any) -> Changes:
    return {
        "name": name, "environments": ["prod"], "start": start, "end": "2026-11-21T13:00", "timezone": "UTC",
    } | changes  # fmt: skip


def on(name: str, kind: str = "freeze") -> Period:
    return Period(kind, name, ("prod",), (), NOON - timedelta(hours=1), NOON + timedelta(hours=1))


COMPANY = {
    "calendars": [{"name": "company", "file": "c.ics", "environments": ["prod"], "kind": "freeze", "max_age": "2d"}]
}
FROZEN = {"freezes": [freeze("noon")]}


def test_a_new_freeze_is_seen_and_an_old_one_is_gone() -> None:
    assert one(again(policy(**FROZEN), decided(policy()))).after.codes == ("frozen",)
    before = decided(policy(**FROZEN), calendar=Calendar((on("noon"),)))
    assert before.outcome == "deny"
    assert one(again(policy(), before, before=policy(**FROZEN))).kind == "refused -> asked"
    assert again(policy(**FROZEN), before).changed == []


def test_what_was_imported_stays_for_as_long_as_it_is_imported() -> None:
    for name in ("company: Audit", "company"):  # an event without a title
        before = decided(policy(**COMPANY), calendar=Calendar((on(name),)))
        assert before.outcome == "deny"
        assert again(policy(**COMPANY), before).changed == []
        assert one(again(policy(), before)).kind == "refused -> asked"
    other = COMPANY["calendars"][0] | {"name": "comp"}
    assert one(again(policy(calendars=[other]), before)).kind == "refused -> asked"


PROBLEMS = [
    ("calendar company: it was not read yet", COMPANY, ""),
    ("calendar company: it was not read yet", {"calendars": [COMPANY["calendars"][0] | {"name": "x"}]}, "refused -> asked"),
    ("freeze noon: no such hour", {"freezes": [freeze("x", "2026-11-21T12:59")]}, "refused -> asked"),
    ("freezes and calendars are not worked out for this moment", COMPANY, ""),
]  # fmt: skip


@pytest.mark.parametrize(("problem", "new", "kind"), PROBLEMS)
def test_T56_what_could_not_be_read_counts_for_as_long_as_it_is_read(problem: str, new: Changes, kind: str) -> None:
    before = decided(policy(**COMPANY), calendar=Calendar((), (("prod", problem),)))
    assert before.outcome == "deny"
    assert [changed.kind for changed in again(policy(**new), before).changed] == [kind] * bool(kind)


def test_a_change_window_of_the_new_policy_is_worked_out_for_that_day() -> None:
    window = freeze("work", "2026-11-02T08:00", end="2026-11-02T18:00", repeat="FREQ=DAILY")
    new = policy(change_windows=[window])
    assert again(new, decided(policy())).changed == []
    night = decided(policy(), now=NOON + timedelta(hours=9))
    assert one(again(new, night)).after.codes == ("outside_change_window",)


# -- the rules of runbooks and operations --------------------------------------------------------------------------
LIMITED = guards.RateLimit(max=1, window=3600.0, per="service")


def test_rules_of_a_runbook_hold_as_well() -> None:
    before = decided(policy(), (LIMITED,), history=(lived(5).act,))
    assert before.outcome == "deny"
    found = again(policy(**LAX), before, own=lambda _: (LIMITED,), past=Past([lived(5)]))
    assert found.changed == []


def test_rules_that_changed_since_are_a_doubt() -> None:
    before = decided(policy(), (LIMITED,), history=(lived(5).act,))
    found = again(policy(), before, own=lambda _: (replace(LIMITED, max=2),), past=Past([lived(5)]))
    assert (one(found).kind, one(found).doubt) == ("refused -> asked", OWN_CHANGED)
    known = again(policy(), before, own=no_rules, past=Past([lived(5)]), before=policy())
    assert one(known).doubt == NOT_REPRODUCED


def test_rules_that_are_as_they_were_are_no_doubt() -> None:
    before = decided(policy(), (LIMITED,), history=(lived(5).act,))
    new = policy(requesters={"roles": ["operator"]})
    found = one(again(new, before, own=lambda _: (LIMITED,), past=Past([lived(5)])))
    assert (found.kind, found.after.codes, found.doubt) == (OTHER, ("rate_limited", "wrong_role"), "")


def test_of_a_runbook_that_is_gone_the_verdicts_are_kept() -> None:
    own = (guards.AllowedEnvs(envs=("dev",)),)
    found = again(policy(), decided(policy(), own), own=lambda _: None)
    assert (found.changed, found.gone) == ([], 1)
    changed = one(again(policy(**STRICT), decided(policy(), own), own=lambda _: None))
    assert changed.after.codes == ("forbidden", "wrong_environment")
    assert changed.doubt == GONE


@pytest.fixture
async def trouble(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path) as made:
        await made.fold(alert())
        yield made


async def test_the_rules_are_those_that_the_gate_asks(trouble: Scene) -> None:
    await trouble.ask()
    equipment, plan = trouble.equipment, (await trouble.run()).plan
    own = todays_rules(equipment.library.runbooks, OPERATIONS)
    recorded = await trouble.read(lambda s: decisions.for_run(s, trouble.started[-1]))
    assert len(recorded) == len(plan.steps) > 1
    for step, decision in zip(plan.steps, recorded, strict=True):
        person = trouble.person("ana")
        context = await trouble.read(
            lambda s, step=step, person=person: snapshot(s, equipment, plan, step, person, "", (), trouble.clock())
        )
        found = own(decision)
        assert found
        rules = (*found, rule_of(equipment, plan, None, undo=False))
        assert equipment.policy.decide(context, rules) == decide_step(equipment, plan, step, context)


def test_an_increment_has_the_rules_of_its_step(todays: core.OwnRules) -> None:
    step = decided(policy(), runbook="restart-service", action="supervisor.restart")
    whole = todays(step)
    assert whole
    assert todays(replace(step, step_id="restart-2")) == whole
    gone = [
        replace(step, runbook="nothing"),
        replace(step, step_id="restart-x"),
        replace(step, step_id="other-1"),
        replace(step, action="x.y"),
    ]
    assert [todays(each) for each in gone] == [None] * 4


@pytest.fixture
def todays() -> core.OwnRules:
    from runbooks.load import BUILTIN, Library

    return todays_rules(Library([BUILTIN]).runbooks, OPERATIONS)


def test_an_operation_alone_has_its_decorators() -> None:
    rules = {rule.rule for rule in rules_of(OPERATIONS["redis.flush_database"], None, "staging")}
    assert rules == {"allowed_envs", "require_confirmation", "exclusive"}


# -- what cannot be read -------------------------------------------------------------------------------------------
BROKEN: list[Callable[[RecordedDecision], RecordedDecision]] = [
    lambda d: replace(d, context=d.context | {"newer": 1}),
    lambda d: replace(d, context=d.context | {"actor": 1}),
    lambda d: replace(d, outcome="perhaps"),
    lambda d: replace(d, findings=[{"verdict": "ask"}]),
    lambda d: replace(d, context=d.context | {"calendar": {}}),
]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_record_of_another_version_is_told_and_the_rest_is_tested(
    broken: Callable[[RecordedDecision], RecordedDecision],
) -> None:
    found = again(policy(**STRICT), broken(decided(policy())), decided(policy()))
    assert ([number for number, _ in found.unreadable], len(found.changed), found.count) == ([7], 1, 2)


# -- with the store ------------------------------------------------------------------------------------------------
async def test_what_the_bot_recorded_comes_out_the_same_and_changes_with_the_policy(trouble: Scene) -> None:
    await trouble.ask("dev")  # a viewer is refused
    await trouble.ask()
    await trouble.vote()
    await trouble.carry_out()
    await trouble.read(runs.recent)
    store, own = trouble.equipment.store, todays_rules(trouble.equipment.library.runbooks, OPERATIONS)
    before = START - timedelta(days=90)
    same = await core.backtest(store, policy(), before, own, policy())
    assert same.count >= 5
    assert (same.changed, same.unreadable, same.gone) == ([], [], 0)
    laxer = await core.backtest(
        store, policy(**LAX, requesters={"roles": ["viewer", "responder"]}), before, own, policy()
    )
    assert {changed.kind for changed in laxer.changed} >= {"refused -> allowed", "asked -> allowed"}
    assert not [changed.doubt for changed in laxer.changed if changed.doubt]
    assert (await core.backtest(store, policy(**LAX), START + timedelta(days=1), own, None)).count == 0


async def test_every_page_is_read(trouble: Scene) -> None:
    decision = decided(policy())
    so_far: list[int] = []
    for _ in range(5):
        await trouble.write(lambda s: decisions.add(s, decision))
    found = await core.backtest(
        trouble.equipment.store, policy(**STRICT), NOON, no_rules, page=2, progress=so_far.append
    )
    assert so_far == [2, 4, 5]
    assert (found.count, [changed.decision.id for changed in found.changed]) == (5, [1, 2, 3, 4, 5])
