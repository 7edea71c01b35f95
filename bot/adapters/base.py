"""The one Protocol of the adapters room and its values. Called by bot/flow.py only, after the intent is durable."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, Self

from pydantic import Field

from bot.incident import Frozen
from bot.plan import Act
from guards.decision import Deny

Progress = Callable[[str], Awaitable[None]]


class ActResult(Frozen):
    """What came back. ok: the adapter's own view (exit code, status). output: bounded head and tail, already UTF-8.

    total_bytes and sha256 describe the whole output stream; took_seconds is wall time.
    """

    ok: bool
    summary: str
    output: str = ""
    total_bytes: int = 0
    sha256: str = ""
    exit_code: int | None = None
    took_seconds: float = 0.0
    data: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def told(
        cls,
        text: str,
        *,
        ok: bool = True,
        summary: str = "",
        took_seconds: float = 0.0,
        data: dict[str, Any] | None = None,
    ) -> Self:
        """A result whose whole output is one short text of ours, counted and hashed. summary: that text when not given."""
        output = text.encode()
        return cls(
            ok=ok,
            summary=summary or text,
            output=text,
            total_bytes=len(output),
            sha256=hashlib.sha256(output).hexdigest(),
            took_seconds=took_seconds,
            data=data or {},
        )


class Adapter(Protocol):
    """Carries acts of one kind."""

    name: str

    def forbidden(self, act: Act) -> Deny | None:
        """The hard block beyond policy and break-glass (T42): a Deny for acts that are never carried out."""
        ...

    async def identify(self, act: Act) -> Deny | None:
        """Re-reads the target: a Deny when kind, environment or name differ from the act, or it is gone (T36)."""
        ...

    async def act(self, act: Act, key: str, progress: Progress) -> ActResult:
        """Does it once. key: idempotency key `run/step/attempt`.

        Raises Ambiguous when it may have happened, Transient or Permanent when it surely did not.
        """
        ...
