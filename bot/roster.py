"""The roster: explicit lists of what exists. An extension is one file plus one line here.

Read by bot/app.py and `runbookctl lint`. Refuses at import an operation whose planner has lost its guards (a foreign
decorator without `functools.wraps` hides them; reference/houses.md 4.4).
"""

from __future__ import annotations

import guards
from bot.operations import command, disk, http, redis, rolling, scale, settings, supervisor
from bot.operations.base import Operation

_ALL: tuple[Operation, ...] = (
    *command.OPERATIONS,
    *disk.OPERATIONS,
    *http.OPERATIONS,
    *redis.OPERATIONS,
    *rolling.OPERATIONS,
    *scale.OPERATIONS,
    *settings.OPERATIONS,
    *supervisor.OPERATIONS,
)


def _guarded(operations: tuple[Operation, ...]) -> dict[str, Operation]:
    found: dict[str, Operation] = {}
    for operation in operations:
        if operation.name in found:
            raise ValueError(f"two operations are called {operation.name}")
        if not guards.guards_of(operation.plan):
            raise ValueError(f"operation {operation.name} has no guard on its planner")
        found[operation.name] = operation
    return found


OPERATIONS = _guarded(_ALL)

# Names of facts that runbooks may speak about; a service says in services.yaml how each is observed.
FACT_NAMES = frozenset(
    [
        *("health", "state", "pool", "disk", "tcp", "process", "oncall", "past_incidents", "changes"),
        # observed as `figures`, mostly: docs/runbooks/index.md says which figures each has
        *(
            "errors",
            "memory",
            "queue",
            "deployment",
            "canary",
            "job",
            "cache",
            "database",
            "certificate",
            "clock",
            "node",
        ),
        "configuration",
    ]
)
FACT_KINDS = frozenset(
    {
        "http",
        "tcp",
        "supervisor",
        "supervisor_pool",
        "disk",
        "process",
        "oncall",
        "past_incidents",
        "changes",
        "alert_details",
        "figures",
    }
)
SOURCES = ("pagerduty", "github")
ADAPTERS = ("command", "supervisor", "supervisor_pool", "redis", "http", "disk", "settings")
DESTINATIONS = ("slack", "pagerduty", "jira", "servicenow")
