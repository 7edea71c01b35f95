"""Supervisor operations: read a program's log, start, stop, restart it (mission E2, X1). Listed in the roster.

Plans only; carried out by bot/adapters/supervisor.py. Kind `supervisor_program`, settings {url, program, username?,
password_env?}; the password itself is never part of a plan, only the name of the variable that holds it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import re2
from pydantic import Field

from bot.operations.base import Operation, PlanRequest
from bot.operations.parameters import NoParameters, Parameters, TargetSettings, clean_text, given, settings_of
from bot.plan import Act
from guards import exclusive, rate_limit

KIND = "supervisor_program"
ADAPTER = "supervisor"
# supervisor reads `group:*` and `group:` as the whole group and `all` as everything (T34)
PROGRAM = re2.compile(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}(:[A-Za-z0-9][A-Za-z0-9._-]{0,63})?\z")


class ProgramSettings(TargetSettings):
    """How to reach one program. url: `http://host:port` or `unix:///path`."""

    url: str
    program: str
    username: str = ""
    password_env: str = Field(default="", pattern=r"\A([A-Z][A-Z0-9_]{0,63})?\z")


class Lines(Parameters):
    """lines: how many of the last log lines, 1 to 200."""

    lines: int = Field(ge=1, le=200)


def supervisor_url(url: str) -> str:
    """The URL itself. Raises ValueError unless it is `http://host:port` or `unix:///path`, without password."""
    clean_text(url, "the supervisor URL")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https", "unix") or parts.username or parts.password:
        raise ValueError("the supervisor URL must be http://host:port or unix:///path, without user or password.")
    return url


def program_request(request: PlanRequest) -> dict[str, Any]:
    """The resolved request that all four operations share. Raises ValueError."""
    settings = settings_of(ProgramSettings, request.entry.settings)
    if not PROGRAM.match(settings.program) or settings.program.lower() == "all":
        raise ValueError(f"{settings.program!r} does not name exactly one program.")
    return {
        "url": supervisor_url(settings.url),
        "program": settings.program,
        "username": settings.username,
        "password_env": settings.password_env,
    }


@rate_limit(max=120, per="target", window=3600)
def tail_log(request: PlanRequest) -> Act:
    """Read the last lines of the program's log; changes nothing."""
    lines = given(Lines, request.parameters).lines
    resolved = program_request(request) | {"lines": lines}
    return Act(
        adapter=ADAPTER,
        operation="supervisor.tail_log",
        target=request.target,
        request=resolved,
        shown=f"supervisorctl tail {resolved['program']} (last {lines} lines)",
        deadline_seconds=request.deadline_seconds,
        idempotent=True,
        cancel_safe=True,
    )


@exclusive(per="target")
def start(request: PlanRequest) -> Act:
    """Start the program and wait until supervisor calls it running."""
    return _change(request, "start", idempotent=True)


@exclusive(per="target")
def stop(request: PlanRequest) -> Act:
    """Stop the program and wait until it is gone."""
    return _change(request, "stop", idempotent=True)


@exclusive(per="target")
def restart(request: PlanRequest) -> Act:
    """Stop the program, then start it, waiting for both."""
    return _change(request, "restart", idempotent=False)


def _change(request: PlanRequest, verb: str, *, idempotent: bool) -> Act:
    given(NoParameters, request.parameters)
    resolved = program_request(request)
    return Act(
        adapter=ADAPTER,
        operation=f"supervisor.{verb}",
        target=request.target,
        request=resolved,
        shown=f"supervisorctl {verb} {resolved['program']}",
        deadline_seconds=request.deadline_seconds,
        idempotent=idempotent,
    )


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="supervisor.tail_log",
        target_kind=KIND,
        read_only=True,
        parameters=Lines,
        plan=tail_log,
        summary="Read the end of a program's log",
    ),
    Operation(
        name="supervisor.start",
        target_kind=KIND,
        read_only=False,
        parameters=NoParameters,
        plan=start,
        summary="Start a program",
    ),
    Operation(
        name="supervisor.stop",
        target_kind=KIND,
        read_only=False,
        parameters=NoParameters,
        plan=stop,
        summary="Stop a program",
    ),
    Operation(
        name="supervisor.restart",
        target_kind=KIND,
        read_only=False,
        parameters=NoParameters,
        plan=restart,
        summary="Restart a program",
    ),
)
