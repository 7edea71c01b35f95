"""B16: a bot that is always at work: runs with many short steps in three places, in a process of its own.

Started by trust/b16_trial.py. Real store, requests, flow, stages and kill switch, real time; only the adapter is not real: it
writes when each step started to a ledger that the judge reads. Told what to do over a pipe.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
import time
import traceback
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from random import SystemRandom
from typing import Any

from sqlmodel import Session

from bot.adapters.base import ActResult, Progress
from bot.app import SWITCH_SECONDS
from bot.assembly import TEMPLATES
from bot.clients.slack import SlackClient
from bot.errors import CountersignError, Transient
from bot.flow import Flow
from bot.incident import Incident, IncidentStatus, Severity
from bot.kill_switch import KillSwitch
from bot.membership import Groups
from bot.plan import Act
from bot.recorders.outbox import Outbox
from bot.recorders.slack import SlackRecorder
from bot.recorders.slack_pace import Pace
from bot.render import Renderer
from bot.requests import Requests
from bot.services import People, Person
from bot.stages.base import Equipment
from bot.store import incidents, runs, workers
from bot.telemetry import configure_logging
from guards.decision import Deny
from guards.policy import Policy
from runbooks.load import Library
from tests.fakes.equipment import ListJournal, everything_promoted, make_equipment
from trust.b2_installation import catalogue

PLACES = ("one", "two", "three")
LAST_WORDS = "last_words"  # a file that is there when the bot ended by an error, so that the judge can tell which
LOOKS = 8
STEP_SECONDS = 0.002
IDLE_SECONDS = 0.02
POLICY: dict[str, Any] = {
    "version": 1,
    "lowest_environment": "one",
    "matrix": {place: {"read": "auto", "safe": "auto", "caution": "forbid", "forbidden": "forbid"} for place in PLACES},
    "requesters": {"roles": ["responder"]},
    "operators": {"roles": ["operator"]},
}
PEOPLE = {"people": [{"id": "ana", "name": "Ana", "roles": ["responder"]}], "groups": {}}
LOOK = '  - {{id: look-{number}, action: supervisor.tail_log, with: {{target: "${{program}}", lines: 5}}}}\n'
RUNBOOK = """\
id: busy
title: Look often, then restart
owner: sre
match: {alerts: [Busy]}
params:
  program: {type: target, kind: supervisor_program}
steps:
"""
RESTART = """\
  - id: restart
    action: supervisor.restart
    with: {target: "${program}"}
    rollback: none
    rollback_note: it is only a proof
    safety: {risk: safe, scopes: [one, two, three], blast_radius: {max_targets: 1}}
