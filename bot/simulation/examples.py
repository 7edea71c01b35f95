"""The example installation: one service with one target of every kind, four people and a policy.

What `runbookctl simulate` and `runbookctl test` use where no configuration is given, so that neither a clean clone nor a
runbook's tests need one. Whoever adds an operation with a new target kind adds its example here; a test says so.
Nothing in it exists: no address, path or person of this module is ever reached. Values only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bot.services import Catalogue, FactSetting, People, Service, ServiceMatch, TargetEntry, Tickets
from guards.policy import Policy
from runbooks.model import Runbook

SERVICE, TEAM, CHANNEL, PAGERDUTY_ID = "payments", "T0EXAMPLE", "C0INCIDENTS", "PPAYMENTS1"
ENVIRONMENT = "prod"
SUPERVISOR = "unix:///run/supervisor.sock"

TARGETS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "supervisor_program": ("payments", {"url": SUPERVISOR, "program": "payments"}),
    "supervisor_pool": (
        "payments-workers",
        {
            "url": SUPERVISOR,
            "group": "payments-workers",
            "pattern": "payments-workers:worker_{number:02d}",
            "most": 12,
            "unit_cost": 1.5,
        },
    ),
    "redis_database": ("payments-cache", {"url": "redis://cache.example:6379", "database": 4}),
    "http_endpoint": ("payments-http", {"base_url": "http://payments.example:8080"}),
    "disk_area": ("payments-disk", {"root": "/srv/payments", "paths": ["tmp", "log/old", "cache/packages"]}),
    "setting_file": (
        "payments-settings",
        {
            "path": "/etc/payments/settings.json",
            "allowed": {
                "mode": ["normal", "safe", "slow"],
                "upstream": ["primary", "standby"],
                "pool_size": ["10", "20"],
                "read_only": ["on", "off"],
                "maintenance": ["on", "off"],
                "experiment": ["on", "off"],
            },
        },
    ),
    "command_host": (
        "payments-host",
        {
            "allowed_programs": {"redis-cli": "/usr/bin/redis-cli"},
            "names": {
                "namespace": "shop",
                "deployment": "payments-api",
                "rollout": "payments-canary",
                "node": "node-7.example",
                "unit": "payments.service",
                "web_server": "nginx.service",
                "certificate": "payments.example",
                "vhost": "payments",
                "queue": "orders",
            },
        },
    ),
}
"""Target kind -> name and settings of the example target, as in services.yaml."""

FACT_KINDS: Mapping[str, str] = {"health": "http", "state": "supervisor", "pool": "supervisor_pool"}
"""Facts whose name is not the name of their kind (bot/facts); it decides how a card says the value."""

POLICY: Mapping[str, Any] = {
    "version": 1,
    "lowest_environment": "dev",
    "matrix": {
        "dev": {"read": "auto", "safe": "auto", "caution": "confirm", "forbidden": "forbid"},
        "staging": {"read": "auto", "safe": "confirm", "caution": "approve", "forbidden": "forbid"},
        "prod": {"read": "auto", "safe": "approve", "caution": "approve", "forbidden": "forbid"},
    },
    "confirmation_timeout": "120s",
    "approvals": {
        "staging": {"count": 1, "any_of": ["payments-oncall", "sre"], "timeout": "30m"},
        "prod": {"count": 1, "any_of": ["payments-oncall"], "timeout": "15m"},
    },
    "requesters": {"roles": ["responder", "approver", "operator"]},
    "operators": {"roles": ["operator", "admin"]},
}

PEOPLE: Mapping[str, Any] = {
    "people": [
        {"id": "ana", "name": "Ana Marin", "roles": ["responder"], "slack": [{"team": TEAM, "user": "U0ANA"}]},
        {
            "id": "ben",
            "name": "Ben Osei",
            "roles": ["responder", "approver"],
            "slack": [{"team": TEAM, "user": "U0BEN"}],
        },
        {"id": "cora", "name": "Cora Lind", "roles": ["operator"], "slack": [{"team": TEAM, "user": "U0CORA"}]},
        {"id": "dev", "name": "Dev Rao", "roles": ["viewer"], "slack": [{"team": TEAM, "user": "U0DEV"}]},
    ],
    "groups": {"payments-oncall": ["ana", "ben"], "sre": ["cora"]},
}


def policy() -> Policy:
    """The example policy: docs/runbook-tests.md shows its matrix."""
    return Policy.from_mapping(POLICY)


def people() -> People:
    """Four people who are called as in the sandbox."""
    return People.model_validate(PEOPLE)


def service(
    runbooks: Iterable[Runbook],
    *,
    environment: str = ENVIRONMENT,
    facts: Iterable[str] = (),
    targets: Mapping[str, Mapping[str, Any]] | None = None,
) -> Service:
    """`payments` with one target of every kind. Raises ValueError for an environment that no service can have.

    runbooks: programs that they run by name are allowed on the example host, and kinds of target that they wait for an
    adapter of are there without settings. facts: names that are observed beside health and state. targets: kind ->
    settings in the place of the example's.
    """
    some, given = list(runbooks), dict(targets or {})
    wanted = [parameter.kind for runbook in some for parameter in runbook.params.values() if parameter.kind]
    kinds = list(dict.fromkeys((*TARGETS, *given, *wanted)))
    programs = {name: f"/usr/bin/{name}" for name in sorted(_programs(some))}
    entries = []
    for kind in kinds:
        name, settings = TARGETS.get(kind, (f"{SERVICE}-{kind.replace('_', '-')}", {}))
        if kind == "command_host":
            settings = {**settings, "allowed_programs": {**settings["allowed_programs"], **programs}}
        entries.append(TargetEntry(kind=kind, name=name, settings=dict(given.get(kind, settings))))
    return Service(
        name=SERVICE,
        environment=environment,
        owner="payments-team",
        tier=1,
        channel=CHANNEL,
        targets=tuple(entries),
        facts={
            name: FactSetting(kind=FACT_KINDS.get(name, name)) for name in dict.fromkeys(("health", "state", *facts))
        },
        match=ServiceMatch(pagerduty=(PAGERDUTY_ID,)),
        tickets=Tickets(jira_project="OPS"),
    )


def catalogue(one: Service) -> Catalogue:
    """A services.yaml with that one service."""
    return Catalogue(services=(one,))


def _programs(runbooks: Iterable[Runbook]) -> set[str]:
    """The names of the programs that runbooks give to `command.run`."""
    found: set[str] = set()
    for runbook in runbooks:
        for step in runbook.steps:
            for given in (step.with_, *(undo.with_ for undo in step.rollback)):
                argv = given.get("argv")
                if isinstance(argv, list | tuple) and argv and isinstance(argv[0], str) and argv[0].isprintable():
                    found.add(argv[0])
    return {name for name in found if "/" not in name and "$" not in name}
