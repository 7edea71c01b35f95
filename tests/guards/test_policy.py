"""guards/policy.py: the policy compiled to guards."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

import guards
from guards.matrix import MatrixCell
from guards.policy import Escalation, Policy
from guards.testing import NOON, frozen

DATA: dict[str, Any] = {
    "version": 1,
    "lowest_environment": "dev",
    "matrix": {
        "dev": {"read": "auto", "safe": "auto", "caution": "confirm", "forbidden": "forbid"},
        "staging": {"read": "auto", "safe": "confirm", "caution": "approve", "forbidden": "forbid"},
        "prod": {"read": "auto", "safe": "approve", "caution": "approve", "forbidden": "forbid"},
    },
    "approvals": {
        "staging": {"count": 1, "any_of": ["oncall", "leads"], "timeout": "15m"},
        "prod": {"count": 2, "any_of": ["oncall"], "all_of": ["leads"], "timeout": 600},
    },
    "requesters": {"roles": ["responder", "operator", "admin"]},
    "operators": {"roles": ["operator", "admin"]},
    "limits": [
        {"max": 1, "per": "service", "window": "1h", "env": "prod", "action": "demo.restart"},
        {"max": 3, "per": "global", "window": "10m"},
    ],
    "confirmation_timeout": "60s",
    "autonomy": {"dev": {"safe": "auto"}, "staging": {"safe": "auto"}, "prod": {"safe": "auto"}},
}
POLICY = Policy.from_mapping(DATA)
BOT = guards.Actor("bot", is_bot=True)


def decided(**changes: object) -> guards.Decision:
    context = frozen(**changes)
    return guards.decide(POLICY.guards(context), context, POLICY.digest)


def answer(**changes: object) -> str:
    decision = decided(**changes)
    assert decision == POLICY.decide(frozen(**changes))
    if decision.denials:
        return "+".join(denial.code for denial in decision.denials)
    return "+".join(question.kind for question in decision.questions) or decision.outcome


@pytest.mark.parametrize(
    ("environment", "risk", "expected"),
    [
        ("dev", "read", "allow"),
        ("dev", "safe", "allow"),
        ("dev", "caution", "confirmation"),
        ("dev", "forbidden", "forbidden"),
        ("staging", "safe", "confirmation"),
        ("staging", "caution", "approval"),
        ("prod", "read", "allow"),
        ("prod", "safe", "approval"),
        ("prod", "forbidden", "forbidden"),
        ("prod", "unheard", "forbidden"),
        ("prod", "", "missing_context"),
    ],
)
def test_the_matrix_decides(environment: str, risk: str, expected: str) -> None:
    assert answer(environment=environment, risk=risk) == expected


def test_the_questions_carry_who_and_how_long() -> None:
    (approval,) = decided(environment="prod").questions
    assert approval.approvers == guards.Approvers(2, ("oncall",), ("leads",)) == POLICY.approvers("prod")
    assert approval.timeout_seconds == 600
    assert approval.message == "Approve demo.restart on demo in prod?"
    (confirmation,) = decided(environment="staging").questions
    assert confirmation.timeout_seconds == 60
    assert confirmation.message == "Run demo.restart on demo in staging?"
    without_limits = Policy.from_mapping({**DATA, "limits": []})
    context = frozen(environment="staging", service="")
    (confirmation,) = guards.decide(without_limits.guards(context), context).questions
    assert confirmation.message == "Run demo.restart on demo:staging/demo in staging?"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"environment": "mars"}, "unknown_environment+forbidden"),
        ({"targets": ("demo:prod/demo",)}, "target_environment"),
        ({"actor": guards.Actor("eve", roles=frozenset({"viewer"}))}, "wrong_role"),
        ({"actor": None}, "missing_context+missing_context"),
        ({"scopes": ("staging",)}, "out_of_scope"),
        ({"scopes": ()}, "out_of_scope"),
        ({"targets": ()}, "missing_context+missing_context+missing_context"),
        ({"now": None}, "missing_context"),
        ({"stops": (guards.Stop("all", "", "x", "ann"),)}, "kill_switch"),
        ({"holders": {"demo:dev/demo": "run_other"}}, "target_busy"),
    ],
)
def test_T35_T54_T55_every_rule_is_in_force(changes: dict[str, object], expected: str) -> None:
    assert answer(**changes) == expected


def test_limits_count_in_their_environment() -> None:
    past = guards.PastAct(
        "demo.restart", "demo", "prod", "demo:prod/demo", "ann", NOON - timedelta(minutes=30), "failed"
    )
    assert answer(environment="prod", history=(past,)) == "rate_limited"
    assert answer(environment="staging", history=(past,)) == "confirmation"
    recent = guards.PastAct("x", "y", "dev", "z", "ann", NOON - timedelta(minutes=1), "succeeded")
    assert answer(history=(recent,) * 2) == "allow"
    assert answer(history=(recent,) * 3) == "rate_limited"


def test_the_bot_goes_alone_only_where_matrix_autonomy_and_runbook_agree() -> None:
    assert answer(actor=BOT, autonomy="auto") == "allow"
    assert answer(actor=BOT, autonomy="approve") == "forbidden", "nobody may approve in dev"
    assert answer(actor=BOT) == "autonomy"
    assert answer(actor=BOT, risk="read") == "allow"
    assert answer(actor=BOT, risk="caution", autonomy="auto") == "autonomy+forbidden"
    assert answer(actor=BOT, environment="staging", autonomy="auto") == "approval", "it has nobody to confirm"
    assert answer(actor=BOT, environment="prod", autonomy="auto") == "approval"
    assert answer(actor=BOT, risk="forbidden", autonomy="auto") == "autonomy+forbidden"


def test_T35_guards_compiled_for_another_context_refuse() -> None:
    compiled = POLICY.guards(frozen())
    assert "wrong_cell" in {denial.code for denial in guards.decide(compiled, frozen(environment="prod")).denials}


def test_T43_a_cell_that_asks_and_has_nobody_to_ask_forbids() -> None:
    """Cannot come from a file; a policy value made by hand must not be permissive either."""
    by_hand = Policy(
        digest="x",
        lowest_environment="dev",
        environments=("dev",),
        cells=(("dev", "safe", "approve"),),
        approvals=(),
        requesters=("responder",),
        operators=("operator",),
        limits=(),
        confirmation_timeout=1.0,
    )
    decision = guards.decide(by_hand.guards(frozen()), frozen())
    assert [denial.code for denial in decision.denials] == ["forbidden"]
    assert by_hand.approvers("dev") is None


@pytest.mark.parametrize(
    ("roles", "allowed"),
    [(["operator"], True), ({"admin", "viewer"}, True), (["responder"], False), ([], False), ("operator", False)],
)
def test_T55_who_may_operate(roles: list[str], allowed: bool) -> None:
    found = POLICY.may_operate(roles)
    assert isinstance(found, guards.Allow) is allowed
    if isinstance(found, guards.Deny):
        assert found.code == "wrong_role"


def test_the_digest_is_the_meaning() -> None:
    same = copy.deepcopy(DATA)
    same["approvals"]["staging"] = {"timeout": 900, "any_of": ["leads", "oncall"], "count": 1}
    same["limits"].reverse()
    same["confirmation_timeout"] = "1m"
    assert Policy.from_mapping(same) == POLICY
    assert len(POLICY.digest) == 64
    assert decided().policy_digest == POLICY.digest


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lowest_environment", "staging"),
        ("matrix", {**DATA["matrix"], "dev": {"read": "auto"}}),
        ("approvals", {**DATA["approvals"], "dev": {"count": 1, "any_of": ["oncall"], "timeout": 60}}),
        ("requesters", {"roles": ["responder"]}),
        ("operators", {"roles": ["admin"]}),
        ("limits", DATA["limits"][:1]),
        ("confirmation_timeout", 61),
        ("autonomy", {"dev": {"safe": "approve"}}),
        ("tiers", {"dev": {1: {"safe": "confirm"}}}),
        ("break_glass", {"any_of": ["leads"], "timeout": 60}),
        ("breakers", {"incident": {"failures": 2}}),
        ("blast_radius", {"dev": {"max_targets": 2}}),
        ("scale", {"max_factor": 2}),
        ("error_budget", {"max_burned_percent": 0}),
        ("cost", {"currency": "EUR"}),
    ],
)
def test_T15_any_change_changes_the_digest(key: str, value: object) -> None:
    assert Policy.from_mapping({**DATA, key: value}).digest != POLICY.digest


def test_the_trace_names_every_rule_and_what_it_saw() -> None:
    trace = decided(environment="prod", action="demo.scale").trace
    assert [finding.rule for finding in trace] == [
        "autonomy",
        "blast_radius",
        "change_window",
        "exclusive",
        "freeze",
        "kill_switch",
        "known_environment",
        "matrix",
        "max_change",
        "rate_limit",
        "rate_limit",
        "require_role",
        "scopes",
    ]
    for finding in trace:
        assert isinstance(finding.inputs, Mapping)
        assert finding.inputs
    assert {"not_applicable": 1} in [finding.inputs for finding in trace]


TIGHT: dict[str, Any] = {
    **DATA,
    "tiers": {"prod": {1: {"safe": "forbid"}, 2: {"caution": "forbid"}}, "dev": {1: {"safe": "approve"}}},
    "approvals": {
        "dev": {"count": 1, "any_of": ["oncall"], "timeout": 60},
        "staging": {
            "count": 1,
            "any_of": ["oncall"],
            "timeout": "15m",
            "remind_before": "5m",
            "escalate": [{"after": "10m", "to": ["leads"]}, {"after": "12m", "to": ["directors"]}],
        },
        "prod": {"count": 1, "any_of": ["oncall"], "timeout": 600, "tiers": {2: {"count": 3, "timeout": 300}}},
    },
    "standing": [
        {
            "id": "nightly", "runbook": "restart", "action": "demo.restart", "service": "demo", "environment": "prod",
            "max": 2, "until": "2030-02-01T00:00:00Z", "by": ["cora", "dev"],
        }
    ],
    "break_glass": {"any_of": ["leads"], "timeout": "10m"},
    "freezes": [
        {"name": "x", "environments": ["prod"], "start": "2029-01-01T00:00", "end": "2029-01-02T00:00", "timezone": "UTC"}
    ],
    "change_windows": [
        {
            "name": "w", "environments": ["staging"], "start": "2029-01-01T00:00", "end": "2029-01-02T00:00",
            "timezone": "UTC", "services": ["demo"],
        }
    ],
    "breakers": {
        "remediation": {"max": 3, "window": "2h", "cooldown": "30m"},
        "global": {"failures": 5, "window": "10m", "cooldown": "30m"},
        "incident": {"failures": 2},
    },
    "blast_radius": {"prod": {"max_targets": 2, "max_percent": 50}},
    "scale": {"ask_above_percent": 20, "max_factor": 2},
    "error_budget": {"max_burned_percent": 20},
    "cost": {"per_act": 5, "per_day": 50, "ask_above": 2, "currency": "EUR"},
}  # fmt: skip
STRICT = Policy.from_mapping(TIGHT)


def strict(**changes: object) -> guards.Decision:
    """A decision of the tight policy about a complete act in prod, at noon, for a service of tier 3."""
    about: dict[str, object] = {
        "environment": "prod",
        "runbook": "restart",
        "incident": "inc_1",
        "calendar": guards.Calendar(),
        "inventory": guards.Inventory(10, 10),
        "cost": 1.0,
        "budget_burned": 0.1,
    }
    return STRICT.decide(frozen(**{**about, **changes}))


def told(decision: guards.Decision) -> str:
    return "+".join(denial.code for denial in decision.denials) or decision.outcome


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "allow"),
        ({"runbook": "other"}, "ask"),
        ({"tier": 1}, "forbidden"),
        ({"tier": None}, "missing_context"),
        ({"tier": None, "risk": "read"}, "allow"),
        ({"tier": 2, "risk": "caution"}, "forbidden"),
        ({"calendar": None}, "calendar_unreadable"),
        ({"environment": "staging"}, "outside_change_window"),
        ({"environment": "staging", "service": "other"}, "ask"),
        ({"targets": ("demo:prod/a", "demo:prod/b")}, "allow"),
        ({"targets": ("demo:prod/a", "demo:prod/b"), "inventory": None}, "missing_context"),
        ({"targets": ("demo:prod/a", "demo:prod/b", "demo:prod/c")}, "blast_radius"),
        ({"change": guards.Change(2, 5)}, "change_too_large"),
        ({"change": guards.Change(2, 3)}, "ask"),
        ({"budget_burned": 0.3}, "error_budget"),
        ({"budget_burned": None}, "missing_context"),
        ({"cost": 6.0}, "cost_cap"),
        ({"cost": 3.0}, "ask"),
        ({"breakers": (guards.OpenBreaker("global", NOON),)}, "breaker_open"),
        ({"incident": ""}, "missing_context"),
    ],
)
def test_every_key_is_compiled(changes: dict[str, object], expected: str) -> None:
    assert told(strict(**changes)) == expected


def test_questions_of_all_rules_are_the_one_approval_of_the_environment_and_tier() -> None:
    (question,) = strict(runbook="other", cost=3.0, change=guards.Change(2, 3), tier=2).questions
    assert question.approvers == guards.Approvers(3, ("oncall",)) == STRICT.approvers("prod", 2)
    assert question.timeout_seconds == 300.0
    assert question.message == "Approve demo.restart on demo in prod?"


def test_P6_a_standing_approval_answers_the_matrix_until_it_is_used_up() -> None:
    decision = strict()
    assert (decision.outcome, decision.standing) == ("allow", "nightly")
    (cell,) = (finding for finding in decision.trace if finding.rule == "matrix")
    assert isinstance(cell.verdict, guards.Allow)
    assert "nightly" in cell.verdict.reason
    assert strict(cost=3.0).standing == "nightly", "another rule still asks"
    assert strict(cost=6.0).standing == ""
    used = guards.PastAct("x", "y", "z", "t", "bot", NOON - timedelta(days=20), "failed", standing="nightly")
    assert strict(history=(used,) * 2).outcome == "ask"
    assert strict(service="other").outcome == "ask"


def test_T14_the_glass_is_broken_after_all_rules_have_spoken() -> None:
    broken = guards.BreakGlass("down", "tester", NOON + timedelta(minutes=1))
    decision = strict(calendar=None, budget_burned=1.0, break_glass=broken)
    assert [question.approvers for question in decision.questions] == [guards.Approvers(1, ("leads",))]
    assert {finding.inputs.get("broken") for finding in decision.trace} == {None, "calendar_unreadable", "error_budget"}
    stopped = strict(calendar=None, break_glass=broken, scopes=("dev",))
    assert told(stopped) == "out_of_scope"
    assert told(strict(calendar=None, break_glass=guards.BreakGlass("down", "bob", NOON))) == "calendar_unreadable"
    context = frozen(break_glass=broken, environment="prod", history=())
    assert POLICY.decide(context) == POLICY.decide(replace(context, break_glass=None)), "this policy has no such key"


def test_more_rules_can_only_add_refusals_and_questions() -> None:
    context = frozen(environment="prod", calendar=None)
    more = (guards.RequireApproval(any_of=("sre",)), guards.AllowedEnvs(("dev",)), guards.BlastRadius())
    before, after = STRICT.decide(context), STRICT.decide(context, more)
    assert set(before.denials) < set(after.denials)
    assert len(after.trace) == len(before.trace) + 3
    assert after.policy_digest == STRICT.digest
    assert STRICT.decide(context, more[::-1]) == after


WRONG: list[dict[str, object]] = [
    {name: wrong}
    for name in [field.name for field in fields(guards.Context)]
    for wrong in (None, 5, "*", ["x"], object(), float("nan"))
]


@pytest.mark.parametrize("changes", WRONG, ids="-".join)
def test_T34_a_decision_is_total(changes: dict[str, object]) -> None:
    """Any field of any type: the decision never raises, and never allows where a needed field is wrong.

    An action called `*` is a name like any other: no rule takes it for a wildcard.
    """
    for policy in (POLICY, STRICT):
        decision = policy.decide(frozen(**changes))
        assert decision.outcome in ("allow", "deny", "ask")
        if changes != {"action": "*"} and set(changes) & {
            "environment",
            "action",
            "actor",
            "risk",
            "targets",
            "scopes",
            "now",
        }:
            assert decision.outcome == "deny"


@pytest.mark.parametrize("tier", [True, 1.0, "1", (), []])
def test_T34_a_tier_that_is_no_whole_number_refuses(tier: object) -> None:
    assert told(STRICT.decide(frozen(tier=tier, risk="read"))) == "wrong_cell"


def test_decisions_are_the_same_again() -> None:
    context = frozen(environment="prod")
    assert STRICT.decide(context) == STRICT.decide(context) == Policy.from_mapping(TIGHT).decide(context)
    assert STRICT.guards(context) is STRICT.guards(context), "compiled once"
    assert STRICT.guards(context) is not STRICT.guards(replace(context, tier=1))
    without = frozen(service="")
    assert STRICT.guards(without) != STRICT.guards(replace(without, targets=("demo:dev/other",)))


@pytest.mark.parametrize(
    ("environment", "risk", "tier", "word"),
    [
        ("prod", "safe", 1, "forbid"),
        ("prod", "safe", 2, "approve"),
        ("prod", "safe", None, "forbid"),
        ("prod", "read", 1, "auto"),
        ("dev", "safe", 3, "auto"),
        ("dev", "safe", 1, "approve"),
        ("mars", "safe", 1, "forbid"),
    ],
)
def test_the_word_for_a_tier_is_never_laxer(environment: str, risk: str, tier: int | None, word: str) -> None:
    assert STRICT.word(environment, risk, tier) == word


def test_who_is_asked_when_and_who_else() -> None:
    assert STRICT.approval("mars") is None
    assert STRICT.approval("staging", 3, "Go?") == guards.RequireApproval(any_of=("oncall",), message="Go?")
    assert STRICT.approvers("prod") == guards.Approvers(3, ("oncall",)), "a tier that is not known needs the most"
    assert STRICT.approvers("prod", 3) == guards.Approvers(1, ("oncall",))
    assert STRICT.escalations("staging") == (Escalation(600.0, ("leads",)), Escalation(720.0, ("directors",)))
    assert STRICT.remind_before("staging") == 300.0
    for environment in ("prod", "mars"):
        assert STRICT.escalations(environment) == ()
        assert STRICT.remind_before(environment) is None


def test_how_far_back_the_rules_look() -> None:
    assert POLICY.longest_window() == 3600.0
    assert STRICT.longest_window() == 86_400.0
    assert Policy.from_mapping({**DATA, "limits": []}).longest_window() == 0.0
    assert Policy.from_mapping({**TIGHT, "cost": {"currency": "EUR"}}).longest_window() == 7200.0


def test_what_is_declared_is_kept_for_the_calendars() -> None:
    assert [(period.kind, period.name) for period in STRICT.periods] == [("freeze", "x"), ("change_window", "w")]
    assert STRICT.calendars == ()


WINDOW = {
    "name": "noon",
    "environments": ["prod"],
    "start": "2030-01-01T11:00",
    "end": "2030-01-01T13:00",
    "timezone": "UTC",
}


def test_change_windows_alone_are_no_freeze_and_hold_where_the_environment_is_not_known() -> None:
    policy = Policy.from_mapping({**DATA, "change_windows": [WINDOW]})
    rules = {guard.rule: guard for guard in policy.guards(frozen())}
    assert rules["freeze"] == guards.Freeze(watched=False)
    nowhere = policy.decide(frozen(environment=""))
    (found,) = [finding.verdict for finding in nowhere.trace if finding.rule == "change_window"]
    assert isinstance(found, guards.Deny)
    assert found.code == "missing_context"


TIERED_CELL = {"tiers": {"prod": {1: {"safe": "forbid"}}}}
TIERED_APPROVAL = {
    "approvals": {**DATA["approvals"], "prod": {**DATA["approvals"]["prod"], "tiers": {1: {"count": 3}}}}
}


@pytest.mark.parametrize(
    ("more", "any_tier"),
    [({}, True), (TIERED_CELL, False), (TIERED_APPROVAL, False), ({**TIERED_CELL, **TIERED_APPROVAL}, False)],
    ids=["nowhere", "in the matrix", "in the approvals", "in both"],
)
def test_the_answer_for_one_tier_is_not_used_for_another(more: dict[str, Any], any_tier: bool) -> None:
    policy = Policy.from_mapping({**DATA, **more})
    for risk in ("safe", "caution"):
        context = frozen(environment="prod", risk=risk, tier=2)
        compiled = policy.guards(context)
        codes = [denial.code for denial in guards.decide(compiled, replace(context, tier=3)).denials]
        good_for_any = any_tier or (risk == "caution" and "approvals" not in more)
        assert codes == ([] if good_for_any else ["wrong_cell"]), risk


@pytest.mark.parametrize("where", ["dev", "staging", "prod"])
@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_P6_a_cell_knows_the_standing_approvals_of_its_environment_only(environment: str, where: str) -> None:
    given = {
        "id": "given", "runbook": "restart", "action": "demo.restart", "service": "demo", "environment": where,
        "max": 1, "until": "2030-01-02T00:00:00+00:00", "by": ["cora", "dev"],
    }  # fmt: skip
    policy = Policy.from_mapping({**DATA, "standing": [given]})
    (cell,) = [guard for guard in policy.guards(frozen(environment=environment)) if isinstance(guard, MatrixCell)]
    assert [each.id for each in cell.standing] == (["given"] if environment == where else [])


def test_what_is_kept_for_speed_is_bounded_and_never_shown() -> None:
    policy = Policy.from_mapping(DATA)
    assert policy._compiled.cache_info().maxsize == 4_096  # type: ignore[attr-defined]  # reason: functools' own
    assert "_compiled" not in repr(policy)
    assert policy == Policy.from_mapping(DATA)
