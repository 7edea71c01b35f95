"""The plan that B6 changes: every field of every model in it has a value of its own, none is left at its default.

Used by trust/b6.py and trust/b6_golden.py. A field that is added to bot/plan.py must be given a value here: `missing` finds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel

from bot.plan import Act, Check, OutputPattern, Plan, PlanStep, Resize, Target

CREATED = datetime(2026, 11, 21, 3, 0, 7, 123_456, tzinfo=UTC)


def act(name: str, request: dict[str, Any]) -> Act:
    """One act with nothing left out."""
    return Act(
        adapter="command",
        operation=f"command.{name}",
        target=Target(kind="host", environment="prod", name=f"web-{name}"),
        request=request,
        shown=f"run {name} on web-{name}",
        deadline_seconds=12.5,
        idempotent=True,
        cancel_safe=True,
        resize=Resize(current=2, wanted=4, unit="pods"),
        cost=1.25,
        planned_from={"health": {"status": 503, "body": "down"}},
        leaves={"health": {"status": 200}},
        members=("g:a", "g:b"),
    )


def sample() -> Plan:
    """Two steps, one of them with an undo, lists and mappings in the requests, and letters from everywhere."""
    check = Check(fact="health", expect="status == 200", within_seconds=30.5, every_seconds=1.5, required=3, of=4)
    request = {
        "argv": ["systemctl", "restart", "web", "--job-mode=replace"],
        "environment": {"LANG": "C", "z": "last", "€": "euro", "\U0001d4b3": "beyond the first plane"},
        "limits": {"cpu": 0.25, "memory": 536_870_912, "nice": -5},
        "wait": True,
        "user": None,
        "nested": [[1, [2, 3]], {"deep": {"deeper": ["a", "b"]}}],
    }
    return Plan(
        incident_id="inc_aaaaaaaaaaaaaaaa",
        runbook="restart-service",
        runbook_title="Restart the service \u2013 \u201cweb\u201d",
        runbook_digest="5d" * 32,
        policy_digest="a1" * 32,
        service="web",
        environment="prod",
        tier=2,
        requester="ana",
        steps=(
            PlanStep(
                id="restart",
                title="Restart it",
                act=act("restart", request),
                read_only=False,
                risk="caution",
                precheck="facts.health.status != 200",
                expect=(OutputPattern(pattern="done", allow_failure=True), OutputPattern(pattern="^ok$")),
                check=check,
                rollback=(act("start", {"argv": ["systemctl", "start", "web"]}),),
                rollback_note="started again with the former settings",
                irreversible=True,
                part_of="restart-all",
                on_failure="continue",
            ),
            PlanStep(id="look", title="Look", act=act("look", {"lines": 50}), read_only=True, risk="read"),
        ),
        parameters={"target": "web-restart", "lines": 50, "mode": "safe"},
        why="ana asked for it",
        break_glass="the shop is down",
        created_at=CREATED,
        expires_at=CREATED + timedelta(minutes=15),
    )


def models(value: object) -> Iterator[BaseModel]:
    """Every model inside, itself first."""
    if isinstance(value, BaseModel):
        yield value
        for name in type(value).model_fields:
            yield from models(getattr(value, name))
    elif isinstance(value, tuple):
        for each in value:
            yield from models(each)


def fields(plan: Plan) -> set[tuple[str, str]]:
    """(model, field) of everything that a plan consists of."""
    return {(type(each).__name__, name) for each in models(plan) for name in type(each).model_fields}


def missing(plan: Plan) -> list[tuple[str, str]]:
    """Fields that no model inside gives a value of its own: changing them proves nothing."""
    given = {
        (type(each).__name__, name)
        for each in models(plan)
        for name, field in type(each).model_fields.items()
        if field.is_required() or getattr(each, name) != field.get_default(call_default_factory=True)
    }
    return sorted(fields(plan) - given)
