"""The whole sandbox in one folder: stand-ins, demo services under supervisord, configuration, and the bot beside them.

Used by bot/cli/sandbox.py and by the stories: `async with Workspace(...) as workspace`. Everything it starts it stops,
whatever happens. The bot is a process of its own that knows only addresses; must not import the bot's rooms, except
that bot/sandbox/history.py writes the past before the bot first starts.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import socket
import tempfile
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from bot.sandbox import configuration, history
from bot.sandbox.bot_process import BOT_COMMAND, BotProcess
from bot.sandbox.configuration import (
    CHANNEL,
    CHANNEL_NAME,
    CHECKOUT_REPOSITORY,
    JIRA_PROJECT,
    PAYMENTS_REPOSITORY,
    Places,
    SandboxSettings,
)
from bot.sandbox.controls import controls
from bot.sandbox.demo_service import read_starts, write_settings
from bot.sandbox.deployment import send_deployment
from bot.sandbox.environment import MadeUp, environment
from bot.sandbox.outage import Outage
from bot.sandbox.page_server import PageServer
from bot.sandbox.people import CHECKOUT_ID, EVERYBODY, PAYMENTS_ID, TEAM, account
from bot.sandbox.redis_server import PROGRAM, RedisServer
from bot.sandbox.slack_api import SlackApi
from bot.sandbox.slack_records import UserGroup
from bot.sandbox.slack_socket import SlackHttp
from bot.sandbox.slack_state import SlackWorkspace
from bot.sandbox.supervisor import Program, Supervisor
from bot.sandbox.tickets import TicketStandIn

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("payments", "checkout")
ALERT_NAME = "HealthCheckFailing"
ALERT_TITLE = "HealthCheckFailing: {name} does not answer"
POSTS_PER_SECOND = 8.0
"""More than Slack allows (about 1), so that a visitor need not wait; the bot itself is told 5 in countersign.yaml."""


def free_port() -> int:
    """A port of the loopback address that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def new_id(prefix: str) -> str:
    """`<prefix>_` and sixteen random lower-case letters or digits."""
    return f"{prefix}_{''.join(secrets.choice('abcdefghijklmnopqrstuvwxyz234567') for _ in range(16))}"


def utc_now() -> datetime:
    """The present time, timezone-aware."""
    return datetime.now(UTC)


