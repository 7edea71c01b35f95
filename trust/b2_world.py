"""The real thing for B2 and B5: a store in a folder, requests, stages and flow, with a clock, a directory and a policy to bend.

Used by trust/b2_walk.py, trust/b5_race.py, trust/b6_refusal.py and trust/b16_bot.py. No network and no waiting. Says how it
ended in one word; must not judge.
"""

from __future__ import annotations

import tempfile
from copy import copy
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlmodel import Session, SQLModel

from bot.errors import Transient
from bot.flow import Flow
from bot.incident import Incident, IncidentStatus, Severity
from bot.kill_switch import KillSwitch
from bot.membership import Groups
from bot.requests import Requests
from bot.services import Person
from bot.slack.actors import caller
from bot.stages.base import Equipment
from bot.stages.execute import Attempt, execute
from bot.stages.reply import Reply
from bot.store import approvals, attempts, entries, incidents, leases, messages, runs, workers
from bot.store.approvals import Approval, Vote
from bot.store.messages import SlackMessage
from bot.store.runs import Run
from bot.store.session import Store
from tests.fakes.equipment import ListJournal, World, everything_promoted, make_equipment
from trust.b2_installation import TEAM, USERGROUPS, catalogue, library, people, policy
from trust.b2_model import PLACES, START, Human

KEPT = ("worker", "alembic_version", "audit")  # triggers keep the audit


class Shop:
    """What is the same in every world of one process: an empty database to copy, and equipment to bend."""

    def __init__(self, where: Path, equipment: Equipment, world: World) -> None:
        self.where = where
        self.equipment = equipment
        self.world = world
        self.policies = [policy(version) for version in (0, 1)]
        self.catalogues = [catalogue(version) for version in (0, 1)]
        with tempfile.TemporaryDirectory(dir=where) as files:
            self.libraries = [library(Path(files), version) for version in (0, 1)]
        self.promotions = everything_promoted(self.policies[0], *self.libraries)  # of promotions B2 says nothing
        self.store = equipment.store

    @classmethod
    async def open(cls, where: Path) -> Shop:
        """A shop with a new database in that folder, or over the one that is there."""
        equipment, world, _ = await make_equipment(where)
        return cls(where, equipment, world)

    async def close(self) -> None:
        """Close the store."""
        await self.store.close()

    async def restart(self) -> None:
        """Another store over the same file."""
        await self.store.close()
        self.store = await Store.open(f"sqlite+aiosqlite:///{self.where / 'app.db'}")

    async def empty(self) -> None:
        """Forget everything but KEPT. A new store for each world would compile every statement anew."""
        tables = [each for each in reversed(SQLModel.metadata.sorted_tables) if each.name not in KEPT]

        def forget(session: Session) -> None:
            for each in tables:
                session.connection().execute(each.delete())

        await self.store.write(forget)
        (self.where / "kill_switch").unlink(missing_ok=True)


