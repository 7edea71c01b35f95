"""The sandbox of one scenario: its settings, its further targets and facts, its faults, and what the machine itself says.

Used by bot/sandbox/gameday/play.py. Knows the workspace, not the bot. Must not judge.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from bot.sandbox import faults
from bot.sandbox.configuration import Freeze, Places, SandboxSettings
from bot.sandbox.faults import MEGABYTE, Database, DiskArea
from bot.sandbox.gameday.scenario import Fault, Scenario, Setup, World
from bot.sandbox.gameday.sight import WorldSeen
from bot.sandbox.rollouts import FIRST, NEXT, Rollouts
from bot.sandbox.worker_pool import WorkerPool
from bot.sandbox.workspace import Workspace, free_port
from runbooks.folder import Problem
from runbooks.load import BUILTIN, RunbookError, load_catalog, load_runbook

SERVICES = ("payments", "checkout")
AREA = "area"
LOOK_SECONDS = 3.0
LOOK_EVERY = 2.0


class Stage:
    """One scenario's sandbox. settings: for the Workspace; after it has started, `ready` must be called once."""

    def __init__(self, scenario: Scenario) -> None:
        self.setup = scenario.setup
        self.database = Database(free_port()) if self.setup.dependency else None
        self.area: DiskArea | None = None
        self.rollouts: Rollouts | None = None
        folder = Path(scenario.source).parent
        self.settings = SandboxSettings(
            approval_seconds=int(self.setup.approval_timeout),
            start_seconds=self.setup.start_takes,
            runbooks={Path(name).name: (folder / name).read_text(encoding="utf-8") for name in self.setup.runbooks},
            builtin_runbooks=self.setup.builtin_runbooks,
            policy=self.setup.policy,
            freeze=Freeze(self.setup.freeze.after, self.setup.freeze.lasts) if self.setup.freeze else None,
            pool=WorkerPool(total=self.setup.workers.total, running=self.setup.workers.running),
            amend_services=self._amend,
        )
        self._starts: dict[str, int] = {}
        self._workers: dict[str, int] = {}
        self._looked: tuple[float, WorldSeen] | None = None

    # -- before the bot starts -----------------------------------------------------------------------------------------
    def _amend(self, places: Places, usual: dict[str, Any]) -> dict[str, Any]:
        """Called when the configuration is written: the workspace's folder is there, and the bot has not started."""
        if self.setup.area is not None:
            root = places.folder / AREA
            self.area = DiskArea(root, self.setup.area.megabytes * MEGABYTE, self.setup.area.safe, self.setup.area.kept)
            self.area.prepare()
        if self.database is not None and self.setup.dependency is not None:
            faults.misbehave(places.program(self.setup.dependency), None, database=self.database.address)
        if self.setup.deployment is not None:
            name = self.setup.deployment
            address = f"http://127.0.0.1:{places.program(name).port}"
            self.rollouts = Rollouts(name, places.folder, address, free_port())
            self.rollouts.prepare()
        return {**usual, "services": [self._service(places, entry) for entry in usual["services"]]}

    def _service(self, places: Places, entry: dict[str, Any]) -> dict[str, Any]:
        targets, facts = further(self.setup, places, entry["name"], self.area, self.database)
        if self.rollouts is not None and self.rollouts.service == entry["name"]:
            more = self.rollouts.entry()
            targets, facts = [*targets, *more[0]], {**facts, **more[1]}
        # A runbook's target must be the only one of its kind: where a job is the program, the service itself is not.
        new = {target["kind"] for target in targets}
        kept = [target for target in entry["targets"] if target["kind"] not in new]
        return {**entry, "targets": [*kept, *targets], "facts": {**entry["facts"], **facts}}

    async def ready(self, workspace: Workspace) -> None:
        """What is needed beside the services is there."""
        if self.database is not None:
            await self.database.start()
        if self.rollouts is not None:
            await self.rollouts.start()
        await self.begin(workspace)

    async def stop(self) -> None:
        """Stop what was started here."""
        if self.rollouts is not None:
            await self.rollouts.stop()
        if self.database is not None:
            await self.database.stop()

    # -- what breaks ---------------------------------------------------------------------------------------------------
    async def strike(self, workspace: Workspace, fault: Fault) -> str:
        """Break it, and say so in a sentence. Raises CountersignError when that is not possible."""
        program = workspace.places.program(fault.service)
        pid = (await workspace.supervisor.state(fault.service)).pid if fault.until == "restart" else None
        if fault.kind == "kill":
            await workspace.supervisor.kill(fault.service)
            return f"{fault.service} is killed"
        if fault.kind == "wedge":
            number = fault.worker
            name = fault.service if number is None else workspace.settings.pool.name(number)
            return f"{name} hangs: process {await faults.wedge(workspace.supervisor, name)} lives and answers nothing"
        if fault.kind == "slow":
            faults.misbehave(program, pid, mode="slow", slow_seconds=fault.takes)
            return f"{fault.service} needs {fault.takes:g} s for every answer"
        if fault.kind == "error_rate":
            faults.misbehave(program, pid, error_percent=fault.share)
            return f"{fault.service} answers {fault.share:g} % of its requests with 503"
        if fault.kind == "lying_health":
            faults.misbehave(program, pid, mode="broken", health_lies=True)
            return f"{fault.service} answers customers with 503, and its /health says 200"
        if fault.kind == "dead_dependency":
            await self._database().stop()
            return f"the database of {fault.service} refuses every connection"
        if fault.kind == "bad_version":
            self._rollouts().release(fault.share)
            return f"{NEXT} of {fault.service} serves everybody, and {fault.share:g} % of them get 503"
        if fault.kind == "bad_canary":
            self._rollouts().release_canary(fault.share)
            return f"{NEXT} of {fault.service} serves a growing share, and {fault.share:g} % of it get 503"
        area = self._area()
        now = workspace.clock().timestamp()
        full = await asyncio.to_thread(area.fill, fault.share, now, old=fault.files == "old")
        return f"the disk area of {fault.service} is {full:g} % full"

    async def mend(self, workspace: Workspace, service: str) -> None:
        """Somebody at a terminal puts the service right, its database too."""
        if self.database is not None and self.setup.dependency == service:
            await self.database.start()
        if self.rollouts is not None and self.rollouts.service == service:
            self.rollouts.mend()
        await workspace.restore(service)
        if self.database is not None and self.setup.dependency == service:
            faults.misbehave(workspace.places.program(service), None, database=self.database.address)

    def next_version(self, service: str) -> str:
        """What GitHub calls the next version of a service."""
        return NEXT if service == self.setup.deployment else FIRST

    def _rollouts(self) -> Rollouts:
        if self.rollouts is None:
            raise LookupError("this scenario has no deployment")
        return self.rollouts

    def _database(self) -> Database:
        if self.database is None:
            raise LookupError("this scenario has no database")
        return self.database

    def _area(self) -> DiskArea:
        if self.area is None:
            raise LookupError("this scenario has no disk area")
        return self.area

    # -- what the machine says -----------------------------------------------------------------------------------------
    async def begin(self, workspace: Workspace) -> None:
        """A round begins: starts and workers are counted from here."""
        self._looked = None
        self._starts = {name: workspace.starts(name) for name in SERVICES}
        self._workers = await workers(workspace)

    async def look(self, workspace: Workspace, wanted: World, *, fresh: bool = False) -> WorldSeen:
        """What is true now, of what the round wants to know. Starts and workers are always counted.

        fresh: look again in any case; else what was seen in the last LOOK_EVERY seconds is good enough, so that our own
        requests are few beside those of the bot.
        """
        now = asyncio.get_running_loop().time()
        if self._looked is None or fresh or now - self._looked[0] > LOOK_EVERY:
            self._looked = (now, await self._look(workspace, wanted))
        return self._looked[1]

    async def _look(self, workspace: Workspace, wanted: World) -> WorldSeen:
        pages = [(name, path) for path in ("health", "orders") for name in getattr(wanted, path)]
        statuses = await asyncio.gather(*(status(workspace, name, f"/{path}") for name, path in pages))
        found = {(name, path): code for (name, path), code in zip(pages, statuses, strict=True)}
        running = await workers(workspace)
        return WorldSeen(
            health={name: code for (name, path), code in found.items() if path == "health"},
            orders={name: code for (name, path), code in found.items() if path == "orders"},
            starts={name: workspace.starts(name) - self._starts.get(name, 0) for name in SERVICES},
            workers=len(running),
            workers_before=len(self._workers),
            renewed=sum(name in self._workers and self._workers[name] != pid for name, pid in running.items()),
            hanging=await hanging(workspace) if wanted.hanging is not None else (),
            disk=self.area.percent() if self.area else None,
            lost=self.area.lost() if self.area else (),
            version=await self.rollouts.answering() if self.rollouts and wanted.version else "",
            canary=self.rollouts.canary if self.rollouts else "",
        )


