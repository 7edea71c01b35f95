"""The shipped runbooks: they load, they lint without errors, and alerts lead to the right one or to none.

The table plays openings as monitors write them: the names are those of kube-prometheus, node-exporter, blackbox, RabbitMQ,
Redis and PostgreSQL rule sets. X1 to X14 are the mission's worked examples.
"""

from __future__ import annotations

from typing import Any

import pytest

from bot.adapters.hard_blocks import check_argv
from bot.roster import FACT_NAMES, OPERATIONS
from runbooks.lint import lint
from runbooks.lint.subject import waits
from runbooks.load import BUILTIN, Library
from runbooks.match import Situation, match
from runbooks.next_step import NextStep, NoStep, PastStep, next_step
from runbooks.parameters import bind, validate

READ_ONLY = frozenset(name for name, operation in OPERATIONS.items() if operation.read_only)
Facts = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def library() -> Library:
    return Library([BUILTIN])


def _next(library: Library, situation: Situation, facts: Facts, *past: PastStep) -> NextStep | NoStep:
    ranked = match(library.runbooks, situation, facts, library.index)
    return next_step(ranked, past, facts, situation.environment, read_only=READ_ONLY, incident=situation.variables())


# -- what it is ---------------------------------------------------------------------------------------------------------
R7 = [
    "restart-service",
    "restart-deployment",
    "scale-workers",
    "roll-back-deploy",
    "clear-cache",
    "purge-queue",
    "requeue-dead-letters",
    "clean-known-safe-paths",
    "restart-overdue-job",
    "kill-runaway-query",
    "reset-connection-pool",
    "drain-and-reboot-node",
    "database-failover",
    "feature-flag-off",
    "renew-certificate",
    "rotate-credential",
    "pause-canary",
    "pre-warm-cache",
    "rotate-logs",
    "raise-replica-limit",
    "start-service",
    "reload-configuration",
    "stop-crash-loop",
    "clear-stale-lock",
    "roll-back-setting",
    "cycle-leaking-workers",
    "enter-read-only",
    "check-service",
    "check-queue",
]


def test_R7_the_catalogue_loads_and_has_what_the_mission_names(library: Library) -> None:
    assert library.problems == ()
    assert set(R7) <= set(library.runbooks)
    assert len(library.runbooks) >= 30
    assert sum(not runbook.waits_for for runbook in library.runbooks.values()) >= 30


def test_R3_the_catalogue_has_no_lint_errors_and_only_the_warnings_of_the_short_form(library: Library) -> None:
    found = [finding for runbook in library.runbooks.values() for finding in lint(runbook, OPERATIONS, FACT_NAMES)]
    assert [finding for finding in found if finding.severity == "error"] == []
    named = {finding.rule for finding in found} - {"scope-above-promotion"}
    assert named == {"mutating-without-verify", "mutating-without-rollback"}


def test_every_runbook_says_who_looks_after_it_what_it_means_and_where_to_look(library: Library) -> None:
    for name, runbook in library.runbooks.items():
        parts = (runbook.owner, runbook.meaning, runbook.impact, runbook.diagnosis, runbook.tests)
        assert all(parts), name


def test_every_runbook_is_real_or_says_what_it_waits_for(library: Library) -> None:
    for name, runbook in library.runbooks.items():
        actions = [action for step in runbook.steps for action in (step.action, *(u.action for u in step.rollback))]
        missing = [action for action in actions if action not in OPERATIONS]
        assert all(waits(runbook, action) for action in missing), name
        assert bool(missing) == bool(runbook.waits_for), name