class Stage:
    """One world: a bot over an empty database. now: its clock, which moves only when it is moved."""

    def __init__(self, shop: Shop, humans: dict[str, Human]) -> None:
        self.now: datetime = START
        self._shop = shop
        self._number = 0
        self.key = [0, 0, 0]
        self.blind = False
        self.jumped = False
        self._humans = humans
        self.acts = shop.world.acts = []
        shop.world.live = IncidentStatus.TRIGGERED

    async def open(self) -> None:
        """Start over an empty database."""
        await self._shop.empty()
        self.begin()

    async def restart(self) -> None:
        """Start again over what is stored."""
        await self._shop.restart()
        self.begin()

    def begin(self) -> None:
        """Over the database as it is."""
        store = self._shop.store
        self.equipment = replace(
            self._shop.equipment,
            store=store,
            promotions=self._shop.promotions,
            clock=lambda: self.now,
            clock_jumped=lambda: self.jumped,
            sleep=self._sleep,
            new_id=self._new_id,
            kill_switch=KillSwitch(store, self._shop.where / "kill_switch", lambda: self.now, patience=30.0),
        )
        self.bend()

    async def beside(self, store: Store, worker: str) -> Stage:
        """The same bot as another replica: another store over the same database, another worker."""
        await store.write(lambda session: workers.claim(session, worker, f"boot-{worker}", self.now, 30.0))
        other = copy(self)
        switch = KillSwitch(store, self._shop.where / "kill_switch", lambda: self.now, patience=30.0)
        other.equipment = replace(self.equipment, store=store, kill_switch=switch, worker=worker, boot=f"boot-{worker}")
        other.requests = Requests(other.equipment, self._start, self._wake)
        return other

    def bend(self) -> None:
        """The configuration as it is now."""
        directory = people(self._humans)
        self.equipment = replace(
            self.equipment,
            people=directory,
            groups=Groups(directory, TEAM, lambda: self.now, usergroup=self._usergroup),
            policy=self._shop.policies[self.key[0]],
            library=self._shop.libraries[self.key[1]],
            catalogue=self._shop.catalogues[self.key[2]],
        )
        self.requests = Requests(self.equipment, self._start, self._wake)

    async def _start(self, run_id: str) -> None:
        return None

    async def _wake(self, run_id: str, topic: str) -> bool:
        return True

    async def _usergroup(self, group: str) -> list[str]:
        """The accounts of a Slack user group, as Slack would tell; or nothing, when it cannot be asked."""
        if self.blind:
            raise Transient("usergroups.users.list: Slack cannot be reached")
        return [f"U{name}" for name, human in self._humans.items() if USERGROUPS[group] in human.groups]

    async def _sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def _new_id(self, prefix: str) -> str:
        self._number += 1
        return f"{prefix}_{self._number:06d}"

    def over(self, value: bool) -> None:
        """What the monitor says from now on."""
        self._shop.world.live = IncidentStatus.RESOLVED if value else IncidentStatus.TRIGGERED

    def person(self, user: str, team: str = TEAM) -> Person | None:
        """Who clicks, from a payload as Slack signs it (T07)."""
        payload = {"type": "block_actions", "team": {"id": TEAM}, "user": {"id": user, "team_id": team}}
        return caller(payload, self.equipment.people, TEAM).person

    async def incident(self, place: str, *, alone: bool = True) -> str:
        """A new incident there. alone: those before it are over; else it is the newest of several."""
        self.now += timedelta(0 if alone else 1e-6)
        made = Incident(
            id=self._new_id("inc"),
            source="pagerduty",
            external_id=self._new_id("P"),
            title="trouble",
            status=IncidentStatus.TRIGGERED,
            severity=Severity.ERROR,
            service=f"at-{place}",
            environment=place,
            opened_at=self.now,
            updated_at=self.now,
        )

        def write(session: Session) -> None:
            for old in incidents.open_for_service(session, made.service, place) if alone else ():
                incidents.save(session, old.model_copy(update={"status": IncidentStatus.RESOLVED}))
            incidents.save(session, made)

        await self.equipment.store.write(write)
        return made.id

    async def ask(self, place: str, person: Person) -> tuple[str, Run | None]:
        """Ask for the runbook there. The answer's word, and the run that opened."""
        before = self._number
        runbook = "strict" if PLACES[place].confirm and PLACES[place].count else "plain"
        reply = await self.requests.run_runbook(runbook, f"at-{place}", place, person, "C1")
        opened = await self.equipment.store.read(runs.open_runs)
        new = next((run for run in opened if int(run.id.removeprefix("run_")) > before), None)
        if new is not None:
            card = SlackMessage(f"card:{new.id}", "C1", f"1.{new.id}", "1.0")
            await self.equipment.store.write(lambda session: messages.save(session, card))
        return word(reply), new

    async def click(self, approval: str, person: Person, run: str, *, approve: bool, own_card: bool) -> str:
        """One click; the answer's word."""
        reply = await self.requests.vote(
            approval, person, approve, "because", "C1", f"1.{run if own_card else 'forged'}"
        )
        return word(reply)

    async def dispatch(self, run_id: str, step: int, *, undo: bool = False) -> str:
        """Start one step, whatever stands before it, as a worker would that holds the target."""
        run = await self.run(run_id)
        keys = [target.key for target in run.plan.targets]
        await self.equipment.store.write(lambda session: leases.acquire(session, keys, run_id, self.now))
        done = await execute(self.equipment, Attempt(run_id, step, 1, 0 if undo else -1))
        return str(done.get("code", done["state"]))

    async def let_go(self, run_id: str) -> None:
        """The run no longer holds its target."""
        await self.equipment.store.write(lambda session: leases.release(session, run_id))

    async def carry_out(self, run_id: str) -> str:
        """What the engine does when the run's questions are answered or their time is over."""

        async def look(_incident: str) -> None:
            return None

        return await Flow(self.equipment, look).carry_out(run_id, ListJournal())

    async def expire(self, approval: str) -> None:
        """The timer of a question fires."""
        await self.equipment.store.write(lambda session: approvals.expire(session, approval, self.now))

    async def damage(self, run_id: str, text: str) -> None:
        """Somebody writes another plan into the database, and the run's digest stays."""
        plan = (await self.run(run_id)).plan.model_copy(update={"why": text})
        statement = runs.RUN.update().where(runs.RUN.c.id == run_id).values(plan=plan.model_dump_json())
        await self.equipment.store.write(lambda session: session.connection().execute(statement))

    async def run(self, run_id: str) -> Run:
        """The stored run. Raises LookupError."""
        found = await self.equipment.store.read(lambda session: runs.get(session, run_id))
        if found is None:
            raise LookupError(run_id)
        return found

    async def stored(self, run_id: str) -> tuple[Run, list[tuple[Approval, list[Vote]]], list[str]]:
        """What the database says of a run: itself, its questions with their votes, the steps that were started."""
        return await self.equipment.store.read(partial(_stored, run_id))

    async def told(self, run_id: str) -> list[tuple[str, str, bool]]:
        """The transcript of a run in the order of its commits: kind, actor, and whether a vote was a yes."""
        found = await self.equipment.store.read(lambda session: entries.for_run(session, run_id))
        return [(entry.kind.value, entry.actor, bool(entry.data.get("approve"))) for entry in found]


def _stored(run_id: str, session: Session) -> tuple[Run, list[tuple[Approval, list[Vote]]], list[str]]:
    run = runs.get(session, run_id)
    if run is None:
        raise LookupError(run_id)
    every = approvals.for_run(session, run_id)  # a run that lay still asks whether to go on: nobody votes on that
    asked = [(each, approvals.votes(session, each.id)) for each in every if each.kind in ("approval", "confirmation")]
    return run, asked, [each.step_id for each in attempts.for_run(session, run_id)]


def word(reply: Reply) -> str:
    """`done`, `already`, or the code of a refusal."""
    return str(reply.data.get("code", reply.name))
