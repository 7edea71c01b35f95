"""One Redis database: the client behind the `redis` adapter (mission E2, X3).

Called by bot/adapters/redis.py. Knows PING, INFO, the size of one database and FLUSHDB of one database; there is no
way to send anything else, in particular no FLUSHALL (T42). Must not retry: redis-py does so by itself by default.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from bot.errors import Ambiguous, Permanent, Transient

PASSING = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.BusyLoadingError,
    exceptions.TryAgainError,
    TimeoutError,
    OSError,
)


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where one database is. unix: socket path, then host and port are unused. password: '' for none."""

    host: str
    port: int
    database: int
    tls: bool = False
    unix: str = ""
    username: str = ""
    password: str = ""

    @classmethod
    def of(cls, url: str, database: int, *, username: str = "", password: str = "") -> RedisAddress:
        """Read `redis://host:port`, `rediss://host:port` or `unix:///path`.

        Raises Permanent when the URL carries a password, a database or options: those would overrule what people saw.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or 6379
        except ValueError as error:
            raise Permanent(f"not a usable Redis URL: {error}") from error
        extra = parts.username or parts.password or parts.query or parts.fragment
        if parts.scheme == "unix" and parts.path.startswith("/") and not parts.netloc and not extra:
            return cls("", 0, database, unix=parts.path, username=username, password=password)
        if parts.scheme not in ("redis", "rediss") or not parts.hostname or extra or parts.path not in ("", "/"):
            raise Permanent("the Redis URL must be redis://host:port or unix:///path and nothing more")
        return cls(parts.hostname, port, database, parts.scheme == "rediss", "", username, password)


class RedisClient:
    """One connection per call to one database, each call within its deadline in seconds."""

    def __init__(self, address: RedisAddress) -> None:
        self.address = address

    async def ping(self, deadline: float) -> bool:
        """Whether it answers PONG. Raises Transient, Permanent."""
        async with self._reading(deadline) as redis:
            return bool(await redis.ping())

    async def info(self, deadline: float) -> dict[str, str]:
        """INFO as names and texts. Raises Transient, Permanent."""
        async with self._reading(deadline) as redis:
            found = await redis.info()
            return {str(name): str(value) for name, value in found.items()}

    async def selected(self, deadline: float) -> int:
        """Index of the database this client's connection is really in. Raises Transient, Permanent (no such index)."""
        async with self._reading(deadline) as redis:
            await redis.ping()
            try:
                return int((await redis.client_info())["db"])
            except exceptions.ResponseError as error:
                if "unknown" not in str(error).lower():
                    raise
                return self.address.database  # before Redis 6.2; SELECT was answered OK when the connection opened

    async def keys(self, deadline: float) -> int:
        """Number of keys in the database. Raises Transient, Permanent."""
        async with self._reading(deadline) as redis:
            return int(await redis.dbsize())

    async def flush_database(self, deadline: float) -> int:
        """FLUSHDB of this one database; returns the number of keys just before.

        Raises Transient or Permanent when it was surely not sent or was refused, Ambiguous when its answer was lost.
        """
        sent = False
        try:
            async with asyncio.timeout(deadline), self._connected() as redis:
                before = int(await redis.dbsize())
                sent = True
                await redis.flushdb(asynchronous=False)
                return before
        except exceptions.BusyLoadingError as error:
            raise Transient("redis is loading its data") from error
        except exceptions.AuthenticationError as error:
            raise Permanent("redis refused the user name or password") from error
        except PASSING as error:
            if sent:
                raise Ambiguous(f"FLUSHDB was sent and no answer came back: {_words(error)}") from error
            raise Transient(f"redis cannot be reached: {_words(error)}") from error
        except exceptions.RedisError as error:
            raise Permanent(f"redis says {_words(error)}") from error

    @asynccontextmanager
    async def _reading(self, deadline: float) -> AsyncIterator[Redis]:
        try:
            async with asyncio.timeout(deadline), self._connected() as redis:
                yield redis
        except (exceptions.AuthenticationError, exceptions.AuthorizationError) as error:
            raise Permanent("redis refused the user name or password") from error
        except PASSING as error:
            raise Transient(f"redis cannot be reached: {_words(error)}") from error
        except exceptions.RedisError as error:
            raise Permanent(f"redis says {_words(error)}") from error

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Redis]:
        address = self.address
        redis = Redis(
            host=address.host or "localhost",
            port=address.port or 6379,
            unix_socket_path=address.unix or None,
            db=address.database,
            ssl=address.tls,
            username=address.username or None,
            password=address.password or None,
            retry=Retry(NoBackoff(), 0),
            retry_on_error=[],
            single_connection_client=True,
            protocol=2,  # one exchange fewer than RESP3, and the same answers from every server version
            decode_responses=True,
        )
        try:
            yield redis
        finally:
            await redis.aclose()


def _words(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:200]
