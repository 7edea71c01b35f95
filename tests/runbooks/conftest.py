"""Shared shapes for the runbook tests: one plain long-form runbook as text."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from runbooks.load import load_runbook
from runbooks.model import Runbook

LONG = """\
id: demo
title: Demo
owner: sre
match:
  symptoms: ["service down", "elevated 5xx"]
  alerts: ["ServiceDown"]
  when: "facts.health.status != 200"
params:
  target: {type: target, kind: supervisor_program}
  lines: {type: integer, min: 1, max: 200, default: 50}
steps:
  - id: look
    action: supervisor.tail_log
    with: {target: "${target}", lines: "${lines}"}
  - id: act
    action: supervisor.restart
    with: {target: "${target}"}
    precheck: "facts.health.status != 200"
    verify: {fact: health, expect: "status == 200", within: 30s, samples: 3 of 4, every: 1s}
    rollback: none
    safety: {risk: safe, scopes: [dev, staging, prod], limits: [{max: 1, per: service, window: 1h, env: prod}]}
escalate: {after_failures: 1, severity: critical}
"""

SHORT = """\
id: clear-cache
command: "redis-cli FLUSHDB"
expect: [{pattern: "OK"}, {pattern: "(empty list or set)", allow_failure: true}]
safety: {requires_approval: true, scopes: ["staging"]}
"""


@pytest.fixture
def long_text() -> str:
    return LONG


@pytest.fixture
def short_text() -> str:
    return SHORT


@pytest.fixture
def make() -> Callable[..., Runbook]:
    """make(old, new, old, new, ...): the long runbook with parts of its text replaced."""

    def _make(*changes: str, text: str = LONG) -> Runbook:
        for old, new in zip(changes[::2], changes[1::2], strict=True):
            assert old in text, old
            text = text.replace(old, new)
        return load_runbook(text, "demo.yaml")

    return _make