# -- which one ----------------------------------------------------------------------------------------------------------
DOWN = {"health": {"status": 503, "body_head": ""}, "state": {"state": "RUNNING"}}
WELL = {"health": {"status": 200, "body_head": "ok"}, "state": {"state": "RUNNING"}}
GONE = {"health": {"status": 0, "body_head": ""}, "state": {"state": "EXITED"}}
WORKERS = {"running": 6, "healthy": 6, "total": 12}
CHANGED = {"changes": {"changes": [{"summary": "payments v2.3", "minutes_before": 2}]}}
HEAP = "java.lang.OutOfMemoryError: Java heap space"
TABLE: list[tuple[str, str, str, Facts, str]] = [
    ("X1", "Service down: payments", "ServiceDown", DOWN, "restart-service"),
    ("X1", "payments health checks failing", "", DOWN, "restart-service"),
    ("X1", "Probe failed", "BlackboxProbeFailed", DOWN, "restart-service"),
    ("X1", "Process exited unexpectedly", "ProcessNotRunning", GONE, "start-service"),
    ("X1", "payments: connection refused", "", GONE, "start-service"),
    ("X1", "Service down: payments", "ServiceDown", WELL, ""),
    ("X1", "Service down: payments", "ServiceDown", {}, ""),
    ("X2", "Disk usage high on web-1", "DiskUsageHigh", {"disk": {"used_percent": 91.0}}, "clean-known-safe-paths"),
    ("X2", "write failed: No space left on device", "", {"disk": {"used_percent": 100}}, "clean-known-safe-paths"),
    ("X2", "", "NodeFilesystemAlmostOutOfSpace", {"disk": {"used_percent": 96}}, "clean-known-safe-paths"),
    ("X2", "", "NodeFilesystemAlmostOutOfSpace", {"disk": {"used_percent": 60}}, ""),
    ("R7", "log rotation failed", "LogRotationFailed", {"disk": {"used_percent": 92}}, "rotate-logs"),
    ("R7", "journald fills the disk", "JournalTooLarge", {"disk": {"used_percent": 92}}, "shrink-journal"),
    ("X3", "checkout shows the prices of yesterday", "StalePrices", WELL, ""),
    ("X4", "API 5xx spike: elevated 5xx on payments", "Api5xxSpike", DOWN, "restart-service"),
    ("X5", "checkout latency, CPU saturated", "CPUSaturated", {**WELL, "pool": WORKERS}, "scale-workers"),
    ("X5", "checkout latency", "CPUSaturated", {**WELL, "pool": {**WORKERS, "running": 12}}, ""),
    ("X5", "hpa maxed out", "KubeHpaMaxedOut", {"deployment": {"wanted": 8, "most": 8}}, ""),
    ("X6", HEAP, "", {**WELL, "pool": WORKERS}, "cycle-leaking-workers"),
    ("X6", "memory grows at payments, 90 %", "MemoryLeak", {**WELL, "pool": WORKERS}, "cycle-leaking-workers"),
    ("X6", HEAP, "", {**WELL, "memory": {"used_percent": 97}}, "restart-leaking-service"),
    ("X6", HEAP, "", {"pool": WORKERS, "memory": {"used_percent": 97}}, "cycle-leaking-workers"),
    ("X6", HEAP, "", WELL, ""),
    ("X7", "p95 went from 200 ms to 2 s, database CPU 95 %", "CheckoutP95", WELL, ""),
    ("X7", "query 12345 runs since 00:25", "RunawayQuery", {"database": {"longest_seconds": 9600}}, ""),
    ("X8", "0.1 % to 10 %", "ErrorRateAfterDeploy", {"errors": {"percent": 10}, **CHANGED}, "roll-back-deploy"),
    ("X8", "", "ErrorRateAfterDeploy", {"errors": {"percent": 10}, "changes": {"changes": []}}, "check-service"),
    ("X8", "", "KubePodCrashLooping", {"errors": {"percent": 10}, **CHANGED}, "roll-back-deploy"),
    ("X8", "errors after deploy", "", {"errors": {"percent": 0.1}, **CHANGED}, ""),
    ("X8", "degraded after sync", "ArgoCdAppDegraded", {"errors": {"percent": 10}, **CHANGED}, ""),
    ("X9", "stuck", "JobOverdue", {"job": {"running_minutes": 182, "most_minutes": 60}}, "restart-overdue-job"),
    ("X9", "stuck", "JobOverdue", {"job": {"running_minutes": 20, "most_minutes": 60}}, ""),
    ("X10", "", "DatabasePrimaryDown", {"database": {"primary_up": 0, "replica_lag_seconds": 2}}, ""),
    ("X11", "queue backlog grows", "QueueBacklog", {"pool": WORKERS}, "scale-workers"),
    ("X12", "payments not responding", "HealthCheckFailing", DOWN, "restart-service"),
    (
        "X13",
        "",
        "CanaryErrors",
        {"canary": {"error_percent": 5, "baseline_percent": 0.1, "paused": 0}},
        "pause-canary",
    ),
    ("X13", "", "CanaryErrors", {"canary": {"error_percent": 5, "baseline_percent": 6, "paused": 0}}, ""),
    ("X13", "", "CanaryFailing", {"canary": {"error_percent": 40, "weight": 10}}, "abort-canary"),
    ("X14", "BGP session down between two sites", "NetworkPartition", DOWN, ""),
    ("V2", "Errors after configuration change", "BadSetting", DOWN, "roll-back-setting"),
    ("N4", "High latency of payments", "HighLatency", WELL, "check-service"),
    ("R7", "", "ServiceCrashLooping", {"state": {"state": "BACKOFF"}}, "stop-crash-loop"),
    ("R7", "", "ServiceCrashLooping", {"state": {"state": "RUNNING"}}, ""),
    (
        "R7",
        "pid file /run/app.pid already exists",
        "",
        {**GONE, "process": {"running": False}},
        "clear-stale-lock",
    ),
    ("R7", "pid file /run/app.pid already exists", "", {**GONE, "process": {"running": True}}, ""),
    ("R7", "", "NodeSystemdServiceFailed", {"process": {"running": False}}, "restart-failed-unit"),
    ("R7", "", "PrometheusBadConfig", {"configuration": {"reloaded": 0}}, "reload-configuration"),
    ("R7", "writes fail", "DatabaseWritesFailing", DOWN, "enter-read-only"),
    ("R7", "", "UpstreamDown", {**DOWN, "tcp": {"open": False}}, "switch-upstream"),
    ("R7", "", "UpstreamDown", {**DOWN, "tcp": {"open": True}}, ""),
    ("R7", "", "FeatureFlagErrors", {"errors": {"percent": 4}}, "feature-flag-off"),
    (
        "R7",
        "",
        "KubePodNotReady",
        {"deployment": {"available": 2, "wanted": 4, "paused": 0}},
        "restart-deployment",
    ),
    ("R7", "Too many connections", "", {"database": {"connections_percent": 99}}, "reset-connection-pool"),
    ("R7", "FATAL: sorry, too many clients already", "", {"database": {"connections_percent": 40}}, ""),
    ("R7", "OOM command not allowed when used memory > 'maxmemory'", "", {"cache": {"used_percent": 100}}, ""),
    ("R7", "", "RedisDown", DOWN, "check-cache"),
    ("R7", "", "CacheHitRateLow", {"cache": {"hit_percent": 20}}, "pre-warm-cache"),
    ("R7", "", "RabbitmqSlowQueueConsuming", WELL, "check-queue"),
    (
        "R7",
        "",
        "RabbitmqNoQueueConsumer",
        {"queue": {"ready": 900, "consumers": 0}, "pool": WORKERS},
        "restart-stuck-consumers",
    ),
    (
        "R7",
        "",
        "RabbitmqDeadLetterQueueFillingUp",
        {"queue": {"dead": 40, "consumers": 3, "ready": 1}},
        "requeue-dead-letters",
    ),
    ("R7", "", "RabbitmqTooManyMessagesInQueue", {"queue": {"ready": 99_000}}, ""),
    (
        "R7",
        "x509: certificate has expired",
        "",
        {"certificate": {"days_left": -1, "days_on_disk": -1}},
        "renew-certificate",
    ),
    (
        "R7",
        "",
        "BlackboxSslCertificateWillExpireSoon",
        {"certificate": {"days_left": 5, "days_on_disk": 89}},
        "serve-renewed-certificate",
    ),
    ("R7", "", "NodeClockSkewDetected", {"clock": {"offset_seconds": 4}}, "step-clock"),
    ("R7", "", "KubeNodeReadinessFlapping", {"node": {"unschedulable": 0, "not_ready_nodes": 1}}, "cordon-node"),
    ("R7", "", "KubeNodeNotReady", {"node": {"unschedulable": 0, "not_ready_nodes": 7}}, ""),
    ("R7", "", "CredentialLeaked", WELL, ""),
]


