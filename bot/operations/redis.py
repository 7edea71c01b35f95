"""Redis operations: ping, and clear one database of a cache (mission X3). Listed in the roster.

Plans only; carried out by bot/adapters/redis.py. Kind `redis_database`, settings {url, database, username?,
password_env?}. There is no operation that clears more than one database: FLUSHALL is forbidden (T42).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from pydantic import Field

from bot.operations.base import Operation, PlanRequest
from bot.operations.parameters import NoParameters, TargetSettings, clean_text, given, settings_of
from bot.plan import Act
from guards import allowed_envs, exclusive, rate_limit, require_confirmation

KIND = "redis_database"
ADAPTER = "redis"


class DatabaseSettings(TargetSettings):
    """One database of one server. database: its index, always written down."""

    url: str
    database: int = Field(ge=0, le=1023)
    username: str = ""
    password_env: str = Field(default="", pattern=r"\A([A-Z][A-Z0-9_]{0,63})?\z")


def database_request(request: PlanRequest) -> dict[str, Any]:
    """The resolved request that both operations share. Raises ValueError."""
    settings = settings_of(DatabaseSettings, request.entry.settings)
    clean_text(settings.url, "the Redis URL")
    parts = urlsplit(settings.url)
    if parts.scheme not in ("redis", "rediss", "unix") or parts.username or parts.password or parts.query:
        raise ValueError("the Redis URL must be redis://host:port or unix:///path and nothing more.")
    if parts.scheme != "unix" and parts.path not in ("", "/"):
        raise ValueError("the Redis URL must not carry a database; write it as `database`.")
    return {
        "url": settings.url,
        "database": settings.database,
        "username": settings.username,
        "password_env": settings.password_env,
    }


@rate_limit(max=120, per="target", window=3600)
def ping(request: PlanRequest) -> Act:
    """Ask the server whether it answers; changes nothing."""
    return _plan(request, "redis.ping", "PING", read_only=True)


@allowed_envs(["staging", "dev"])
@require_confirmation(message="Clear cache?", timeout=120)
@exclusive(per="target")
def flush_database(request: PlanRequest) -> Act:
    """Remove every key of one database."""
    return _plan(request, "redis.flush_database", "FLUSHDB", read_only=False)


def _plan(request: PlanRequest, operation: str, command: str, *, read_only: bool) -> Act:
    given(NoParameters, request.parameters)
    resolved = database_request(request)
    return Act(
        adapter=ADAPTER,
        operation=operation,
        target=request.target,
        request=resolved,
        shown=f"redis-cli -u {resolved['url']} -n {resolved['database']} {command}",
        deadline_seconds=request.deadline_seconds,
        idempotent=read_only,
        cancel_safe=read_only,
    )


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="redis.ping",
        target_kind=KIND,
        read_only=True,
        parameters=NoParameters,
        plan=ping,
        summary="Ask Redis whether it answers",
    ),
    Operation(
        name="redis.flush_database",
        target_kind=KIND,
        read_only=False,
        parameters=NoParameters,
        plan=flush_database,
        summary="Clear one Redis database",
    ),
)
