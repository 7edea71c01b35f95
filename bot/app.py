"""The composition root and the bot's life: what starts, in which order, and how it stops.

Called by `runbookctl serve`. The only place that knows every room. Order matters: the process lock and the worker row come
before the engine (reference/engine.md pitfalls 1 and 4), recovery before anything new arrives. Must not decide anything.
"""

from __future__ import annotations

import asyncio
import gc
import secrets
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from time import monotonic
from typing import Any

from bot import assembly, policy_inputs, web
from bot.assembly import Clients, utc_now
from bot.clock import SteadyClock
from bot.config import Configuration
from bot.engine.durable import Engine
from bot.engine.lock import ProcessLock
from bot.errors import ConfigurationError, CountersignError, Permanent
from bot.flow import Flow
from bot.incident import Incident, IncidentStatus
from bot.kill_switch import KillSwitch
from bot.library import make_library
from bot.polling import make_poller
from bot.reconciler import Reconciler
from bot.recorders.outbox import Outbox
from bot.recorders.tickets import Ticket
from bot.redact import Redactor
from bot.reloading import Reloading
from bot.render import Renderer
from bot.requests import Requests
from bot.roster import OPERATIONS
from bot.signed_answers import SignedAnswers
from bot.slack.room import SlackRoom
from bot.stages import follow_up
from bot.stages.base import Equipment
from bot.store import outbox as outbox_rows
from bot.store import workers
from bot.store.inbox import Inbox
from bot.store.session import Store
from bot.telemetry import Metrics, configure_logging, log
from bot.triage import Triage
from guards.policy import Policy, PolicyError

WORKER_STALE_SECONDS = 30.0
NOBODY_ALIVE = -86_400.0 * 365  # also when the clock was set back since the last sign of life (T65)
LIVE_STATUS_SECONDS = 3.0
FATAL = 2
SWITCH_SECONDS = 0.0005  # the folding thread must not hold up the loop for the default 5 ms at a time


@dataclass(slots=True)
class Bot:
    """Everything that lives while the bot runs."""

    store: Store
    inbox: Inbox
    equipment: Equipment
    engine: Engine
    triage: Triage
    outbox: Outbox
    requests: Requests
    reconciler: Reconciler
    clients: Clients
    slack: SlackRoom
    server: web.WebServer
    renderer: Renderer
    inputs: policy_inputs.PolicyInputs
    reloading: Reloading


def make_policy(found: Configuration) -> Policy:
    """The policy, or a ConfigurationError: there is no permissive fallback (trust case T43)."""
    try:
        return Policy.from_mapping(found.policy)
    except PolicyError as error:
        place = f"{found.file.policy}: {error.place}"
        raise ConfigurationError(error.message, place=place, fix=error.fix) from error


def live_status_of(clients: Clients) -> Callable[[Incident], Awaitable[IncidentStatus | None]]:
    """Asks PagerDuty what the incident is at this moment; None when it cannot be asked (trust case T23)."""

    async def ask(incident: Incident) -> IncidentStatus | None:
        if clients.pagerduty is None or incident.source != "pagerduty":
            return None
        try:
            found = await asyncio.wait_for(clients.pagerduty.incident(incident.external_id), LIVE_STATUS_SECONDS)
            return IncidentStatus(str(found.get("status", "")))
        except (CountersignError, TimeoutError, ValueError) as error:
            log().warning("the monitor could not be asked; going on with what it last said", error=str(error))
            return None

    return ask


async def assemble(found: Configuration) -> Bot:
    """Make every part and join them. Nothing runs yet. Raises ConfigurationError."""
    policy, sources = make_policy(found), assembly.make_sources(found)
    library = make_library(found, policy)
    promotions = policy_inputs.make_promotions(found, policy)
    for problem in promotions.problems:
        log().warning("a promotion record promotes nothing", problem=str(problem))
    folder = found.state_dir
    store = await Store.open(found.address("DATABASE_URL", f"sqlite+aiosqlite:///{folder / 'countersign.db'}"))
    inbox = Inbox.open(folder / "inbox.db")
    clients, metrics = assembly.make_clients(found), Metrics()
    renderer, clock = Renderer(assembly.TEMPLATES), SteadyClock(utc_now, monotonic)

    async def follow_up_opened(system: str, run_id: str, ticket: Ticket) -> None:
        await follow_up.opened(equipment, system, run_id, ticket.key, ticket.url)

    outbox = assembly.make_outbox(found, store, clients, metrics, renderer, clock, follow_up_opened)
    inputs = policy_inputs.make(found, policy, clients)
    equipment = Equipment(
        store=store,
        catalogue=found.catalogue,
        people=found.people,
        policy=policy,
        library=library,
        operations=OPERATIONS,
        adapters=assembly.make_adapters(found, clients),
        fact_sources=assembly.make_facts(store, clients),
        sources=sources,
        kill_switch=KillSwitch(store, folder / "kill_switch", clock),
        redactor=Redactor(assembly.redaction_secrets(found), assembly.redaction_key(folder)),
        metrics=metrics,
        worker=found.file.worker,
        boot=secrets.token_hex(8),
        clock=clock,
        sleep=asyncio.sleep,
        new_id=assembly.new_id,
        live_status=live_status_of(clients),
        wake=outbox.wake,
        calendar=inputs.calendars.current,
        groups=inputs.groups,
        pagerduty=clients.pagerduty is not None,
        jira=clients.jira is not None,
        servicenow=clients.servicenow is not None,
        notes=found.file.pagerduty.write_notes,
        stale_after=found.file.pagerduty.stale_after,
        clock_jumped=clock.jumped,
        promotions=promotions,
    )

    async def look_again(incident_id: str) -> None:
        await triage.look_at(incident_id)

    engine = Engine(
        url=found.address("ENGINE_URL", f"sqlite:///{folder / 'engine.db'}"),
        worker=found.file.worker,
        flow=Flow(equipment, look_again).carry_out,
        poll=found.file.engine.poll,
        threads=found.file.engine.threads,
    )
    triage = Triage(equipment, inbox, engine.wake, at_once=outbox, start_run=engine.start)
    requests = Requests(equipment, engine.start, engine.wake)
    slack = SlackRoom(found, requests, clients.slack, renderer, store, inbox)
    has_keys = any(person.key for person in found.people.people)
    app = web.build(
        sources=sources,
        inbox=inbox,
        clock=utc_now,
        metrics=metrics.exposition,
        ready=_readiness(store, inbox, slack),
        on_accepted=triage.wake,
        slack_endpoint=slack.http_endpoint,
        signed_answer=SignedAnswers(found.people, requests, utc_now).receive if has_keys else None,
        on_answer=lambda source, answer: metrics.webhooks.labels(source, answer).inc(),
    )
    return Bot(
        store=store,
        inbox=inbox,
        equipment=equipment,
        engine=engine,
        triage=triage,
        outbox=outbox,
        requests=requests,
        reconciler=Reconciler(equipment, engine, look_again, unclaimed_after=found.file.pagerduty.page_unclaimed_after),
        clients=clients,
        slack=slack,
        server=web.WebServer(app),
        renderer=renderer,
        inputs=inputs,
        reloading=Reloading(library, metrics, clock, triage.runbooks_renewed),
    )