class Workspace:
    """One sandbox.

    settings: how it differs from the usual one; keep: leave the folder behind; port: of the page, 0 for any;
    folder: where everything goes, a fresh temporary folder when not given; command: how the bot is called.
    """

    def __init__(
        self,
        settings: SandboxSettings | None = None,
        *,
        keep: bool = False,
        port: int = 0,
        folder: Path | None = None,
        command: tuple[str, ...] = BOT_COMMAND,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.settings = settings or SandboxSettings()
        self.configured_at = clock()
        self.folder = (folder or Path(tempfile.mkdtemp(prefix="countersign-sandbox-"))).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.clock = clock
        self.outage = Outage()
        self._keep = keep
        self._page_port = port
        self._command = command
        self.made_up = MadeUp()
        self.slack = SlackWorkspace(TEAM, clock=clock, new_id=new_id, outage=self.outage)
        self.slack_api = SlackApi(self.slack, posts_per_second=POSTS_PER_SECOND, burst=20)
        self.pagerduty = account(clock, new_id, self.outage)
        self.tickets = TicketStandIn(clock=clock, new_id=new_id, outage=self.outage, projects=(JIRA_PROJECT,))
        self.page = PageServer(self.slack, self.pagerduty, self.tickets, controls(self))
        self.page_url = ""
        programs = tuple(self._program(name) for name in SERVICES)
        self.supervisor = Supervisor(self.folder, programs, root=ROOT, pool=self.settings.pool)
        binary = shutil.which(PROGRAM)
        self.redis = RedisServer(binary, self.folder, free_port()) if binary else None
        self.places = Places(
            folder=self.folder,
            bot_port=free_port(),
            supervisor_socket=self.supervisor.socket,
            programs=programs,
            redis_url=self.redis.url if self.redis else "",
            pool=self.settings.pool,
        )
        self.bot: BotProcess | None = None
        self._deliveries: aiohttp.ClientSession | None = None

    def _program(self, name: str) -> Program:
        return Program(
            name=name,
            port=free_port(),
            ledger=self.folder / f"{name}.ledger",
            settings=self.folder / f"{name}.settings.json",
            log=self.folder / f"{name}.log",
            start_seconds=self.settings.start_seconds,
        )

    # -- beginning and end ---------------------------------------------------------------------------------------
    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:  # what a failed start began is stopped as well
            stack.push_async_callback(self._stop)
            await self._start()
            stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def _start(self) -> None:
        for human in EVERYBODY:
            self.slack.add_user(human.as_slack())
        self.slack.add_channel(CHANNEL, CHANNEL_NAME)
        members = tuple(human.slack for human in EVERYBODY if "payments-oncall" in human.groups)
        self.slack.add_usergroup(UserGroup("S0PAYMENTS", "payments-oncall", "Payments on call", members))
        await self.slack_api.start()
        if self.settings.slack_mode == "http":
            self._deliveries = aiohttp.ClientSession()
            self.slack.connect(SlackHttp(self.slack, self.slack_events_url, self._deliveries))
        await self.pagerduty.start()
        await self.tickets.start()
        webhooks = f"http://127.0.0.1:{self.places.bot_port}/webhooks"
        self.pagerduty.webhook(f"{webhooks}/pagerduty", [self.made_up.pagerduty])
        self.page_url = await self.page.start(self._page_port)
        for program in self.places.programs:
            write_settings(program.settings, mode="normal", stop_seconds=self.settings.stop_seconds)
            program.ledger.unlink(missing_ok=True)
        await self.supervisor.start()
        if self.redis is not None:
            await self.redis.start()
        self.configured_at = self.clock()
        file = configuration.write(self.places, self.settings, self.configured_at)
        past = history.past_incidents(self.clock(), CHANNEL, ALERT_TITLE.format(name="payments"), ALERT_NAME)
        await history.write_past(self.folder / "state", past)
        self.bot = BotProcess(
            command=self._command,
            configuration=file,
            environ=self.environ(),
            log=self.folder / "bot.log",
            root=ROOT,
            port=self.places.bot_port,
        )
        await self.bot.start()
        await self.deployed("payments", minutes_ago=12)

    async def _stop(self) -> None:
        """Stop everything in the reverse order; one that fails does not keep the others running."""
        async with contextlib.AsyncExitStack() as stack:
            if not self._keep:
                stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
            for stop in (self.tickets.stop, self.pagerduty.stop, self.slack_api.stop, self.page.stop):
                stack.push_async_callback(stop)
            stack.push_async_callback(self.supervisor.stop)
            if self.redis is not None:
                stack.push_async_callback(self.redis.stop)
            if self._deliveries is not None:
                stack.push_async_callback(self._deliveries.close)
            if self.bot is not None:
                stack.push_async_callback(self.bot.stop)

    def environ(self) -> dict[str, str]:
        """The whole environment of the bot."""
        return environment(self)

    @property
    def slack_events_url(self) -> str:
        """Where the bot takes Slack's signed requests in HTTP mode."""
        return f"http://127.0.0.1:{self.places.bot_port}/slack/events"

    # -- the world -----------------------------------------------------------------------------------------------
    async def break_service(self, name: str, how: str = "killed") -> None:
        """Break a service. how: `killed` ends its process; `broken` lets it run and answer 503 until it is mended, so
        that a restart does not help. Raises LookupError for a service or a way there is not.
        """
        program = self.places.program(name)
        if how == "killed":
            await self.supervisor.kill(name)
        elif how == "broken":
            write_settings(program.settings, mode="broken", stop_seconds=self.settings.stop_seconds)
        else:
            raise LookupError(f"a service is killed or broken, not {how!r}")

    async def restore(self, name: str) -> None:
        """Put a service right, as somebody at a terminal would: settings as at the beginning, and started."""
        write_settings(self.places.program(name).settings, mode="normal", stop_seconds=self.settings.stop_seconds)
        await self.supervisor.start_program(name)

    async def alert(
        self, name: str = "payments", *, title: str = "", alert_name: str = ALERT_NAME, **details: str
    ) -> str:
        """What the monitor does: a PagerDuty incident, about a health check unless told otherwise. Returns its id."""
        program = self.places.program(name)
        pagerduty = {"payments": PAYMENTS_ID, "checkout": CHECKOUT_ID}[name]
        if not title:
            status = await self.health(name)
            title = ALERT_TITLE.format(name=name)
            details = {
                "check": f"GET http://127.0.0.1:{program.port}/health",
                "result": f"HTTP {status}" if status else "connection refused",
                "failing_since": self.clock().isoformat(timespec="seconds"),
            }
        told = {"alert_name": alert_name, **details}
        self.incident_id = await self.pagerduty.trigger(pagerduty, title, urgency="high", details=told)
        return self.incident_id

    async def health(self, name: str) -> int:
        """The status of GET /health, 0 when nothing answers."""
        address = f"http://127.0.0.1:{self.places.program(name).port}/health"
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(address, timeout=aiohttp.ClientTimeout(total=2)) as answer,
            ):
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    def starts(self, name: str) -> int:
        """How often the service was started since the sandbox began, by its own ledger."""
        return len(read_starts(self.places.program(name).ledger))

    async def deployed(self, name: str, *, minutes_ago: float, version: str = "v2.4.1") -> None:
        """A deployment of the service, told by GitHub's signed webhook. Raises Permanent when the bot refuses it."""
        at = self.clock() - timedelta(minutes=minutes_ago)
        await send_deployment(
            f"http://127.0.0.1:{self.places.bot_port}/webhooks/github",
            secret=self.made_up.github,
            repository={"payments": PAYMENTS_REPOSITORY, "checkout": CHECKOUT_REPOSITORY}[name],
            at=at,
            delivery=str(uuid.UUID(bytes=secrets.token_bytes(16), version=4)),
            version=version,
        )

    # -- the bot -------------------------------------------------------------------------------------------------
    def _running_bot(self) -> BotProcess:
        if self.bot is None:
            raise LookupError("the workspace has not been started")
        return self.bot

    async def kill_bot(self) -> None:
        """SIGKILL the bot."""
        await self._running_bot().kill()

    async def start_bot(self) -> None:
        """Start the bot again and wait until it is ready."""
        await self._running_bot().start()

    async def command(self, *words: str) -> tuple[int, str]:
        """Run another command of the bot with this workspace's configuration: exit code and output."""
        return await self._running_bot().command(*words)

    @property
    def bot_log(self) -> Path:
        """The file of the bot's output."""
        return self.folder / "bot.log"

    def bot_log_tail(self, lines: int) -> str:
        """The end of it."""
        return self.bot.log_tail(lines) if self.bot is not None else "(the bot has not been started)"
