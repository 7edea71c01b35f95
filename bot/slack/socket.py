"""Socket Mode: store the envelope, acknowledge it, then handle it (design.md section 8).

Made by bot/app.py around bot/clients/slack_socket.py. The acknowledgement waits for the inbox and for nothing else; only
a sent window waits for its listener, because the acknowledgement says what happens to it. Must not interpret payloads.
"""

from __future__ import annotations

import json
from typing import Any

from bot.clients.slack_socket import Acknowledge, Envelope
from bot.errors import Transient
from bot.slack.dispatch import Dispatcher, key_of
from bot.telemetry import log

KINDS = frozenset({"events_api", "slash_commands", "interactive"})


class SocketDoor:
    """Its `receive` is what bot.clients.slack_socket.SlackSocket calls for every envelope."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    async def receive(self, envelope: Envelope, acknowledge: Acknowledge) -> None:
        """One envelope. Not acknowledged when it cannot be stored: Slack then tells the person or delivers again."""
        envelope_id, kind, payload = str(envelope["envelope_id"]), envelope.get("type"), envelope.get("payload")
        if kind not in KINDS or not isinstance(payload, dict):
            await acknowledge(envelope_id, None)
            return
        key = key_of(payload, f"envelope:{envelope_id}")
        try:
            fresh = await self._dispatcher.accept(key, payload)
        except Transient as error:
            log().error("slack: an envelope could not be stored", error=str(error))
            return
        if fresh and payload.get("type") == "view_submission":
            await acknowledge(envelope_id, await self._window(key, payload))
            return
        await acknowledge(envelope_id, None)
        if fresh:
            self._dispatcher.handle(key, payload)

    async def _window(self, key: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        response = await self._dispatcher.answer(key, payload)
        answer = json.loads(response.body) if response.status == 200 and response.body else None
        return answer if isinstance(answer, dict) else None
