"""Supervisor's XML-RPC over TCP or a unix socket: the client behind the `supervisor` facts and adapters (mission E2, X1).

Called by the supervisor modules of bot/facts and bot/adapters. One request per connection, each with a deadline.
Must not retry: `xmlrpc.client` sends a request a second time by itself after a reset connection, which would be a
second stop or start, so only its encoding is used here and the request is sent by aiohttp.
"""

from __future__ import annotations

import asyncio
import xmlrpc.client
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.parsers.expat import ExpatError

import aiohttp
import re2

from bot.errors import Ambiguous, CountersignError, Permanent, Transient

ANSWER_LIMIT = 1_048_576  # bytes of one XML-RPC answer
LOG_BYTES = 65_536  # bytes read from the end of a log
# One program, as supervisor names it. `group:*` and `group:` mean the whole group there, so neither is a name here.
PROGRAM = re2.compile(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}(:[A-Za-z0-9][A-Za-z0-9._-]{0,63})?\z")
FAULTS = {
    1: "UNKNOWN_METHOD",
    2: "INCORRECT_PARAMETERS",
    3: "BAD_ARGUMENTS",
    6: "SHUTDOWN_STATE",
    10: "BAD_NAME",
    20: "NO_FILE",
    21: "NOT_EXECUTABLE",
    30: "FAILED",
    40: "ABNORMAL_TERMINATION",
    50: "SPAWN_ERROR",
    60: "ALREADY_STARTED",
    70: "NOT_RUNNING",
}  # supervisor.xmlrpc.Faults, http://supervisord.org/api.html
# Bytes that XML 1.0 does not allow; a log line with a colour code would otherwise make the whole answer unreadable.
NOT_XML = bytes(code for code in range(0x20) if code not in (0x09, 0x0A, 0x0D))


