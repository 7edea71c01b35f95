"""Fact `supervisor_pool`: how many processes of a supervisor group run. {running, total, healthy, names}

Settings {url, group, settled?, username, password_env}. names: the full names of those that run, in order; healthy: those
that have run for `settled` seconds, so that one that dies and is started again and again does not count. A supervisord
that cannot be reached, or has no such group, is a gap: then nothing is known about the pool.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from bot.clients.passwords import Secrets, password
from bot.clients.supervisor import Login, SupervisorClient
from bot.errors import Permanent
from bot.facts.base import FactRequest
from bot.facts.settings import VARIABLE_NAME, FactSettings, settings_of

RUNNING = "RUNNING"


class PoolSettings(FactSettings):
    """url: as of the fact `supervisor`; group: its name; settled: seconds."""

    url: str
    group: str
    settled: int = Field(default=2, ge=0, le=3600)
    username: str = ""
    password_env: str = Field(default="", pattern=VARIABLE_NAME)


class SupervisorPoolFact:
    """Observes facts of kind `supervisor_pool`. secrets: variable name -> its value, '' when unset."""

    kind = "supervisor_pool"

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    async def observe(self, request: FactRequest) -> dict[str, Any]:
        """Ask supervisord once for all. Raises Transient (unreachable), Permanent (no such group, wrong password)."""
        settings = settings_of(PoolSettings, request.settings)
        secret = password(self._secrets, settings.password_env, "supervisor's")
        client = SupervisorClient(settings.url, Login(settings.username, secret))
        members = await client.get_group(settings.group, request.deadline)
        if not members:
            raise Permanent(f"supervisor has no group {settings.group}")
        running = [info for info in members if info.state == RUNNING]
        return {
            "running": len(running),
            "total": len(members),
            "healthy": sum(info.uptime_seconds >= settings.settled for info in running),
            "names": [info.full_name for info in running],
        }
