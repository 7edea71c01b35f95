"""Fact `supervisor`: state of one program. {state, pid, uptime_seconds, description, exit_status, since}

Settings {url, program, username, password_env}. since: ISO time of the last start or stop, '' for never. A supervisord
that cannot be reached is a gap: then nothing is known about the program.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from bot.clients.passwords import Secrets, password
from bot.clients.supervisor import Login, SupervisorClient
from bot.facts.base import FactRequest
from bot.facts.settings import VARIABLE_NAME, FactSettings, settings_of


class SupervisorSettings(FactSettings):
    """url: `http://host:port` or `unix:///path`; password_env: name of the variable that holds the password."""

    url: str
    program: str
    username: str = ""
    password_env: str = Field(default="", pattern=VARIABLE_NAME)


class SupervisorFact:
    """Observes facts of kind `supervisor`. secrets: variable name -> its value, '' when unset."""

    kind = "supervisor"

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    async def observe(self, request: FactRequest) -> dict[str, Any]:
        """Ask supervisord. Raises Transient (unreachable), Permanent (no such program, wrong password)."""
        settings = settings_of(SupervisorSettings, request.settings)
        secret = password(self._secrets, settings.password_env, "supervisor's")
        client = SupervisorClient(settings.url, Login(settings.username, secret))
        info = await client.get_info(settings.program, request.deadline)
        changed = info.started_at if info.pid else max(info.stopped_at, 0)
        return {
            "state": info.state,
            "pid": info.pid,
            "uptime_seconds": info.uptime_seconds,
            "description": info.description[:200],
            "exit_status": info.exit_status,
            "since": datetime.fromtimestamp(changed, UTC).isoformat() if changed else "",
        }