def _readiness(store: Store, inbox: Inbox, slack: SlackRoom) -> Callable[[], Awaitable[tuple[bool, dict[str, Any]]]]:
    """Ready: both databases answer. Slack being away is shown, but the bot still takes webhooks."""

    async def ready() -> tuple[bool, dict[str, Any]]:
        try:
            counts = await inbox.counts()
            depth = await store.read(outbox_rows.depth)
        except CountersignError as error:
            return False, {"store": str(error)}
        return True, {
            "store": "ok",
            "slack": "connected" if slack.connected else "away",
            "inbox": counts,
            "outbox": depth,
        }

    return ready


async def claim_worker(bot: Bot, found: Configuration) -> None:
    """Write our worker row before the engine starts (pitfall 4). Under the process lock nobody else can be alive."""
    alone = found.address("DATABASE_URL", "sqlite").startswith("sqlite")
    limit = NOBODY_ALIVE if alone else WORKER_STALE_SECONDS
    now = utc_now()
    worker, boot = bot.equipment.worker, bot.equipment.boot
    if not await bot.store.write(lambda session: workers.claim(session, worker, boot, now, limit)):
        raise ConfigurationError(
            f"another process is alive as worker {worker}.",
            place="countersign.yaml: worker",
            fix="give every process its own worker name.",
        )


async def run(found: Configuration) -> int:
    """Run until SIGINT or SIGTERM; returns the exit code. Raises ConfigurationError before anything is half-started."""
    configure_logging()
    sys.setswitchinterval(SWITCH_SECONDS)
    found.state_dir.mkdir(parents=True, exist_ok=True)
    lock = ProcessLock(found.state_dir / "countersign.lock")
    lock.acquire()
    try:
        bot = await assemble(found)
        try:
            return await _live(bot, found)
        finally:
            await _close(bot)
    finally:
        lock.release()


async def _live(bot: Bot, found: Configuration) -> int:
    await claim_worker(bot, found)
    await bot.store.write(outbox_rows.recover)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, bot.equipment.kill_switch.signal)
    loop.add_signal_handler(signal.SIGHUP, bot.reloading.ask)
    await bot.inputs.calendars.refresh()
    bot.engine.launch()
    port = await bot.server.start(found.file.listen.host, found.file.listen.port)
    loops: list[Coroutine[Any, Any, None]] = [bot.triage.run(), bot.outbox.run(), bot.reconciler.run(), bot.slack.run()]
    loops += [bot.inputs.keep_fresh(asyncio.sleep), bot.reloading.run()]
    poller = make_poller(found, bot.clients, bot.inbox, bot.store, bot.triage.wake)
    if poller is not None:
        loops.append(poller.run())
    tasks: list[asyncio.Task[Any]] = [asyncio.create_task(one) for one in loops]
    tasks.append(asyncio.create_task(stop.wait()))
    await asyncio.to_thread(bot.renderer.warm)
    gc.collect()
    gc.freeze()  # what was loaded at the start stays: a full collection over it would hold up a webhook for 100 ms
    log().info("countersign is running", port=port, mode=found.file.slack.mode, state=str(found.state_dir))
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    code = 0
    for task in done:
        error = task.exception()
        if error is not None:  # a loop that ends has failed; better to stop loudly and be restarted than to be deaf
            log().error("a part of the bot failed; stopping", error=repr(error))
            code = FATAL if isinstance(error, Permanent) else 1
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return code


async def _close(bot: Bot) -> None:
    await bot.server.stop()
    await bot.slack.close()
    await bot.triage.drain()
    await bot.engine.stop()
    await bot.inputs.close()
    await bot.clients.close()
    bot.inbox.close()
    await bot.store.close()
