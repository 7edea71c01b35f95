"""Reads, starts, stops and restarts one supervisor program (mission E1, E2, X1).

Called by bot/flow.py with acts planned by bot/operations/supervisor.py. The password is read at the moment of acting
by the name of its variable and never leaves this call. Must not touch a group or more than one program.
"""

from __future__ import annotations

import asyncio
from typing import Any

from bot.adapters.base import ActResult, Progress
from bot.adapters.hard_blocks import blocked, check_target
from bot.adapters.output import Capture
from bot.adapters.registry import Registry
from bot.clients.passwords import Secrets, password
from bot.clients.supervisor import PROGRAM, Login, ProcessInfo, SupervisorClient, SupervisorFault
from bot.errors import Ambiguous, CountersignError, Permanent
from bot.plan import Act
from guards.decision import Deny

KIND = "supervisor_program"
OPERATIONS = ("supervisor.tail_log", "supervisor.start", "supervisor.stop", "supervisor.restart")
LOOK = 3.0  # seconds for reading the state before and after


class SupervisorAdapter:
    """Carries the four supervisor operations. secrets: variable name -> its value, '' when unset."""

    name = "supervisor"

    def __init__(self, registry: Registry, secrets: Secrets) -> None:
        self._registry = registry
        self._secrets = secrets

    def forbidden(self, act: Act) -> Deny | None:
        """Hard blocks: target, and a program name that is a group, a pattern or everything."""
        found = check_target(act, OPERATIONS)
        if found is not None:
            return found
        program = act.request.get("program")
        if not isinstance(program, str) or not PROGRAM.match(program) or program.lower() == "all":
            return blocked("acting on anything but exactly one program")
        return None

    async def identify(self, act: Act) -> Deny | None:
        """Catalogue unchanged, and supervisor has a program of exactly this name. Raises Transient when it is down."""
        found = self._registry.differs(act, KIND, ("url", "program", "username", "password_env"))
        if found is not None:
            return found
        program = act.request["program"]
        try:
            info = await self._client(act).get_info(program, min(act.deadline_seconds, LOOK))
        except SupervisorFault as fault:
            if fault.code != "BAD_NAME":
                raise
            return Deny("target_gone", f"Supervisor has no program called {program}.", "Correct services.yaml.")
        if not info.is_called(program):
            return Deny(
                "wrong_target", f"Supervisor answered about {info.group}:{info.name}, not {program}.", "Check the URL."
            )
        return None

    async def act(self, act: Act, key: str, progress: Progress) -> ActResult:
        """Do it once. Raises Ambiguous, Transient, Permanent as bot/clients/supervisor.py says."""
        refused = self.forbidden(act)
        if refused is not None:
            raise Permanent(refused.reason)
        loop = asyncio.get_running_loop()
        started = loop.time()
        client, program = self._client(act), act.request["program"]
        if act.operation == "supervisor.tail_log":
            result = await self._tail(client, program, act)
        else:
            before = await client.get_info(program, min(act.deadline_seconds, LOOK))
            await progress(f"{program} is {before.state}")
            left = max(0.1, act.deadline_seconds - (loop.time() - started))
            result = await self._change(client, act, before, left)
        return result.model_copy(update={"took_seconds": round(loop.time() - started, 3)})

    async def _tail(self, client: SupervisorClient, program: str, act: Act) -> ActResult:
        lines = int(act.request["lines"])
        found = await client.tail_log(program, lines, act.deadline_seconds)
        try:
            errors = await client.tail_log(program, lines, act.deadline_seconds, stream="stderr")
        except SupervisorFault:
            errors = []  # no log of its own: it is in stdout, or not kept
        text = "\n".join([*found, *(["--- stderr ---", *errors] if errors else [])])
        capture = Capture()
        capture.feed(text.encode())
        return ActResult(
            ok=True,
            summary=f"{len(found) + len(errors)} lines of {program}",
            output=capture.text,
            total_bytes=capture.total,
            sha256=capture.sha256,
        )

    async def _change(self, client: SupervisorClient, act: Act, before: ProcessInfo, left: float) -> ActResult:
        program = act.request["program"]
        reason = ""
        if act.operation == "supervisor.restart":
            done = await client.restart(program, left)
            if done.interrupted:
                raise Ambiguous(f"{program} was stopped; whether it was started is not known: {done.reason}")
            reason = (
                ""
                if done.started
                else f"{'stopped, but not started' if done.stopped else 'not started'}: {done.reason}"
            )
        else:
            start = act.operation == "supervisor.start"
            try:
                await (client.start(program, left) if start else client.stop(program, left))
            except SupervisorFault as fault:
                if fault.code in ("BAD_NAME", "INCORRECT_PARAMETERS", "UNKNOWN_METHOD"):
                    raise
                if fault.code != ("ALREADY_STARTED" if start else "NOT_RUNNING"):
                    reason = str(fault)
        return await self._after(client, act, before, reason)

    async def _after(self, client: SupervisorClient, act: Act, before: ProcessInfo, reason: str) -> ActResult:
        """The state afterwards; when it cannot be read the act itself still happened, and that is said."""
        program = act.request["program"]
        verb = act.operation.removeprefix("supervisor.")
        data: dict[str, Any] = {"before": _seen(before)}
        wanted = "STOPPED" if verb == "stop" else "RUNNING"
        try:
            after = await client.get_info(program, LOOK)
        except CountersignError as error:
            state = f"state afterwards not known ({error})"
            ok = not reason
        else:
            data["after"] = _seen(after)
            state = f"now {after.state}" + (f", pid {after.pid}" if after.pid else "")
            ok = not reason and (after.state == wanted or (verb == "stop" and after.pid == 0))
            ok = ok and not (verb == "restart" and after.pid == before.pid)
        summary = f"{verb} {program}: {reason + '; ' if reason else ''}was {before.state}, {state}"
        return ActResult.told(summary, ok=ok, data=data)

    def _client(self, act: Act) -> SupervisorClient:
        username = str(act.request.get("username") or "")
        secret = password(self._secrets, str(act.request.get("password_env") or ""), "supervisor's")
        return SupervisorClient(act.request["url"], Login(username, secret))


def _seen(info: ProcessInfo) -> dict[str, Any]:
    return {
        "state": info.state,
        "pid": info.pid,
        "uptime_seconds": info.uptime_seconds,
        "description": info.description,
    }