@pytest.mark.parametrize(
    ("case", "title", "alert", "facts", "runbook"),
    TABLE,
    ids=[f"{n}-{row[0]}-{row[4] or 'none'}" for n, row in enumerate(TABLE)],
)
def test_an_opening_leads_to_the_right_runbook_or_to_none(
    library: Library, case: str, title: str, alert: str, facts: Facts, runbook: str
) -> None:
    situation = Situation(title=title, severity="critical", service="payments", environment="prod", alert=alert)
    chosen = _next(library, situation, facts)
    found = chosen.runbook.id if isinstance(chosen, NextStep) else ""
    assert found == runbook, (case, getattr(chosen, "why", ""))


@pytest.mark.parametrize(
    ("alert", "facts", "runbook", "adapter"),
    [
        ("RunawayQuery", {"database": {"longest_seconds": 9600}}, "End one query", "sql"),
        (
            "DatabasePrimaryDown",
            {"database": {"primary_up": 0, "replica_lag_seconds": 2}},
            "Fail a database over",
            "rds",
        ),
    ],
)
def test_X7_X10_what_waits_for_an_adapter_is_named_and_people_are_called(
    library: Library, alert: str, facts: Facts, runbook: str, adapter: str
) -> None:
    chosen = _next(library, Situation(severity="critical", environment="prod", alert=alert), facts)
    assert isinstance(chosen, NoStep)
    assert chosen.escalate
    told = " ".join((chosen.why, *chosen.looks))
    assert runbook in told
    assert adapter in told


