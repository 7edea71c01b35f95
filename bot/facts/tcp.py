"""Fact `tcp`: whether a port accepts a connection. {open, took_ms, error}. Settings {host, port, timeout}.

Refused, unreachable and not answering are values (open: false); a name that does not resolve is a gap. Sends nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

from pydantic import Field

from bot.errors import Transient
from bot.facts.base import FactRequest
from bot.facts.settings import FactSettings, settings_of


class TcpSettings(FactSettings):
    """host: name or address; port: 1 to 65535; timeout: seconds."""

    host: str = Field(min_length=1)
    port: int = Field(ge=1, le=65535)
    timeout: float = Field(default=2.0, gt=0, le=30)


class TcpFact:
    """Observes facts of kind `tcp`."""

    kind = "tcp"

    async def observe(self, request: FactRequest) -> dict[str, Any]:
        """One connection, closed at once. Raises Transient when the name does not resolve."""
        settings = settings_of(TcpSettings, request.settings)
        loop = asyncio.get_running_loop()
        started = loop.time()
        error = ""
        try:
            async with asyncio.timeout(min(settings.timeout, request.deadline * 0.9)):
                _, writer = await asyncio.open_connection(settings.host, settings.port)
        except socket.gaierror as failure:
            raise Transient(f"{settings.host} does not resolve: {failure.strerror}") from failure
        except TimeoutError:
            error = "no answer in time"
        except OSError as failure:
            error = failure.strerror or str(failure)
        else:
            writer.close()
            with contextlib.suppress(OSError):  # it was open; how it closes is not the question
                await writer.wait_closed()
        return {"open": not error, "took_ms": round((loop.time() - started) * 1000, 1), "error": error[:200]}
