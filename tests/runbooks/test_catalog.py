"""The shipped runbooks: they load, they lint without errors, and the worked examples find them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from runbooks.lint import lint
from runbooks.load import BUILTIN, Library
from runbooks.match import Situation, match
from runbooks.next_step import NextStep, NoStep, PastStep, next_step
from runbooks.parameters import bind, validate

READ_ONLY = {"supervisor.tail_log", "redis.ping", "disk.report", "http.get"}
KINDS = {
    "supervisor": ("supervisor_program", "tail_log restart start stop"),
    "supervisor pool": ("supervisor_pool", "scale scale_back"),
    "redis": ("redis_database", "flush_database ping"),
    "disk": ("disk_area", "report clean_paths"),
    "settings": ("setting_file", "set restore"),
    "http": ("http_endpoint", "get post"),
    "command": ("command_host", "run"),
}
FACTS = {"health", "state", "pool", "disk", "tcp", "process", "oncall", "past_incidents", "changes"}


@dataclass(frozen=True)
class Known:
    target_kind: str
    read_only: bool
    members: object | None = None
    parameters: None = None


OPERATIONS = {
    f"{group.partition(' ')[0]}.{name}": Known(kind, f"{group}.{name}" in READ_ONLY)
    for group, (kind, names) in KINDS.items()
    for name in names.split()
}


@pytest.fixture(scope="module")
def library() -> Library:
    return Library([BUILTIN])


def test_the_catalogue_loads_without_problems(library: Library) -> None:
    assert library.problems == ()
    assert sorted(library.runbooks) == [
        "check-service",
        "clean-known-safe-paths",
        "clear-cache",
        "restart-service",
        "roll-back-setting",
        "scale-workers",
        "start-service",
    ]


def test_R3_the_catalogue_has_no_lint_errors(library: Library) -> None:
    found = [(r.id, f) for r in library.runbooks.values() for f in lint(r, OPERATIONS, FACTS)]
    assert [pair for pair in found if pair[1].severity == "error"] == []
    assert {name for name, _ in found} <= {"clear-cache"}


def _next(
    library: Library, situation: Situation, facts: dict[str, dict[str, object]], *past: PastStep
) -> NextStep | NoStep:
    ranked = match(library.runbooks, situation, facts, library.index)
    return next_step(ranked, past, facts, situation.environment, read_only=READ_ONLY, incident=situation.variables())


CASES = [
    (
        "X1",
        "Service down: payments",
        "ServiceDown",
        {"health": {"status": 500}, "state": {"state": "RUNNING"}},
        "restart-service",
    ),
    ("X1", "payments health checks failing", "", {"health": {"status": 503}}, "restart-service"),
    ("X1", "Process exited unexpectedly", "ProcessNotRunning", {"state": {"state": "EXITED"}}, "start-service"),
    ("X2", "Disk usage high on web-1", "DiskUsageHigh", {"disk": {"used_percent": 91.0}}, "clean-known-safe-paths"),
    (
        "X5",
        "checkout latency, CPU saturated",
        "CPUSaturated",
        {"health": {"status": 200}, "pool": {"running": 6, "total": 12}},
        "scale-workers",
    ),
    ("V2", "Errors after configuration change", "BadSetting", {"health": {"status": 500}}, "roll-back-setting"),
    ("N4", "High latency of payments", "HighLatency", {"health": {"status": 200}}, "check-service"),
]


@pytest.mark.parametrize(("case", "title", "alert", "facts", "runbook"), CASES)
def test_worked_examples_find_their_runbook(
    library: Library, case: str, title: str, alert: str, facts: dict[str, dict[str, object]], runbook: str
) -> None:
    situation = Situation(title=title, severity="critical", service="payments", environment="prod", alert=alert)
    chosen = _next(library, situation, facts)
    assert isinstance(chosen, NextStep), (case, chosen)
    assert chosen.runbook.id == runbook, case


def test_X1_diagnosis_first_then_restart_with_proof(library: Library) -> None:
    situation = Situation(title="Service down", severity="critical", environment="prod", alert="ServiceDown")
    facts: dict[str, dict[str, object]] = {"health": {"status": 500}, "state": {"state": "RUNNING"}}
    chosen = _next(library, situation, facts)
    assert isinstance(chosen, NextStep)
    assert [s.action for s in chosen.steps] == ["supervisor.tail_log", "supervisor.restart"]
    assert chosen.success == "health: status == 200, 3 of 4 samples within 30 s"
    failed = _next(library, situation, facts, PastStep("restart-service", "restart", "failed"))
    assert isinstance(failed, NoStep)
    assert failed.escalate


def test_G7_the_scaling_runbook_goes_in_increments_and_only_where_there_is_room(library: Library) -> None:
    runbook = library.runbooks["scale-workers"]
    assert runbook.steps[0].increments == 50.0
    assert validate(runbook, {"target": "workers"})["wanted"] == 12
    situation = Situation(title="Queue backlog", environment="prod", alert="QueueBacklog")
    for pool in ({"running": 12, "total": 12}, {}):
        assert isinstance(_next(library, situation, {"pool": dict(pool)}), NoStep)


def test_X3_clear_cache_is_the_short_form_of_the_mission(library: Library) -> None:
    runbook = library.runbooks["clear-cache"]
    assert runbook.short_form
    assert runbook.steps[0].safety is not None
    assert runbook.steps[0].safety.scopes == ("staging",)


def test_the_setting_runbook_binds_its_rollback(library: Library) -> None:
    runbook = library.runbooks["roll-back-setting"]
    values = validate(runbook, {"target": "demo-settings"})
    assert bind(runbook.steps[0], values) == {"target": "demo-settings", "key": "mode", "value": "safe"}
    assert bind(runbook.steps[0].rollback[0], values) == {"target": "demo-settings", "key": "mode"}


def test_X2_the_number_of_days_stays_a_number(library: Library) -> None:
    runbook = library.runbooks["clean-known-safe-paths"]
    bound = bind(runbook.steps[1], validate(runbook, {"target": "tmp", "older_than_days": 3}))
    assert bound == {"target": "tmp", "older_than_days": 3}
