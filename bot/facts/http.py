"""Fact `http`: what a URL from services.yaml answers. {status, ok, took_ms, body_head, error}

Settings {url, timeout}: timeout in seconds. Used to enrich, to pre-check and to verify (X1: "health endpoint 200").
That nothing answers is a value (status 0), because it is what a health check wants to know; a URL that may not be
requested, or a name that does not resolve to an allowed address, is a gap. Must not follow redirects (T28).
"""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import Field

from bot.clients.http import HttpClient, NoAnswer, Unreachable
from bot.facts.base import FactRequest
from bot.facts.settings import FactSettings, settings_of
from bot.services import Catalogue

BODY_HEAD = 200  # characters


class HttpSettings(FactSettings):
    """url: in full; timeout: seconds until it counts as not answering."""

    url: str
    timeout: float = Field(default=2.0, gt=0, le=30)


def addresses(catalogue: Catalogue) -> tuple[str, ...]:
    """The URLs of every http fact, for the client's allow-list."""
    found = [f.settings.get("url") for s in catalogue.services for f in s.facts.values() if f.kind == "http"]
    return tuple(dict.fromkeys(url for url in found if isinstance(url, str)))


class HttpFact:
    """Observes facts of kind `http`."""

    kind = "http"

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    async def observe(self, request: FactRequest) -> dict[str, Any]:
        """One GET. Raises Permanent when the URL may not be requested."""
        settings = settings_of(HttpSettings, request.settings)
        # a little less than the deadline of the fact, so that a target that hangs is a value and not a gap
        timeout = min(settings.timeout, request.deadline * 0.9)
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            answer = await self._client.request("GET", settings.url, deadline=timeout)
        except (Unreachable, NoAnswer) as error:
            took = round((loop.time() - started) * 1000, 1)
            return {"status": 0, "ok": False, "took_ms": took, "body_head": "", "error": str(error)[:BODY_HEAD]}
        text = "".join(c if c.isprintable() else " " for c in answer.text[: 4 * BODY_HEAD])
        return {
            "status": answer.status,
            "ok": 200 <= answer.status < 300,
            "took_ms": round(answer.took * 1000, 1),
            "body_head": " ".join(text.split())[:BODY_HEAD],
            "error": "",
        }