def further(
    setup: Setup, places: Places, name: str, area: DiskArea | None, database: Database | None
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Targets and facts that this scenario adds to a service."""
    targets: list[dict[str, Any]] = []
    facts: dict[str, Any] = {}
    base = f"http://127.0.0.1:{places.program(name).port}"
    for fact, path in setup.watch.get(name, {}).items():  # type: ignore[call-overload]  # reason: any name may be asked for
        facts[fact] = {"kind": "http", "settings": {"url": f"{base}{path}", "deadline": 2}}
    if area is not None and setup.area is not None and setup.area.service == name:
        reach = {"root": str(area.root), "paths": list(area.safe)}
        targets.append({"kind": "disk_area", "name": f"{name}-disk", "settings": reach})
        facts["disk"] = {"kind": "disk", "settings": {"path": str(area.root), "size_bytes": area.size}}
    if database is not None and setup.dependency == name:
        facts["tcp"] = {"kind": "tcp", "settings": {"host": "127.0.0.1", "port": database.port}}
    if setup.jobs and name == "payments" and places.pool is not None:
        reach = {"url": f"unix://{places.supervisor_socket}", "program": places.pool.name(setup.jobs[0])}
        targets.append({"kind": "supervisor_program", "name": f"{name}-job", "settings": reach})
        facts["job_process"] = {"kind": "supervisor", "settings": reach}
    return targets, facts


async def status(workspace: Workspace, service: str, path: str) -> int:
    """The status of one GET, 0 when nothing answers within LOOK_SECONDS."""
    address = f"http://127.0.0.1:{workspace.places.program(service).port}{path}"
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(address, timeout=aiohttp.ClientTimeout(total=LOOK_SECONDS)) as answer,
        ):
            return answer.status
    except (aiohttp.ClientError, TimeoutError):
        return 0


async def workers(workspace: Workspace) -> dict[str, int]:
    """The workers that run: full name -> process id. Raises Transient."""
    group = workspace.settings.pool.group
    states = await workspace.supervisor.call("getAllProcessInfo")
    return {
        f"{group}:{info['name']}": int(info["pid"])
        for info in states
        if info["group"] == group and info["statename"] == "RUNNING"
    }


async def hanging(workspace: Workspace) -> tuple[str, ...]:
    """Names of the services and workers whose process is stopped. Raises LookupError without /proc."""
    services = {name: (await workspace.supervisor.state(name)).pid for name in SERVICES}
    return await asyncio.to_thread(stopped, services | await workers(workspace))


def stopped(pids: Mapping[str, int], proc: Path = Path("/proc")) -> tuple[str, ...]:
    """The names of those processes that are stopped (`T`, proc(5)). pids: name -> process id, 0 for none."""
    if not (proc / "self").exists():
        raise LookupError("this machine has no /proc, so nobody can see whether a process hangs")
    found = []
    for name, pid in pids.items():
        with contextlib.suppress(OSError):  # it ended meanwhile
            text = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
            if text.rpartition(")")[2].split()[0] == "T":
                found.append(name)
    return tuple(found)


def titles(workspace: Workspace) -> Mapping[str, str]:
    """Runbook id -> title, of the catalogue that this workspace's bot has."""
    own = workspace.places.folder / "runbooks"
    catalogue = load_catalog([own, *([BUILTIN] if workspace.settings.builtin_runbooks else [])])
    return {name: runbook.title for name, runbook in catalogue.runbooks.items()}


def runbook_problems(scenario: Scenario) -> tuple[Problem, ...]:
    """What is wrong with the runbooks beside a scenario, so that it is said before anything is started."""
    found: list[Problem] = []
    for name in scenario.setup.runbooks:
        file = Path(scenario.source).parent / name
        try:
            load_runbook(file.read_text(encoding="utf-8"), str(file))
        except RunbookError as error:
            found += error.problems
    return tuple(found)
