"""Starts, stops or restarts named processes of one supervisor group, one after the other (mission G7, E4; X5, X6).

Called by bot/flow.py with acts planned by bot/operations/scale.py and bot/operations/rolling.py. Stops at the first process
that does not do as it should; only what supervisord confirms counts. Must not use a group call, which would act on more than
the plan names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from bot.adapters.base import ActResult, Progress
from bot.adapters.hard_blocks import blocked, check_target
from bot.adapters.output import Capture
from bot.adapters.registry import Registry
from bot.clients.passwords import Secrets, password
from bot.clients.supervisor import PROGRAM, Login, SupervisorClient, SupervisorFault
from bot.errors import Ambiguous, CountersignError, Permanent
from bot.plan import Act
from guards.decision import Deny

KIND = "supervisor_pool"
SCALE, ROLLING, TAIL = "supervisor.scale", "supervisor.rolling_restart", "supervisor.tail_logs"
OPERATIONS = (SCALE, "supervisor.scale_back", ROLLING, TAIL)
VERBS = {"start": "RUNNING", "stop": "STOPPED", "restart": "RUNNING", "tail": "RUNNING"}
ALLOWED = {ROLLING: ("restart",), TAIL: ("tail",)}  # what each operation may do; the others start or stop
DONE_ALREADY = {"start": "ALREADY_STARTED", "stop": "NOT_RUNNING"}
MOST = 100
LOOK = 3.0  # seconds for reading states
LEAST = 0.5  # seconds that must be left to begin with one more process


class SupervisorPoolAdapter:
    """Carries the operations on pools. secrets: variable name -> its value, '' when unset."""

    name = "supervisor_pool"

    def __init__(self, registry: Registry, secrets: Secrets) -> None:
        self._registry = registry
        self._secrets = secrets

    def forbidden(self, act: Act) -> Deny | None:
        """Hard blocks: target, and anything but a list of single processes of the one group."""
        found = check_target(act, OPERATIONS)
        if found is not None:
            return found
        group, verb, names = act.request.get("group"), act.request.get("verb"), act.request.get("names")
        if not isinstance(group, str) or not group or verb not in ALLOWED.get(act.operation, ("start", "stop")):
            return blocked("acting on a pool without a group, or in another way than its operation does")
        if not isinstance(names, list) or not 0 < len(names) <= MOST or len({str(name) for name in names}) < len(names):
            return blocked("acting on a pool without a list of processes, each named once")
        if not all(isinstance(name, str) and PROGRAM.match(name) and name.startswith(f"{group}:") for name in names):
            return blocked("acting on anything but single processes of the pool")
        if act.operation == ROLLING and list(act.members) != names:
            return blocked("restarting other processes than those that the guards were asked about")
        return None

    async def identify(self, act: Act) -> Deny | None:
        """Catalogue unchanged, every process there, and for a new change exactly those running that the plan knew.

        A rollback may find the change half done, so it is not held up by what runs. Raises Transient, Permanent.
        """
        found = self._registry.differs(act, KIND, ("url", "group", "username", "password_env"))
        if found is not None:
            return found
        group = act.request["group"]
        members = await self._client(act).get_group(group, min(act.deadline_seconds, LOOK))
        absent = set(act.request["names"]) - {info.full_name for info in members}
        if absent:
            return Deny("target_gone", f"Supervisor has no process called {min(absent)}.", "Correct services.yaml.")
        running = {info.full_name for info in members if info.state == VERBS["start"]}
        planned = set(act.request["running"])
        if act.operation in (SCALE, ROLLING) and running != planned:
            others = ", ".join(sorted(running ^ planned)[:5])
            return Deny(
                "target_changed",
                f"{group} runs {len(running)} processes, not the {len(planned)} of the plan (different: {others}).",
                "Make a new plan from what runs now.",
            )
        return None

    async def act(self, act: Act, key: str, progress: Progress) -> ActResult:
        """Each process in the order of the plan. Raises Ambiguous when supervisord cannot say what became of one,
        Transient or Permanent when it failed before the first.
        """
        refused = self.forbidden(act)
        if refused is not None:
            raise Permanent(refused.reason)
        if act.operation == TAIL:
            return await self._tail(act)
        loop = asyncio.get_running_loop()
        started = loop.time()
        client, names, verb = self._client(act), list(act.request["names"]), str(act.request["verb"])
        lines: list[str] = []
        data: dict[str, Any] = {"verb": verb, "processes": {}}
        ok = True
        for number, name in enumerate(names, 1):
            left = act.deadline_seconds - (loop.time() - started)
            if left < LEAST:
                ok, word = False, "not tried, the time is up"
            else:
                one = self._restart(client, name, left) if verb == "restart" else self._one(client, verb, name, left)
                ok, word = await self._tried(one, first=number == 1)
            lines.append(f"{name} {word}")
            data["processes"][name] = word
            if not ok:
                break
            await progress(f"{verb} {number} of {len(names)}: {name} {word}")
        untried = len(names) - len(lines)
        head = f"{verb}: {len(lines) - (not ok)} of {len(names)} processes"
        tail = f"; {untried} not tried after that" if untried else ""
        result = ActResult.told(
            "\n".join(lines), ok=ok, summary=f"{head}{': ' + lines[-1] if not ok else ''}{tail}", data=data
        )
        return result.model_copy(update={"took_seconds": round(loop.time() - started, 3)})

    async def _tail(self, act: Act) -> ActResult:
        """The end of each log, in the order of the plan; it worked when there was at least one to read."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        client, capture, found = self._client(act), Capture(), 0
        names = list(act.request["names"])
        for name in names:
            left = max(LEAST, act.deadline_seconds - (loop.time() - started))
            try:
                lines = await client.tail_log(name, int(act.request["lines"]), left)
                found += 1
            except SupervisorFault as fault:
                lines = [f"no log: {fault}"]
            capture.feed("\n".join([f"--- {name} ---", *lines, ""]).encode())
        return ActResult(
            ok=found > 0,
            summary=f"the logs of {found} of {len(names)} processes",
            output=capture.text,
            total_bytes=capture.total,
            sha256=capture.sha256,
            took_seconds=round(loop.time() - started, 3),
        )

    async def _tried(self, one: Awaitable[tuple[bool, str]], *, first: bool) -> tuple[bool, str]:
        """What became of one process. A failure that changed nothing is one of the whole act only at its first."""
        try:
            return await one
        except Ambiguous:
            raise
        except CountersignError as error:
            if first:
                raise
            return False, f"not tried: {error}"

    async def _restart(self, client: SupervisorClient, name: str, left: float) -> tuple[bool, str]:
        """Stopped and started, and another process than before; a lost answer is settled by the state, or stays unknown."""
        before = await client.get_info(name, LOOK)
        lost, reason = "", ""
        try:
            done = await client.restart(name, left)
            lost = f"{name}: {done.reason}" if done.interrupted else ""
            reason = "" if done.started else done.reason
        except Ambiguous as error:
            lost = f"{name}: {error}"
        try:
            info = await client.get_info(name, LOOK)
        except CountersignError as error:
            if lost:
                raise Ambiguous(f"it is not known whether it runs again: {lost}") from error
            return False, f"state not known: {reason or error}"
        anew = info.state == VERBS["restart"] and info.pid != before.pid
        if lost and not anew:
            raise Ambiguous(f"it is not known whether it runs again: {lost}")
        told = f"is {info.state}" + (f", pid {info.pid}" if info.pid else "")
        return anew, told if anew else f"{told}: {reason or 'it was not restarted'}"

    async def _one(self, client: SupervisorClient, verb: str, name: str, left: float) -> tuple[bool, str]:
        """One process: whether supervisord confirms it, and its state in words."""
        reason, lost = "", None
        try:
            await (client.start(name, left) if verb == "start" else client.stop(name, left))
        except SupervisorFault as fault:
            if fault.code != DONE_ALREADY[verb]:
                reason = str(fault)
        except Ambiguous as error:
            lost = error  # the state may tell what the lost answer did not
        try:
            info = await client.get_info(name, LOOK)
        except CountersignError as error:
            if lost is not None:
                raise lost from error
            return False, f"state not known: {reason or error}"
        done = info.state == VERBS[verb] or (verb == "stop" and info.pid == 0)
        if lost is not None and not done:
            raise lost
        told = f"is {info.state}" + (f", pid {info.pid}" if info.pid else "")
        return done and not reason, f"{told}: {reason}" if reason else told

    def _client(self, act: Act) -> SupervisorClient:
        username = str(act.request.get("username") or "")
        secret = password(self._secrets, str(act.request.get("password_env") or ""), "supervisor's")
        return SupervisorClient(act.request["url"], Login(username, secret))
