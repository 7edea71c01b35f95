"""The oracle itself, by cases that stand word for word in docs/policy.md."""

from __future__ import annotations

import ast
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from guards.context import Actor, BreakGlass, Calendar, Context, Period, Stop
from trust import oracle
from trust.oracle import Judgement, judge
from trust.oracle_words import Question
from trust.words import NOW

HOUR = timedelta(hours=1)
POLICY: dict[str, Any] = {
    "matrix": {"prod": {"read": "auto", "safe": "approve", "caution": "confirm"}, "dev": {"safe": "auto"}},
    "autonomy": {"prod": {"safe": "approve", "caution": "auto"}, "dev": {"safe": "auto"}},
    "approvals": {"prod": {"count": 1, "any_of": ["leads"], "timeout": "15m"}},
    "requesters": {"roles": ["responder"]},
    "confirmation_timeout": "120s",
    "break_glass": {"any_of": ["leads"], "timeout": "1h"},
}
ANA = Actor("ana", "Ana", frozenset({"responder"}))
BOT = Actor("bot", is_bot=True)
APPROVAL = Question("approval", 900.0, 1, frozenset({"leads"}), frozenset())
CONFIRMATION = Question("confirmation", 120.0, 0, frozenset(), frozenset())
FREEZE = Calendar((Period("freeze", "year-end", ("prod",), (), NOW - HOUR, NOW + HOUR),))


def context(**changes: Any) -> Context:
    made: dict[str, Any] = {
        "action": "supervisor.restart",
        "environment": "prod",
        "service": "payments",
        "risk": "safe",
        "targets": ("service:prod/payments",),
        "scopes": ("prod",),
        "actor": ANA,
        "now": NOW,
        "run": "run_1",
        "autonomy": "auto",
    }
    return Context(**{**made, **changes})


def ask(*questions: Question) -> Judgement:
    return Judgement("ask", frozenset(), frozenset(questions))


def deny(*codes: str) -> Judgement:
    return Judgement("deny", frozenset(codes), frozenset())


@pytest.mark.parametrize(
    "changes,said",
    [
        ({}, ask(APPROVAL)),
        ({"risk": "read"}, Judgement("allow", frozenset(), frozenset())),
        ({"risk": "caution"}, ask(CONFIRMATION)),
        ({"risk": "caution", "actor": BOT}, ask(APPROVAL)),
        ({"risk": "forbidden"}, deny("forbidden")),
        ({"actor": Actor("zoe")}, deny("wrong_role")),
        ({"actor": None}, deny("missing_context")),
        (
            {"environment": "qa", "targets": ("service:qa/a",), "scopes": ("qa",)},
            deny("unknown_environment", "forbidden"),
        ),
        ({"scopes": ("*",)}, deny("out_of_scope")),
        ({"holders": {"service:prod/payments": "run_2"}}, deny("target_busy")),
        ({"stops": (Stop("service", " Payments", "", ""),)}, deny("kill_switch")),
        ({"autonomy": "shadow"}, deny("shadow")),
        ({"actor": BOT, "autonomy": "suggest"}, deny("autonomy")),
        ({"calendar": FREEZE}, deny("frozen")),
    ],
)
def test_the_page_word_for_word(changes: dict[str, Any], said: Judgement) -> None:
    assert judge(POLICY, context(**changes)) == said


@pytest.mark.parametrize(
    "glass,actor,said",
    [
        (BreakGlass("down", "ana", NOW + HOUR), ANA, ask(APPROVAL, APPROVAL._replace(seconds=600.0))),
        (BreakGlass("down", "ana", NOW), ANA, deny("frozen")),
        (BreakGlass("  ", "ana", NOW + HOUR), ANA, deny("frozen")),
        (BreakGlass("down", "ben", NOW + HOUR), ANA, deny("frozen")),
        (BreakGlass("down", "bot", NOW + HOUR), BOT, deny("frozen")),
    ],
)
def test_the_glass_is_broken_by_the_person_who_asks_for_ten_minutes_at_most(
    glass: BreakGlass, actor: Actor, said: Judgement
) -> None:
    assert judge(POLICY, context(calendar=FREEZE, break_glass=glass, actor=actor)) == said


def test_any_denial_is_the_answer_and_nobody_is_asked() -> None:
    said = oracle.combine([("matrix", APPROVAL), ("scopes", "out_of_scope"), ("freeze", "frozen")], None)
    assert said == deny("out_of_scope", "frozen")


@pytest.mark.parametrize("code", ["missing_context", "guard_error", "forbidden"])
def test_the_glass_passes_only_what_the_page_names(code: str) -> None:
    glass = APPROVAL._replace(seconds=600.0)
    assert oracle.combine([("freeze", "frozen")], glass) == ask(glass)
    assert oracle.combine([("freeze", code)], glass) == deny(code)
    assert oracle.combine([("scopes", "frozen")], glass) == deny("frozen")


def test_a_standing_approval_that_is_used_is_named() -> None:
    standing = {
        "id": "hourly",
        "runbook": "restart-service",
        "action": "supervisor.restart",
        "service": "payments",
        "environment": "prod",
        "max": 1,
        "until": "2026-12-31T00:00:00Z",
        "by": ["cora", "dev"],
    }
    written = {**POLICY, "standing": [standing]}
    asked = context(runbook="restart-service")
    assert judge(written, asked).outcome == "allow"
    assert oracle.answered(written, asked) == {"hourly"}
    assert oracle.answered(written, context(runbook="restart-service", risk="caution")) == frozenset()


def test_every_rule_of_the_page_has_its_finding() -> None:
    rules = [rule for rule, _ in oracle.findings(POLICY, context())]
    assert sorted(rules) == sorted(oracle.RULES)
    more = {
        **POLICY,
        "limits": [{"max": 1, "per": "global", "window": "1h"}] * 2,
        "breakers": {"incident": {"failures": 1}},
    }
    assert [rule for rule, _ in oracle.findings(more, context())].count("rate_limit") == 2


ORACLE = sorted(Path(oracle.__file__).parent.glob("oracle*.py"))


@pytest.mark.parametrize("path", ORACLE, ids=lambda path: path.name)
def test_the_oracle_shares_no_code_with_the_guards(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    at_run_time = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert not [node.module for node in at_run_time if (node.module or "").startswith(("guards", "bot", "runbooks"))]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    typed = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node not in at_run_time]
    assert set(typed) <= {"guards.context"}
