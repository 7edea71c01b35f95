"""Where a payload comes from: our own Slack app and no other (trust case T12).

Made by bot/slack/room.py, asked by bot/slack/dispatch.py before anything is stored. The ids in a payload of another app
mean nothing here, its response address least of all, so nobody is answered: it is refused, logged and in the audit.
Which workspace and which person it is, bot/slack/actors.py says. Must not look at what is asked for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from bot.store import audit
from bot.store.session import Store
from bot.telemetry import log

CODE = "foreign_app"
LONGEST = 40
"""Characters of an id that are kept; Slack's have about twelve."""

Record = Callable[[str, dict[str, Any]], Awaitable[None]]
"""(who, what): one refusal, durable when it returns. Raises Transient."""


class Origin:
    """app: id of our app, from `bots.info`. record: keeps a refusal."""

    def __init__(self, app: str, record: Record) -> None:
        self._app = app
        self._record = record

    async def refuses(self, payload: Mapping[str, Any]) -> bool:
        """Whether this is of another app or names none, which every payload of Slack does; then it is recorded.

        Raises Transient when it cannot be recorded: do not acknowledge then.
        """
        if payload.get("api_app_id") == self._app and self._app:
            return False
        user = payload.get("user")
        who = _id(user.get("id") if isinstance(user, Mapping) else payload.get("user_id"))
        team = payload.get("team")
        place = _id(team.get("id") if isinstance(team, Mapping) else payload.get("team_id"))
        about = {"code": CODE, "app": _id(payload.get("api_app_id")), "kind": _id(payload.get("type"))}
        log().warning("slack: a payload of another app was refused", team=place, user=who, **about)
        await self._record(f"{place}/{who}", about)
        return True


def in_audit(store: Store, clock: Callable[[], datetime]) -> Record:
    """Keep refusals in the audit chain. clock: UTC now."""

    async def record(who: str, what: dict[str, Any]) -> None:
        def write(session: Session) -> None:
            audit.append(session, clock(), who, "refused", "slack", what)

        await store.write(write)

    return record


def _id(value: object) -> str:
    """What of it can be an id; nothing else of such a payload is kept."""
    text = value if isinstance(value, str) else ""
    return "".join(c for c in text[:LONGEST] if c.isascii() and (c.isalnum() or c == "_"))
