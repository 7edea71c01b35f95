"""Pings one Redis database or removes its keys (mission X3). FLUSHDB of one index only; FLUSHALL does not exist here.

Called by bot/flow.py with acts planned by bot/operations/redis.py. Must not send any other command.
"""

from __future__ import annotations

import asyncio
from typing import Any

from bot.adapters.base import ActResult, Progress
from bot.adapters.hard_blocks import blocked, check_target
from bot.adapters.registry import Registry
from bot.clients.passwords import Secrets, password
from bot.clients.redis import RedisAddress, RedisClient
from bot.errors import Permanent
from bot.plan import Act
from guards.decision import Deny

KIND = "redis_database"
OPERATIONS = ("redis.ping", "redis.flush_database")
LOOK = 3.0  # seconds for identifying and for counting afterwards


class RedisAdapter:
    """Carries the two Redis operations. secrets: variable name -> its value, '' when unset."""

    name = "redis"

    def __init__(self, registry: Registry, secrets: Secrets) -> None:
        self._registry = registry
        self._secrets = secrets

    def forbidden(self, act: Act) -> Deny | None:
        """Hard blocks: target, and a request that is not about exactly one database index."""
        found = check_target(act, OPERATIONS)
        if found is not None:
            return found
        database = act.request.get("database")
        if type(database) is not int or not 0 <= database <= 1023:
            return blocked("acting on anything but exactly one database")
        if not set(act.request) <= {"url", "database", "username", "password_env"}:
            return blocked("a Redis request with anything but an address")
        return None

    async def identify(self, act: Act) -> Deny | None:
        """Catalogue unchanged, the server answers PING, and the connection is in the planned database (T36)."""
        found = self._registry.differs(act, KIND, ("url", "database", "username", "password_env"))
        if found is not None:
            return found
        database = act.request["database"]
        try:
            selected = await self._client(act).selected(min(act.deadline_seconds, LOOK))
        except Permanent as error:
            return Deny("target_gone", f"{act.target.key}: {error}.", "Correct url, database or password.")
        if selected != database:
            return Deny("wrong_target", f"Redis put us in database {selected}, not {database}.", "Check the URL.")
        return None

    async def act(self, act: Act, key: str, progress: Progress) -> ActResult:
        """Do it once. Raises Ambiguous, Transient, Permanent as bot/clients/redis.py says."""
        refused = self.forbidden(act)
        if refused is not None:
            raise Permanent(refused.reason)
        loop = asyncio.get_running_loop()
        started = loop.time()
        client = self._client(act)
        data: dict[str, Any] = {}
        if act.operation == "redis.ping":
            await client.ping(act.deadline_seconds)
            output, summary = "PONG", f"database {client.address.database} answers"
        else:
            await progress(f"clearing database {client.address.database}")
            removed = await client.flush_database(act.deadline_seconds)
            output, summary = "OK", f"{removed} keys removed from database {client.address.database}"
            data = {"keys_before": removed}
        return ActResult.told(output, summary=summary, took_seconds=round(loop.time() - started, 3), data=data)

    def _client(self, act: Act) -> RedisClient:
        address = RedisAddress.of(
            str(act.request["url"]),
            act.request["database"],
            username=str(act.request.get("username") or ""),
            password=password(self._secrets, str(act.request.get("password_env") or ""), "Redis'"),
        )
        return RedisClient(address)
