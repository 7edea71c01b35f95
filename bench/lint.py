"""The linter beside the C YAML loader and pydantic alone, over the same 1,000 runbooks of five steps (issue 4).

The limit reads each file, builds it with yaml.CSafeLoader and validates it with a pydantic model of what authors write: no
strictness, no places, no conditions compiled, no rule. Ours is `runbooks.lint.check.check` over the same folder: strict YAML
with places, the model, CEL and RE2 compiled, every rule, the rules over all runbooks, and the report as JSON. In turns.
"""

from __future__ import annotations

import gc
import time
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from bench.processes import Failed
from bench.report import Figure, Round, compared
from bench.run import Run

COUNT = 1_000
QUICK = 100
TODAY = date(2026, 11, 30)
WHY = "the strict loader builds in Python what the limit builds in Python too, and then the conditions are compiled"


def runbook(number: int) -> str:
    """One of many: five steps, names, thresholds and conditions of its own, as a team would write it."""
    service = f"svc-{number:04d}"
    changing = "".join(
        f"""\
  - id: {name}
    title: {name.capitalize()} {service}
    action: supervisor.{name}
    with: {{target: "${{target}}"}}
    when: "facts.health.status != 200 && facts.disk.used_percent < {50 + number % 50}"
    precheck: "facts.state.state != 'RUNNING' || facts.health.latency > {number + 1}.5"
    verify: {{fact: health, expect: "status == 200 && latency < {number + 2}.0", within: 60s, samples: 3 of 4, every: 2s}}
    rollback: none
    rollback_note: people are paged when it does not help
    deadline: 90s
    safety:
      risk: safe
      scopes: [dev, staging]
      limits: [{{max: 1, per: service, window: 1h}}, {{max: 3, per: target, window: 1d}}]
      blast_radius: {{max_targets: 1}}
"""
        for name in ("restart", "start")
    )
    return f"""\
# Made for the benchmark.
id: mend-{service}
title: Mend {service}
owner: team-{number % 20}
review_every: 90d
description: >-
  Looks at {service}, starts it again when it is down, and asks it how it is afterwards.
match:
  symptoms: ["{service} is down", "{service} answers slowly", "elevated 5xx on {service}"]
  alerts: ["{service}-down", "{service}-slow"]
  signatures: ["{service}: connection (refused|reset) by peer"]
  labels: {{service: {service}, severity: page}}
  when: "incident.severity in ['critical', 'error'] && facts.health.status != {200 + number % 7}"
params:
  target: {{type: target, kind: supervisor_program}}
  lines: {{type: integer, min: 1, max: 200, default: {1 + number % 200}}}
steps:
  - id: read-log
    title: Read the last lines
    action: supervisor.tail_log
    with: {{target: "${{target}}", lines: "${{lines}}"}}
  - id: look-again
    title: Read more of them
    action: supervisor.tail_log
    with: {{target: "${{target}}", lines: 200}}
    when: "facts.health.status == {500 + number % 5}"
    expect: [{{pattern: "started {service}"}}, {{pattern: "stopped {service}", allow_failure: true}}]
{changing}\
  - id: tail-after
    title: What it says now
    action: supervisor.tail_log
    with: {{target: "${{target}}", lines: 20}}
escalate: {{after_failures: 1, severity: critical}}
tests:
  - name: starts what is down
    incident: {{alert_name: {service}-down, severity: critical}}
    facts: {{health: {{status: 503, latency: 1}}, state: {{state: STOPPED}}, disk: {{used_percent: 10}}}}
    expect: {{step: restart}}
"""


def write(folder: Path, count: int) -> None:
    """The files, in folders of a hundred."""
    for number in range(count):
        area = folder / f"area-{number // 100:02d}"
        area.mkdir(exist_ok=True)
        (area / f"mend-{number:04d}.yaml").write_text(runbook(number), encoding="utf-8")


# -- the limit ---------------------------------------------------------------------------------------------------------
class Plain(BaseModel):
    """As strict about keys as ours, so that both look at every one."""

    model_config = ConfigDict(extra="forbid")


