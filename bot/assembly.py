"""Assembly: makes every adapter, fact source, source and recorder from the configuration. Called once by bot/app.py.

What exists is listed in bot/roster.py; this module gives each its dependencies. Must not start anything.
"""

from __future__ import annotations

import asyncio
import base64
import os
import random
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic

import aiohttp

from bot import roster
from bot.adapters.base import Adapter
from bot.adapters.command import CommandAdapter
from bot.adapters.disk import DiskAdapter
from bot.adapters.http import HttpAdapter
from bot.adapters.redis import RedisAdapter
from bot.adapters.registry import Registry
from bot.adapters.settings import SettingsAdapter
from bot.adapters.supervisor import SupervisorAdapter
from bot.adapters.supervisor_pool import SupervisorPoolAdapter
from bot.clients.allow_list import AllowList
from bot.clients.http import HttpClient
from bot.clients.jira import JiraClient
from bot.clients.pagerduty import PagerDutyClient
from bot.clients.servicenow import ServiceNowClient
from bot.clients.slack import SlackClient
from bot.config import Configuration, read_secret
from bot.errors import ConfigurationError
from bot.facts import figures
from bot.facts.alert_details import AlertDetailsFact
from bot.facts.base import FactSource
from bot.facts.changes import ChangesFact
from bot.facts.disk import DiskFact
from bot.facts.http import HttpFact, addresses
from bot.facts.oncall import OnCallFact
from bot.facts.past_incidents import PastIncidentsFact
from bot.facts.process import ProcessFact
from bot.facts.supervisor import SupervisorFact
from bot.facts.supervisor_pool import SupervisorPoolFact
from bot.facts.tcp import TcpFact
from bot.incident import Change
from bot.recorders.base import Recorder
from bot.recorders.jira import JiraRecorder
from bot.recorders.outbox import Limits, Outbox
from bot.recorders.pagerduty import PagerDutyRecorder
from bot.recorders.servicenow import ServiceNowRecorder
from bot.recorders.slack import SlackRecorder
from bot.recorders.slack_pace import Pace
from bot.recorders.tickets import FollowUps, Ticket
from bot.render import Renderer
from bot.sources.base import Source
from bot.sources.github import GitHubSource
from bot.sources.pagerduty import PagerDutySource
from bot.store import changes
from bot.store.session import Store
from bot.telemetry import Metrics
from bot.ticketing import Ticketing

TEMPLATES = Path(__file__).resolve().parents[1] / "templates"
SLACK_LANES = 4
CHANGES_BACK = timedelta(hours=24)


def utc_now() -> datetime:
    """The present instant, timezone-aware."""
    return datetime.now(UTC)


def new_id(prefix: str) -> str:
    """`<prefix>_` and 16 lower-case base32 characters: 80 bits nobody can guess."""
    return f"{prefix}_{base64.b32encode(secrets.token_bytes(10)).decode().lower()}"


@dataclass(slots=True)
class Clients:
    """Everything that opens sockets to vendors. None: not configured."""

    slack: SlackClient
    pagerduty: PagerDutyClient | None
    jira: JiraClient | None
    servicenow: ServiceNowClient | None
    http: HttpClient
    session: aiohttp.ClientSession

    async def close(self) -> None:
        """Close every connection."""
        await self.slack.close()
        if self.pagerduty is not None:
            await self.pagerduty.close()
        await self.http.close()
        await self.session.close()


def make_clients(found: Configuration) -> Clients:
    """Clients for what is configured. Must be called inside the running loop."""
    session = aiohttp.ClientSession()
    token = found.secret("PAGERDUTY_API_TOKEN")
    pagerduty = None
    if token:
        pagerduty = PagerDutyClient(
            api_token=token,
            from_email=found.address("PAGERDUTY_FROM"),
            api_url=found.address("PAGERDUTY_API_URL"),
            events_url=found.address("PAGERDUTY_EVENTS_URL"),
            routing_key=found.secret("PAGERDUTY_ROUTING_KEY"),
        )
    jira = servicenow = None
    if found.address("JIRA_URL"):
        jira = JiraClient(session, found.address("JIRA_URL"), found.address("JIRA_USER"), found.secret("JIRA_TOKEN"))
    if found.address("SERVICENOW_URL"):
        servicenow = ServiceNowClient(
            session,
            found.address("SERVICENOW_URL"),
            found.address("SERVICENOW_USER"),
            found.secret("SERVICENOW_PASSWORD"),
        )
    observed = (*addresses(found.catalogue), *figures.addresses(found.catalogue))
    allowed = (*observed, *found.file.http_hosts, *_endpoints(found))
    return Clients(
        slack=SlackClient(found.secret("SLACK_BOT_TOKEN"), found.address("SLACK_API_URL")),
        pagerduty=pagerduty,
        jira=jira,
        servicenow=servicenow,
        http=HttpClient(AllowList.of(allowed)),
        session=session,
    )


def _endpoints(found: Configuration) -> tuple[str, ...]:
    return tuple(
        str(entry.settings["base_url"])
        for service in found.catalogue.services
        for entry in service.targets
        if entry.kind == "http_endpoint" and "base_url" in entry.settings
    )


def target_secret(name: str) -> str:
    """A target's password from the environment or the file that NAME_FILE names."""
    return read_secret(os.environ, name)