"""


def utc_now() -> datetime:
    """Now."""
    return datetime.now(UTC)


def library(where: Path) -> Library:
    """The runbook of eight looks and a restart."""
    place = where / "runbooks"
    place.mkdir(exist_ok=True)
    looks = "".join(LOOK.format(number=number) for number in range(LOOKS))
    (place / "busy.yaml").write_text(RUNBOOK + looks + RESTART, encoding="utf-8")
    return Library([place])


class LedgerAdapter:
    """Carries nothing out. ledger: descriptor of a file that is only ever added to."""

    name = "supervisor"

    def __init__(self, ledger: int) -> None:
        self._ledger = ledger

    def forbidden(self, act: Act) -> Deny | None:
        """Nothing is."""
        return None

    async def identify(self, act: Act) -> Deny | None:
        """Everything is what it should be."""
        return None

    async def act(self, act: Act, key: str, progress: Progress) -> ActResult:
        """The first thing a step does is to say when it started."""
        os.write(self._ledger, f"{time.monotonic():.6f} {act.target.environment} {act.operation} {key}\n".encode())
        await asyncio.sleep(STEP_SECONDS)
        return ActResult(ok=True, summary="done", output="", took_seconds=STEP_SECONDS)


class Bot:
    """The three loops, the kill switch and who listens to the pipe."""

    def __init__(self, equipment: Equipment, pipe: Connection) -> None:
        self._equipment = equipment
        self._pipe = pipe
        self._requests = Requests(equipment, self._started, self._woken)
        self._busy: set[asyncio.Future[Any]] = set()
        self._tries = 0
        self.over = asyncio.Event()

    async def _started(self, run_id: str) -> None:
        return None

    async def _woken(self, run_id: str, topic: str) -> bool:
        return True

    async def work(self, place: str) -> None:
        """Ask for the runbook and carry it out, again and again; refused, try a moment later."""
        person = self._equipment.people.by_id("ana")
        if person is None:
            raise LookupError("ana")

        async def look(_incident: str) -> None:
            return None

        flow = Flow(self._equipment, look)
        while True:
            self._tries += 1
            try:
                going = await self._once(flow, place, person)
            except Transient:
                going = False  # the database was locked for longer than a write waits; whoever asked is told so
            if not going:
                await asyncio.sleep(IDLE_SECONDS)

    async def _once(self, flow: Flow, place: str, person: Person) -> bool:
        """Ask once and carry out what is open; whether it was granted."""
        await self._equipment.store.write(partial(self._incident, place))
        reply = await self._requests.run_runbook("busy", f"at-{place}", place, person, "C1")
        open_here = await self._equipment.store.read(
            lambda session: [r for r in runs.open_runs(session) if r.plan.environment == place]
        )
        for run in open_here:  # also one that an earlier life of this bot has left
            await flow.carry_out(run.id, ListJournal())
        return reply.ok

    def _incident(self, place: str, session: Session) -> None:
        now = utc_now()
        for old in incidents.open_for_service(session, f"at-{place}", place):
            incidents.save(session, old.model_copy(update={"status": IncidentStatus.RESOLVED}))
        made = Incident(
            id=self._equipment.new_id("inc"),
            source="pagerduty",
            external_id=secrets.token_hex(6),
            title="trouble",
            status=IncidentStatus.TRIGGERED,
            severity=Severity.ERROR,
            service=f"at-{place}",
            environment=place,
            opened_at=now,
            updated_at=now,
        )
        incidents.save(session, made)

    def heard(self) -> None:
        """A message from the judge: `engage` or `lift` with level and name, `tries`, `end`."""
        try:
            word, *rest = self._pipe.recv()
        except EOFError:
            word, rest = "end", []
        if word == "end":
            self.over.set()
        elif word == "tries":
            self._pipe.send(self._tries)
        else:
            self._soon(self._switch(word, *rest))

    def _soon(self, thing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(thing)
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    async def _switch(self, word: str, level: str, name: str) -> None:
        """As a slash command would: `/runbook kill` and `/runbook resume` end in these two calls."""
        switch = self._equipment.kill_switch
        try:
            if word == "engage":
                await switch.engage(level, name, "storm", "ana")
            else:
                await switch.lift(level, name, "over", "ana")
            self._pipe.send(word)
        except CountersignError as error:
            self._pipe.send(f"{word}: {error}")


async def live(pipe: Connection, where: Path, slack_url: str) -> None:
    """One life of the bot, until it is told to end."""
    made, world, _ = await make_equipment(where)
    world.up = True
    store = made.store
    worker, boot = "bot", secrets.token_hex(4)
    now = utc_now()
    await store.write(lambda session: workers.claim(session, worker, boot, now, -86_400.0 * 365))
    people, services = People.model_validate(PEOPLE), catalogue()
    client = SlackClient("xoxb-1", slack_url, timeout=5.0)
    recorder = SlackRecorder(
        client, store, Renderer(TEMPLATES), services, people, "C1", utc_now, Pace(1.0, 1, time.monotonic), asyncio.sleep
    )
    outbox = Outbox(store, {"slack": recorder}, utc_now, asyncio.sleep, SystemRandom().random)
    ledger = os.open(where / "ledger", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    policy, books = Policy.from_mapping(POLICY), library(where)
    equipment = replace(
        made,
        people=people,
        groups=Groups(people, "T1", utc_now),
        catalogue=services,
        policy=policy,
        library=books,
        promotions=everything_promoted(policy, books),
        adapters={"supervisor": LedgerAdapter(ledger)},
        kill_switch=KillSwitch(store, where / "kill_switch", utc_now),
        worker=worker,
        boot=boot,
        clock=utc_now,
        sleep=asyncio.sleep,
        new_id=lambda prefix: f"{prefix}_{secrets.token_hex(8)}",
        wake=outbox.wake if slack_url else made.wake,
    )
    bot = Bot(equipment, pipe)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, equipment.kill_switch.signal)  # as bot/app.py
    loop.add_reader(pipe.fileno(), bot.heard)
    tasks = [asyncio.ensure_future(bot.work(place)) for place in PLACES]
    tasks += [asyncio.ensure_future(outbox.run())] if slack_url else []
    pipe.send("ready")
    ending = asyncio.ensure_future(bot.over.wait())
    done, _ = await asyncio.wait([*tasks, ending], return_when=asyncio.FIRST_COMPLETED)
    for task in (*tasks, ending):
        task.cancel()
    await asyncio.gather(*tasks, ending, return_exceptions=True)
    loop.remove_reader(pipe.fileno())
    await client.close()
    await store.close()
    for task in done - {ending}:
        task.result()  # a loop that ended by itself has failed


def main(pipe: Connection, where: Path, slack_url: str) -> None:
    """The process. slack_url: of a Slack that never answers; empty for a bot that tells nobody."""
    sys.setswitchinterval(SWITCH_SECONDS)
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # reason: stays open as long as the process; refusals by the thousand
    configure_logging()
    try:
        asyncio.run(live(pipe, where, slack_url))
    except BaseException:
        (where / LAST_WORDS).write_text(traceback.format_exc(), encoding="utf-8")
        raise