class PlainMatch(Plain):
    symptoms: list[str] = []
    alerts: list[str] = []
    signatures: list[str] = []
    labels: dict[str, str] = {}
    when: str = ""


class PlainParameter(Plain):
    type: str
    kind: str = ""
    min: int | None = None
    max: int | None = None
    default: str | int | None = None


class PlainPattern(Plain):
    pattern: str
    allow_failure: bool = False


class PlainVerify(Plain):
    fact: str
    expect: str
    within: str
    samples: str = "2 of 3"
    every: str = "2s"


class PlainLimit(Plain):
    max: int
    per: str
    window: str
    env: str = ""


class PlainRadius(Plain):
    max_targets: int = 1


class PlainSafety(Plain):
    risk: str = "caution"
    scopes: list[str]
    limits: list[PlainLimit] = []
    blast_radius: PlainRadius = PlainRadius()


class PlainStep(Plain):
    id: str
    title: str = ""
    action: str
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")
    when: str = ""
    precheck: str = ""
    verify: PlainVerify | None = None
    expect: list[PlainPattern] = []
    rollback: str = ""
    rollback_note: str = ""
    deadline: str = "60s"
    safety: PlainSafety | None = None


class PlainEscalate(Plain):
    after_failures: int = 1
    severity: str = "critical"


class PlainExpect(Plain):
    step: str = ""


class PlainCase(Plain):
    name: str
    incident: dict[str, Any] = {}
    facts: dict[str, dict[str, Any]] = {}
    expect: PlainExpect


class PlainRunbook(Plain):
    id: str
    title: str
    owner: str = ""
    review_every: str = "90d"
    description: str = ""
    match: PlainMatch = PlainMatch()
    params: dict[str, PlainParameter] = {}
    steps: list[PlainStep]
    escalate: PlainEscalate = PlainEscalate()
    tests: list[PlainCase] = []


def limit(folder: Path) -> int:
    """How many files the C loader and pydantic alone accept."""
    count = 0
    for path in sorted(folder.rglob("*.yaml")):
        loaded = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
        PlainRunbook.model_validate(loaded)
        count += 1
    return count


def ours(folder: Path) -> Any:
    """The report of the linter with everything known."""
    from bot.cli.lint_sources import is_secret, read_paths
    from bot.roster import ADAPTERS, FACT_NAMES, OPERATIONS
    from runbooks.lint import Known
    from runbooks.lint.check import check
    from runbooks.lint.report import as_json

    known = Known(
        OPERATIONS, FACT_NAMES, adapters=ADAPTERS, promotions=(), today=TODAY, secret=is_secret
    )  # fmt: skip
    report = check(read_paths([folder]), known)
    as_json(report)
    return report


def timed(work: Any, folder: Path) -> tuple[float, Any]:
    """Seconds, and what came out."""
    gc.collect()
    began = time.perf_counter()
    made = work(folder)
    return time.perf_counter() - began, made


def one_round(folder: Path, count: int) -> Round:
    """One after the other over the same files."""
    floor, accepted = timed(limit, folder)
    mine, report = timed(ours, folder)
    if accepted != count or report.runbooks != count or report.errors:
        told = "; ".join(f"{f.file}:{f.line}: {f.message}" for f in report.findings[:3])
        raise Failed(f"{accepted} and {report.runbooks} of {count} runbooks, {report.errors} errors: {told}")
    return Round(floor, mine)


async def measure(run: Run) -> AsyncIterator[list[Figure]]:
    """One figure: seconds for all of them."""
    count = QUICK if run.quick else COUNT
    with run.folder("lint") as folder:
        write(folder, count)
        one_round(folder, count)  # imports and caches of both
        rounds = [one_round(folder, count) for _ in range(run.rounds)]
    told = "C YAML loader and pydantic alone"
    extra = {"runbooks": count, "steps": 5}
    yield [compared(f"lint of {count} runbooks", "s", rounds, "at most", 2, limit_is=told, why=WHY, extra=extra)]