def test_in_staging_a_full_cache_may_be_emptied_and_a_flooded_queue_purged(library: Library) -> None:
    cases: list[tuple[str, Facts, str]] = [
        ("RedisOutOfConfiguredMaxmemory", {"cache": {"used_percent": 100}}, "empty-full-cache"),
        ("RabbitmqTooManyMessagesInQueue", {"queue": {"ready": 99_000}}, "purge-queue"),
    ]
    for alert, facts, runbook in cases:
        chosen = _next(library, Situation(severity="critical", environment="staging", alert=alert), facts)
        assert isinstance(chosen, NextStep)
        assert chosen.runbook.id == runbook


def test_no_alert_reaches_two_runbooks_under_the_same_condition(library: Library) -> None:
    seen: dict[tuple[str, str], str] = {}
    for runbook in library.runbooks.values():
        for alert in runbook.match.alerts:
            other = seen.setdefault((alert, runbook.match.when), runbook.id)
            assert other == runbook.id, alert


# -- what they do -------------------------------------------------------------------------------------------------------
def test_X1_diagnosis_first_then_restart_with_proof(library: Library) -> None:
    situation = Situation(title="Service down", severity="critical", environment="prod", alert="ServiceDown")
    facts: Facts = {"health": {"status": 500}, "state": {"state": "RUNNING"}}
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


def test_T34_what_a_command_acts_on_is_named_by_the_catalogue_and_never_typed(library: Library) -> None:
    commands = [s for r in library.runbooks.values() for s in r.steps if s.action == "command.run"]
    assert len(commands) >= 10
    assert [step.id for step in commands for word in step.with_["argv"] if word.startswith("$")] == []


def test_T42_no_command_of_the_catalogue_is_one_that_is_never_carried_out(library: Library) -> None:
    given = [s.with_ for r in library.runbooks.values() for s in r.steps]
    given += [u.with_ for r in library.runbooks.values() for s in r.steps for u in s.rollback]
    commands = [[word.strip("{}") for word in one["argv"]] for one in given if "argv" in one]
    assert len(commands) >= 10
    assert [argv for argv in commands if check_argv([f"/usr/bin/{argv[0]}", *argv[1:]])] == []


STARTS = {("start-service", "start"), ("clear-stale-lock", "start")}
"""Their condition says that nothing runs, so that nothing can answer yet."""


def test_V1_no_proof_holds_before_the_act(library: Library) -> None:
    """A proof that nobody looked at beforehand may have held all the time, and then proves nothing."""
    unasked = {
        (name, step.id)
        for name, runbook in library.runbooks.items()
        for step in runbook.steps
        if step.verify is not None and f"facts.{step.verify.fact}." not in f"{runbook.match.when} {step.precheck}"
    }
    assert unasked == STARTS
