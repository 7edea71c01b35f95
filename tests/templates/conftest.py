"""Shapes that the templates render: real models, and the store's values as plain namespaces with the same fields."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.incident import Change, Incident, IncidentStatus, Severity
from bot.plan import Act, Check, Plan, PlanStep, Target
from bot.render import Renderer
from bot.services import Service
from bot.transcript import Entry, EntryKind

NOW = datetime(2026, 11, 21, 14, 2, 7, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]


class Shapes:
    """Builds the data of a template with one text put in every place that outside text can reach."""

    def __init__(self, text: str) -> None:
        self.text = text

    def incident(self, **changes: Any) -> Incident:
        t = self.text
        values: dict[str, Any] = {
            "id": "inc_aaaaaaaaaaaaaaaa",
            "source": "pagerduty",
            "external_id": "PT4KHLK",
            "title": t,
            "status": IncidentStatus.TRIGGERED,
            "severity": Severity.CRITICAL,
            "service": "payments",
            "environment": "prod",
            "opened_at": NOW - timedelta(seconds=192),
            "updated_at": NOW,
            "occurrences": 3,
            "alert_name": t,
            "labels": {t: t},
            "details": {t: t, "host": t},
            "url": t,
            "assignees": (t,),
            "service_label": t,
        }
        return Incident.model_validate(values | changes)

    def plan(self) -> Plan:
        t = self.text
        target = Target(kind="supervisor_program", environment="prod", name="payments")
        act = Act(
            adapter="supervisor",
            operation="supervisor.restart",
            target=target,
            request={"name": t},
            shown=t,
            deadline_seconds=30,
        )
        check = Check(fact="health", expect=t, within_seconds=60, every_seconds=2, required=3, of=4)
        return Plan(
            incident_id="inc_aaaaaaaaaaaaaaaa",
            runbook="restart-service",
            runbook_title=t,
            runbook_digest="0" * 64,
            policy_digest="1" * 64,
            service="payments",
            environment="prod",
            tier=1,
            requester="alice",
            steps=(
                PlanStep(id="diagnose", title=t, act=act, read_only=True, risk="read"),
                PlanStep(
                    id="restart",
                    title=t,
                    act=act,
                    read_only=False,
                    risk="caution",
                    check=check,
                    rollback=(act,),
                    rollback_note=t,
                ),
            ),
            why=t,
            created_at=NOW,
            expires_at=NOW + timedelta(minutes=15),
        )

    def proposal(self, **changes: Any) -> SimpleNamespace:
        plan = self.plan().model_dump(mode="json") | {"success": self.text, "undo": self.text}
        values: dict[str, Any] = {
            "id": "prop_aaaaaaaaaaaaaaaa",
            "incident_id": "inc_aaaaaaaaaaaaaaaa",
            "runbook": "restart-service",
            "step_id": "restart",
            "why": self.text,
            "state": "open",
            "plan": plan,
            "score": 0.9,
            "reasons": [self.text],
            "alternatives": [],
            "created_at": NOW,
        }
        return SimpleNamespace(**(values | changes))

    def run(self, **changes: Any) -> SimpleNamespace:
        plan = self.plan()
        values: dict[str, Any] = {
            "id": "run_aaaaaaaaaaaaaaaa",
            "incident_id": plan.incident_id,
            "proposal_id": "prop_aaaaaaaaaaaaaaaa",
            "plan": plan,
            "digest": plan.digest,
            "state": "waiting",
            "outcome": None,
            "requester": "alice",
            "created_at": NOW,
            "started_at": None,
            "finished_at": None,
            "stop_requested_by": None,
            "note": self.text,
        }
        return SimpleNamespace(**(values | changes))

    def approval(self, **changes: Any) -> SimpleNamespace:
        values: dict[str, Any] = {
            "id": "apr_aaaaaaaaaaaaaaaa",
            "run_id": "run_aaaaaaaaaaaaaaaa",
            "step_id": "restart",
            "kind": "approval",
            "digest": self.plan().digest,
            "approvers": {"count": 1, "any_of": [self.text], "all_of": [self.text]},
            "requester": "alice",
            "message": self.text,
            "state": "pending",
            "created_at": NOW,
            "expires_at": NOW + timedelta(minutes=15),
            "decided_at": None,
            "delivered": False,
        }
        return SimpleNamespace(**(values | changes))

    def facts(self) -> list[dict[str, Any]]:
        at = NOW.isoformat()
        return [
            {
                "name": self.text,
                "kind": "http",
                "observed_at": at,
                "took_ms": 3.0,
                "value": {self.text: self.text},
                "gap": "",
            },
            {"name": "cpu", "kind": "http", "observed_at": at, "took_ms": 3.0, "value": {}, "gap": self.text},
        ]

    def entry(self, kind: EntryKind, **data: Any) -> Entry:
        t = self.text
        everything: dict[str, Any] = {
            "title": t,
            "severity": "critical",
            "service": t,
            "environment": t,
            "occurrences": 2,
            "url": t,
            "runbook": t,
            "step": t,
            "why": t,
            "success": t,
            "undo": t,
            "digest": t,
            "requester": t,
            "steps": [t],
            "code": t,
            "reason": t,
            "remedy": t,
            "kind": "approval",
            "message": t,
            "needed": 1,
            "groups": [t],
            "expires_at": NOW.isoformat(),
            "approval_id": t,
            "person": t,
            "approve": True,
            "by": t,
            "shown": t,
            "key": t,
            "target": t,
            "ok": True,
            "summary": t,
            "output": t,
            "exit_code": 0,
            "took_seconds": 3.2,
            "fact": t,
            "expect": t,
            "evidence": [{"at": NOW.isoformat(), "value": {t: t}, "ok": False}],
            "answer": t,
            "page": True,
            "outcome": t,
            "via": "pagerduty",
            "assignees": [t],
            "level": t,
            "name": t,
            "looks": [t],
            "instead_of": t,
            "changed": [t, t],
        }
        if kind is EntryKind.APPROVED:
            everything["by"] = [t]
        return Entry(
            incident_id="inc_aaaaaaaaaaaaaaaa",
            kind=kind,
            at=NOW,
            actor=t,
            run_id="run_aaaaaaaaaaaaaaaa",
            seq=7,
            data=everything | data,
        )

    def board(self, **changes: Any) -> SimpleNamespace:
        t = self.text
        change = Change(
            source="github", key="1", service="payments", environment="prod", summary=t, at=NOW, url=t, author=t
        )
        values: dict[str, Any] = {
            "incident": self.incident(),
            "facts": self.facts(),
            "proposal": self.proposal(),
            "runs": [],
            "approvals": {},
            "votes": {},
            "entries": [],
            "changes": [change],
            "similar": [self.incident(status=IncidentStatus.RESOLVED)],
            "fixed_by": {},
            "tickets": [SimpleNamespace(system=t, key=t, url=t)],
        }
        return SimpleNamespace(**(values | changes))

    def service(self) -> Service:
        return Service(name="payments", environment="prod", owner=self.text or "-", tier=1)


@pytest.fixture(scope="session")
def renderer() -> Renderer:
    return Renderer(ROOT / "templates")


@pytest.fixture(scope="session")
def shapes() -> Callable[[str], Shapes]:
    return Shapes