class SupervisorFault(Permanent):
    """Supervisor answered with a fault. code: its name, for example `BAD_NAME`."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"supervisor says {text}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Login:
    """Basic authentication; both empty for none."""

    username: str = ""
    password: str = ""


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """One program as supervisor sees it. started_at, stopped_at, now: unix seconds, 0 for never. pid 0: not running."""

    name: str
    group: str
    state: str
    pid: int
    description: str
    exit_status: int
    spawn_error: str
    started_at: int
    stopped_at: int
    now: int

    @property
    def uptime_seconds(self) -> int:
        """Seconds since the start while it runs, else 0."""
        return max(0, self.now - self.started_at) if self.state == "RUNNING" else 0

    @property
    def full_name(self) -> str:
        """`group:name`."""
        return f"{self.group}:{self.name}"

    def is_called(self, program: str) -> bool:
        """Whether this is exactly the program asked for (`name` or `group:name`)."""
        return program in (self.name, self.full_name)


@dataclass(frozen=True, slots=True)
class Restart:
    """What a restart did. stopped: it was running and we stopped it. started: it runs again.

    reason: why it does not. interrupted: the start may or may not have been carried out (its answer was lost).
    """

    stopped: bool
    started: bool
    reason: str = ""
    interrupted: bool = False


class SupervisorClient:
    """One supervisord. url: `http://host:port`, `https://...` or `unix:///path/to/socket`."""

    def __init__(self, url: str, login: Login | None = None) -> None:
        self._login = login or Login()
        parts = urlsplit(url)
        if parts.scheme == "unix" and parts.path.startswith("/") and not parts.netloc:
            self._socket, self._address = unquote(parts.path), "http://localhost/RPC2"
        elif parts.scheme in ("http", "https") and parts.hostname and not parts.username:
            self._socket, self._address = "", f"{parts.scheme}://{parts.netloc}/RPC2"
        else:
            raise Permanent("the supervisor URL must be http://host:port or unix:///path, without user or password")

    async def get_info(self, program: str, deadline: float) -> ProcessInfo:
        """State of one program. Raises SupervisorFault (`BAD_NAME`), Transient, Permanent."""
        raw = await self._call("supervisor.getProcessInfo", (_name(program),), deadline, changes=False)
        return _info(raw)

    async def get_group(self, group: str, deadline: float) -> tuple[ProcessInfo, ...]:
        """State of every process of one group by its full name, `worker_2` before `worker_10`; none for no such group."""
        raw = await self._call("supervisor.getAllProcessInfo", (), deadline, changes=False)
        if not isinstance(raw, list):
            raise Permanent("supervisor's answer has an unknown shape")
        found = [info for info in map(_info, raw) if info.group == group]
        return tuple(sorted(found, key=lambda info: (len(info.name), info.name)))

    async def start(self, program: str, deadline: float) -> None:
        """Start and wait until it has run for its `startsecs`. Raises SupervisorFault (`ALREADY_STARTED`,
        `SPAWN_ERROR`, `ABNORMAL_TERMINATION`), Transient (not sent), Ambiguous (sent, no answer).
        """
        await self._call("supervisor.startProcess", (_name(program), True), deadline, changes=True)

    async def stop(self, program: str, deadline: float) -> None:
        """Stop and wait until it is gone. Raises SupervisorFault (`NOT_RUNNING`), Transient, Ambiguous."""
        await self._call("supervisor.stopProcess", (_name(program), True), deadline, changes=True)

    async def restart(self, program: str, deadline: float) -> Restart:
        """Stop, then start, both waited for, within `deadline` seconds together.

        Raises Transient or Permanent only when nothing was changed and Ambiguous when the stop's answer was lost;
        once it was stopped the truth is in the returned value.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + deadline
        try:
            await self.stop(program, deadline)
            stopped = True
        except SupervisorFault as fault:
            if fault.code != "NOT_RUNNING":
                raise
            stopped = False
        try:
            await self.start(program, max(0.1, end - loop.time()))
        except Ambiguous as error:
            return Restart(stopped, started=False, reason=str(error), interrupted=True)
        except CountersignError as error:
            if not stopped and not isinstance(error, SupervisorFault):
                raise
            return Restart(stopped, started=False, reason=str(error))
        return Restart(stopped, started=True)

    async def tail_log(self, program: str, lines: int, deadline: float, *, stream: str = "stdout") -> list[str]:
        """The last `lines` lines of the program's `stdout` or `stderr` log. Raises SupervisorFault (`NO_FILE`)."""
        method = "supervisor.readProcessStderrLog" if stream == "stderr" else "supervisor.readProcessStdoutLog"
        text = await self._call(method, (_name(program), -LOG_BYTES, 0), deadline, changes=False)
        found = str(text).splitlines()
        if len(str(text).encode()) >= LOG_BYTES:
            found = found[1:]  # its beginning was cut off, perhaps in the middle of a secret (T46)
        return found[-lines:]

    async def _call(self, method: str, params: tuple[Any, ...], deadline: float, *, changes: bool) -> Any:
        sent = SimpleNamespace(headers=False)
        body = xmlrpc.client.dumps(params, method).encode()
        try:
            async with asyncio.timeout(deadline):
                status, answer = await self._post(body, sent)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            reason = f"no answer within {deadline:.3g} s" if isinstance(error, TimeoutError) else _words(error)
            if changes and sent.headers:
                raise Ambiguous(f"{method} was sent and no answer came back: {reason}") from error
            raise Transient(f"supervisor cannot be reached: {reason}") from error
        if status == 401:
            raise Permanent("supervisor refused the user name or password")
        if status != 200 or len(answer) > ANSWER_LIMIT:
            reason = f"supervisor answered HTTP {status} with {len(answer)} bytes"
            if changes:
                raise Ambiguous(reason)
            raise Transient(reason)
        try:
            (value,), _ = xmlrpc.client.loads(answer.translate(None, NOT_XML))
        except xmlrpc.client.Fault as fault:
            code = FAULTS.get(fault.faultCode, str(fault.faultCode))
            if code == "SHUTDOWN_STATE":
                raise Transient("supervisor is shutting down") from fault
            raise SupervisorFault(code, str(fault.faultString)[:200]) from fault
        except (ExpatError, xmlrpc.client.ResponseError, ValueError, TypeError) as error:
            if changes:
                raise Ambiguous("supervisor's answer cannot be read") from error
            raise Permanent("supervisor's answer cannot be read") from error
        return value

    async def _post(self, body: bytes, sent: SimpleNamespace) -> tuple[int, bytes]:
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(_mark_sent)
        connector: aiohttp.BaseConnector = (
            aiohttp.UnixConnector(path=self._socket) if self._socket else aiohttp.TCPConnector(force_close=True)
        )
        headers = {"Content-Type": "text/xml", "Accept-Encoding": "identity", "Connection": "close"}
        if self._login.username:
            headers["Authorization"] = aiohttp.encode_basic_auth(self._login.username, self._login.password)
        async with (
            aiohttp.ClientSession(
                connector=connector,
                trust_env=False,
                timeout=aiohttp.ClientTimeout(total=None),
                trace_configs=[trace],
            ) as session,
            session.post(
                self._address, data=body, headers=headers, allow_redirects=False, trace_request_ctx=sent
            ) as response,
        ):
            answer = bytearray()
            async for chunk in response.content.iter_chunked(65_536):
                answer += chunk
                if len(answer) > ANSWER_LIMIT:
                    break
            return response.status, bytes(answer)


async def _mark_sent(
    _session: aiohttp.ClientSession, context: SimpleNamespace, _params: aiohttp.TraceRequestHeadersSentParams
) -> None:
    context.trace_request_ctx.headers = True


def _info(raw: object) -> ProcessInfo:
    if not isinstance(raw, dict):
        raise Permanent("supervisor's answer has an unknown shape")
    return ProcessInfo(
        name=str(raw.get("name", "")),
        group=str(raw.get("group", "")),
        state=str(raw.get("statename", "UNKNOWN")),
        pid=int(raw.get("pid", 0)),
        description=str(raw.get("description", "")),
        exit_status=int(raw.get("exitstatus", 0)),
        spawn_error=str(raw.get("spawnerr", "")),
        started_at=int(raw.get("start", 0)),
        stopped_at=int(raw.get("stop", 0)),
        now=int(raw.get("now", 0)),
    )


def _name(program: str) -> str:
    if not PROGRAM.match(program) or program.lower() == "all":
        raise Permanent(f"{program!r} does not name exactly one program")
    return program


def _words(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:200]
