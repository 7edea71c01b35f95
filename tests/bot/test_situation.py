"""A written situation becomes the same context and the same decision as in the bot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

import guards
from bot.situation import Situation
from guards.policy import Policy

POLICY = Policy.from_mapping(
    {
        "version": 1,
        "lowest_environment": "dev",
        "matrix": {"dev": {"safe": "auto"}, "prod": {"safe": "approve"}},
        "approvals": {"prod": {"count": 2, "any_of": ["leads"], "all_of": ["sre"], "timeout": "15m"}},
        "requesters": {"roles": ["responder"]},
        "operators": {"roles": ["admin"]},
        "freezes": [
            {
                "name": "noon",
                "environments": ["dev"],
                "start": "2026-11-21T12:00",
                "end": "2026-11-21T13:00",
                "timezone": "UTC",
            }
        ],
    }
)
BASE: dict[str, Any] = {
    "who": {"id": "ana", "roles": ["responder"]},
    "action": "demo.restart",
    "service": "demo",
    "environment": "dev",
    "at": "2026-11-21T10:00:00Z",
    "risk": "safe",
}


def situation(**changes: Any) -> Situation:
    return Situation.model_validate(BASE | changes)


@pytest.mark.parametrize(
    ("changes", "outcome", "codes"),
    [
        ({}, "allow", []),
        ({"at": "2026-11-21T12:30:00Z"}, "deny", ["frozen"]),
        ({"environment": "prod"}, "ask", []),
        ({"who": {"bot": True}}, "deny", ["autonomy"]),
        ({"stops": [{"level": "service", "name": "demo"}]}, "deny", ["kill_switch"]),
        ({"held": {"thing:dev/demo": "run_other"}}, "deny", ["target_busy"]),
        ({"scopes": ["prod"]}, "deny", ["out_of_scope"]),
        ({"targets": ["thing:dev/a", "thing:dev/b"]}, "deny", ["blast_radius"]),
        ({"change": {"current": 2, "wanted": 12}}, "deny", ["change_too_large"]),
    ],
)
def test_it_is_judged_like_any_request(changes: dict[str, Any], outcome: str, codes: list[str]) -> None:
    decision = situation(**changes).decide(POLICY)
    assert (decision.outcome, [denial.code for denial in decision.denials]) == (outcome, codes)


def test_everything_written_is_in_the_context() -> None:
    at = datetime(2026, 11, 21, 10, tzinfo=UTC)
    context = situation(
        past=[
            {"minutes_ago": 1, "result": "failed", "this_incident": True, "cost": 2.0, "standing": "s1"},
            {"minutes_ago": 5, "action": "x", "service": "y", "environment": "prod", "target": "z"},
        ],
        breakers=[{"key": "global", "opened_minutes_ago": 30, "trial_run": "run_1"}],
        inventory={"total": 4, "healthy": 3},
        break_glass="fire",
        cost=7.5,
        budget_burned=0.1,
        autonomy="auto",
        runbook="restart",
        tier=1,
    ).context(POLICY)
    older, newer = context.history
    assert (older.action, older.service, older.environment, older.target) == ("x", "y", "prod", "z")
    assert (newer.at, newer.incident, newer.cost, newer.standing) == (
        at - timedelta(minutes=1), context.incident, 2.0, "s1",
    )  # fmt: skip
    assert context.breakers == (guards.OpenBreaker("global", at - timedelta(minutes=30), "run_1"),)
    assert context.inventory == guards.Inventory(4, 3, {})
    assert context.break_glass == guards.BreakGlass("fire", "ana", at + timedelta(minutes=10))
    assert (context.cost, context.budget_burned, context.autonomy, context.tier) == (7.5, 0.1, "auto", 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"who": {}},
        {"who": {"id": "ana", "bot": True}},
        {"at": "2026-11-21T10:00:00"},
        {"risk": "mild"},
        {"nonsense": 1},
        {"tier": 9},
        {"stops": [{"level": "galaxy"}]},
    ],
)
def test_a_situation_is_read_strictly(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        situation(**wrong)
