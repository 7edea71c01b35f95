"""The names that random policies and contexts are made of, and the hostile ones that must never pass for them.

Used by trust/draw_policy.py, trust/draw_context.py and trust/lattice.py. Holds values only.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

ENVIRONMENTS = ("dev", "staging", "prod")
SERVICES = ("payments", "checkout", "orders")
ACTIONS = ("supervisor.restart", "redis.flush", "group.scale")
RUNBOOKS = ("restart-service", "clear-cache")
GROUPS = ("payments-oncall", "leads", "sre", "dba")
ROLES = ("responder", "operator", "admin")
PEOPLE = ("ana", "ben", "cora", "dev")
RISKS = ("read", "safe", "caution", "forbidden")
WORDS = ("auto", "confirm", "approve", "forbid")
AUTONOMY = ("shadow", "suggest", "approve", "auto")
RESULTS = ("succeeded", "failed", "unknown", "running", "lost")
INCIDENTS = ("inc_1", "inc_2")
RUNS = ("run_1", "run_2")
TIERS = (1, 2, 3)
# What somebody could try instead of a name: nothing, a wildcard, a near miss, another alphabet.
HOSTILE = ("", "*", " prod", "PROD", "prod\n", "prod ", "\u0440rod", "all", "%", "prod/payments", "None")
NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
LITTLE = timedelta(microseconds=1)