def make_adapters(found: Configuration, clients: Clients) -> dict[str, Adapter]:
    """One adapter of each kind on the roster."""
    registry = Registry(found.catalogue)
    made: tuple[Adapter, ...] = (
        CommandAdapter(registry),
        SupervisorAdapter(registry, target_secret),
        SupervisorPoolAdapter(registry, target_secret),
        RedisAdapter(registry, target_secret),
        HttpAdapter(registry, clients.http),
        DiskAdapter(registry, utc_now),
        SettingsAdapter(registry),
    )
    return _all_of("adapters", roster.ADAPTERS, {adapter.name: adapter for adapter in made})


def make_facts(store: Store, clients: Clients) -> dict[str, FactSource]:
    """One fact source of each kind; without PagerDuty its kinds are visible gaps."""

    async def recent(service: str, environment: str) -> list[Change]:
        since = utc_now() - CHANGES_BACK
        return await store.read(lambda session: changes.recent(session, service, environment, since, 10))

    made: list[FactSource] = [
        HttpFact(clients.http),
        TcpFact(),
        SupervisorFact(target_secret),
        SupervisorPoolFact(target_secret),
        DiskFact(),
        ProcessFact(),
        figures.FiguresFact(clients.http, target_secret),
        ChangesFact(recent, utc_now, clients.pagerduty),
    ]
    if clients.pagerduty is not None:
        made += [
            OnCallFact(clients.pagerduty),
            PastIncidentsFact(clients.pagerduty),
            AlertDetailsFact(clients.pagerduty),
        ]
    return {source.kind: source for source in made}


def make_sources(found: Configuration) -> dict[str, Source]:
    """Sources whose secret is set; a webhook without a secret could not be verified, so it does not exist."""

    def split(name: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in found.secret(name).split(",") if part.strip())

    made: dict[str, Source] = {}
    if split("PAGERDUTY_WEBHOOK_SECRETS"):
        made["pagerduty"] = PagerDutySource(split("PAGERDUTY_WEBHOOK_SECRETS"), found.file.pagerduty.stale_after)
    if split("GITHUB_WEBHOOK_SECRETS"):
        made["github"] = GitHubSource(split("GITHUB_WEBHOOK_SECRETS"))
    if not made:
        raise ConfigurationError(
            "no webhook secret is set, so nothing could come in.",
            place="environment: PAGERDUTY_WEBHOOK_SECRETS",
            fix="set it to the secret that PagerDuty showed when the webhook subscription was created.",
        )
    return made


def make_outbox(
    found: Configuration,
    store: Store,
    clients: Clients,
    metrics: Metrics,
    renderer: Renderer,
    clock: Callable[[], datetime],
    follow_up_opened: Callable[[str, str, Ticket], Awaitable[None]],
) -> Outbox:
    """The outbox with a recorder for every configured destination. clock: the one that dates the rows it delivers.

    follow_up_opened: (system, run id, ticket) of a ticket that reviews a run.
    """
    ticketing = Ticketing(store, renderer, found.catalogue, found.people)
    recorders: dict[str, Recorder] = {
        "slack": SlackRecorder(
            clients.slack,
            store,
            renderer,
            found.catalogue,
            found.people,
            found.file.slack.channel,
            utc_now,
            Pace(found.file.slack.posts_per_second, found.file.slack.burst, monotonic),
            asyncio.sleep,
        )
    }
    if clients.pagerduty is not None:
        recorders["pagerduty"] = PagerDutyRecorder(clients.pagerduty, ticketing.external_id, ticketing.render_text)
    if clients.jira is not None:
        of, save = ticketing.ticket_of("jira"), ticketing.save_ticket("jira")
        follow_ups = FollowUps(ticketing.follow_up_of, partial(follow_up_opened, "jira"))
        recorders["jira"] = JiraRecorder(
            clients.jira, of, save, ticketing.draft_of, ticketing.render_text, follow_ups, monotonic
        )
    if clients.servicenow is not None:
        of, save = ticketing.ticket_of("servicenow"), ticketing.save_ticket("servicenow")
        follow_ups = FollowUps(ticketing.follow_up_of, partial(follow_up_opened, "servicenow"))
        recorders["servicenow"] = ServiceNowRecorder(
            clients.servicenow, of, save, ticketing.draft_of, ticketing.render_text, follow_ups
        )

    def counted(destination: str, result: str) -> None:
        metrics.deliveries.labels(destination, result).inc()

    # few lanes to Slack: a lane that waits for its turn in a channel cannot be overtaken by something more critical
    limits = {"slack": Limits(lanes=SLACK_LANES)}
    return Outbox(store, recorders, clock, asyncio.sleep, random.SystemRandom().random, limits, counted)


def redaction_secrets(found: Configuration) -> list[str]:
    """Every configured secret, so that none can leave in an output (safety rule 9)."""
    values = [found.secret(name) for name in found.secrets]
    values += [part for value in values for part in value.split(",")]
    passwords = {
        str(entry.settings["password_env"])
        for service in found.catalogue.services
        for entry in service.targets
        if entry.settings.get("password_env")
    }
    return [value for value in (*values, *(target_secret(name) for name in passwords)) if value]


def redaction_key(folder: Path) -> bytes:
    """The key of redaction hashes: made once, kept beside the databases, readable by the owner only."""
    path = folder / "redaction.key"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        key = secrets.token_bytes(32)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
        return key


def _all_of(what: str, wanted: tuple[str, ...], made: Mapping[str, Adapter]) -> dict[str, Adapter]:
    if set(wanted) != set(made):
        raise ValueError(f"{what} on the roster and those made differ: {set(wanted) ^ set(made)}")
    return dict(made)
