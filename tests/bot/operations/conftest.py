"""A service with one target of every kind, and `plan`, which plans one operation on it the way bot/stages does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

import guards
from bot.operations import command, disk, http, redis, scale, settings, supervisor
from bot.operations.base import Operation, PlanRequest
from bot.plan import Act
from bot.services import Service, TargetEntry

ALL: dict[str, Operation] = {
    operation.name: operation
    for module in (command, disk, http, redis, scale, settings, supervisor)
    for operation in module.OPERATIONS
}
SETTINGS: dict[str, dict[str, Any]] = {
    "supervisor_program": {"url": "unix:///run/s.sock", "program": "payments", "password_env": "SUPERVISOR_PASSWORD"},
    "redis_database": {"url": "redis://127.0.0.1:6379", "database": 2},
    "disk_area": {"root": "/var/cache/payments", "paths": ["thumbnails", "tmp/uploads"]},
    "setting_file": {
        "path": "/srv/payments/flags.json",
        "allowed": {"mode": ["normal", "safe"], "fast": [True, False]},
    },
    "http_endpoint": {"base_url": "http://127.0.0.1:8080"},
    "command_host": {"allowed_programs": {"redis-cli": "/usr/bin/redis-cli"}, "cwd": "/", "env": {}},
}
Plan = Callable[..., Act]


@pytest.fixture
def operations() -> Mapping[str, Operation]:
    return ALL


@pytest.fixture
def plan() -> Plan:
    """plan(name, parameters, **settings that differ): the planner itself, with the parameters validated."""

    def make(name: str, parameters: Mapping[str, Any] | None = None, **changes: Any) -> Act:
        operation = ALL[name]
        entry = TargetEntry(
            kind=operation.target_kind, name="payments", settings=SETTINGS[operation.target_kind] | changes
        )
        service = Service(name="payments", environment="dev", owner="team", tier=1, targets=(entry,))
        request = PlanRequest(
            service=service,
            target=service.resolve(entry),
            entry=entry,
            parameters=operation.parameters.model_validate(dict(parameters or {})),
            facts={},
            deadline_seconds=30,
        )
        return guards.unguarded(operation.plan)(request)

    return make
