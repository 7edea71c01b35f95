"""Durable ingest: alerts per second of the real bot beside the floors of limits.py, and nothing lost by `kill -9`.

The bot answers only after the fsync. Each round storms the floor `group`, the plain way `orm` (fewer alerts, it is slow)
and the bot, in an order that turns; then one storm is cut by kills at random moments and everything answered is looked up.
"""

from __future__ import annotations

import asyncio
import random
import time
from argparse import Namespace
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import reference
from bench.botprocess import INCIDENTS, WAITING, Bot, ask, bot, folded
from bench.processes import Failed, limit_server, storm
from bench.report import Figure, Round, alone, compared
from bench.run import Run

GROUPS = 200
KILLS = 4
WHY = "the bot folds into the app database while it accepts, on the same core (see the profile of the ingest path)"


@dataclass(frozen=True, slots=True)
class Stormed:
    """One storm against one server."""

    rate: float
    p50: float
    p99: float
    cpu_us: float
    refused: int
    kind: str


def stormed(kind: str, found: dict[str, Any], cpu: float, count: int) -> Stormed:
    """From storm.py's own figures; cpu: seconds the server used."""
    refused = count - int(found["ok"])
    return Stormed(found["alerts_per_s"], found["p50_ms"], found["p99_ms"], cpu / count * 1e6, refused, kind)


async def floor(run: Run, mode: str, count: int) -> Stormed:
    """One mode of limits.py under the storm."""
    with run.folder(mode) as folder:
        async with limit_server(mode, folder) as (process, url):
            before = process.cpu_seconds()
            found = await storm(url, folder, count=count, groups=GROUPS)
            return stormed(mode, found, process.cpu_seconds() - before, count)


async def ours(run: Run, count: int, profile: Path | None = None) -> Stormed:
    """The real bot under the storm."""
    with run.folder("bot") as folder:
        slack = await reference.load("slack_stub").SlackStub().start()
        try:
            async with bot(folder, slack, groups=GROUPS, profile=profile) as started:
                before = started.process.cpu_seconds()
                found = await storm(started.hook, folder, count=count, groups=GROUPS)
                return stormed("bot", found, started.process.cpu_seconds() - before, count)
        finally:
            await slack.stop()


async def rates(run: Run) -> list[Figure]:
    """The rounds."""
    count, few = (2_000, 300) if run.quick else (10_000, 1_000)
    group: list[Stormed] = []
    orm: list[Stormed] = []
    mine: list[Stormed] = []
    for number in range(run.rounds):
        turns = [
            (group, lambda: floor(run, "group", count)),
            (mine, lambda: ours(run, count)),
            (orm, lambda: floor(run, "orm", few)),
        ]
        for into, measure in turns if number % 2 == 0 else reversed(turns):
            into.append(await measure())
        now = f"group {group[-1].rate:,.0f}/s, bot {mine[-1].rate:,.0f}/s, orm {orm[-1].rate:,.0f}/s"
        run.say(f"  ingest round {number + 1}: {now}, p99 {group[-1].p99} and {mine[-1].p99} ms")
    figures = [
        compared(
            "ingest, durable", "alerts/s", pairs(group, mine, "rate"), "at least", 0.5,
            limit_is="limits.py serve --mode group", why=WHY,
            extra={"cpu_us_per_alert": {"group": [s.cpu_us for s in group], "bot": [s.cpu_us for s in mine]}},
        ),
        compared(
            "ingest, durable, against the plain way", "alerts/s", pairs(orm, mine, "rate"), "at least", 10,
            limit_is=f"limits.py serve --mode orm ({few} alerts)", why=WHY,
        ),
        compared(
            "ingest, p99 of an answer", "ms", pairs(group, mine, "p99"), "at most", 2,
            limit_is="limits.py serve --mode group", why=WHY,
            extra={"p50_ms": {"group": [s.p50 for s in group], "bot": [s.p50 for s in mine]}},
        ),
        alone("ingest, not answered 202", "alerts", sum(s.refused for s in mine), "at most", 0),
    ]  # fmt: skip
    if run.profile is not None:
        await ours(run, count, run.profile_of("ingest"))
    return figures


def pairs(limit: list[Stormed], mine: list[Stormed], name: str) -> list[Round]:
    """Rounds of one column."""
    return [Round(getattr(a, name), getattr(b, name)) for a, b in zip(limit, mine, strict=True)]


@dataclass(slots=True)
class Sender:
    """PagerDuty as it behaves when the receiver dies: what was not answered is sent again.

    requests: rendered and signed by storm.py. answered: alert number -> how often it was answered 202.
    """

    requests: list[bytes]
    connection: Any
    answered: Counter[int] = field(default_factory=Counter)
    left: list[int] = field(default_factory=list)

    async def send(self, port: int, concurrency: int = 32) -> None:
        """Until everything is answered or nobody answers any more."""
        await asyncio.gather(*(self._line(port) for _ in range(concurrency)))

    async def _line(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        try:
            transport, line = await loop.create_connection(self.connection, "127.0.0.1", port)
        except OSError:
            return
        number = -1
        try:
            while self.left:
                number = self.left.pop()
                answer = await line.send(self.requests[number])
                if answer == 202:
                    self.answered[number] += 1
                elif answer == 503:  # not stored, and it says so: repeated like PagerDuty does
                    self.left.insert(0, number)
                else:
                    raise Failed(f"a signed alert was answered {answer}")
                number = -1
        except (OSError, AttributeError):  # killed: storm.py's Conn has no transport any more
            self.left.append(number)
        finally:
            transport.close()


@contextmanager
def rendered(count: int, groups: int) -> Iterator[list[bytes]]:
    """The storm's requests; the address in them is only the Host header."""
    given = Namespace(
        url="http://127.0.0.1:80/webhooks/pagerduty", count=count, offset=0, groups=groups, batch=1, format="pagerduty",
        secret=reference.SECRET, header=[],
    )  # fmt: skip
    yield reference.load("storm").render(given)[2]


def event_id(number: int) -> str:
    """What storm.py calls alert `number`."""
    return f"01STORM{number:012d}"


@dataclass(frozen=True, slots=True)
class Found:
    """What the databases hold after the last restart. lost: answered 202 and not there; doubled: there twice."""

    lost: int
    doubled: int
    miscounted: int


def compare(answered: set[str], inbox: list[str], signals: list[str], occurrences: int) -> Found:
    """answered, inbox, signals: event ids; occurrences: summed over the incidents, one per distinct alert."""
    kept, folded_ids = Counter(inbox), Counter(signals)
    lost = {key for key in answered if key not in kept or key not in folded_ids}
    doubled = {key for counted in (kept, folded_ids) for key, times in counted.items() if times > 1}
    return Found(len(lost), len(doubled), abs(occurrences - len(folded_ids)))


async def survives(run: Run) -> list[Figure]:
    """One storm, cut by kill -9 at random moments, the last one after everything was answered."""
    count, groups = (2_000 if run.quick else 10_000), GROUPS
    chance = random.Random(run.seed)
    slack = await reference.load("slack_stub").SlackStub().start()
    moments: list[int] = []
    try:
        with run.folder("kill") as folder, rendered(count, groups) as requests:
            sender = Sender(requests, reference.load("storm").Conn, left=list(range(count))[::-1])
            for number in range(KILLS + 1):
                async with bot(folder, slack, groups=groups, settle=False) as started:
                    await cut(sender, started, chance, after_all=number == KILLS)
                    moments.append(len(sender.answered))
            restarted = time.monotonic()
            async with bot(folder, slack, groups=groups, settle=False) as started:
                while sender.left:
                    await sender.send(started.port)
                incidents, counted = await folded(started, count, within=120)
                while ask(started.inbox, WAITING)[0][0]:
                    await asyncio.sleep(0.05)
                took = time.monotonic() - restarted
                found = await look(started, sender)
                incidents, counted = ask(started.database, INCIDENTS)[0]
    finally:
        await slack.stop()
    run.say(f"  kills after {moments} of {count} answers: lost {found.lost}, doubled {found.doubled}")
    extra = {
        "answered_at_each_kill": moments,
        "incidents": incidents,
        "alerts": counted,
        "last_restart_to_drained_s": took,
    }
    return [
        alone("kill -9 during a storm, answered and lost", "alerts", found.lost, "at most", 0, extra=extra),
        alone("kill -9 during a storm, stored twice", "alerts", found.doubled, "at most", 0),
        alone("kill -9 during a storm, counted wrongly", "alerts", found.miscounted, "at most", 0),
    ]


async def cut(sender: Sender, started: Bot, chance: random.Random, *, after_all: bool) -> None:
    """Storm and kill the bot at a random moment: between two answers, or while it folds what it has accepted."""
    storming = asyncio.create_task(sender.send(started.port))
    if after_all:
        await storming
        await asyncio.sleep(chance.uniform(0.05, 1.0))
    else:
        until = len(sender.answered) + chance.randrange(1, len(sender.requests) // KILLS)
        while len(sender.answered) < until and not storming.done():
            await asyncio.sleep(0.002)
        await asyncio.sleep(chance.uniform(0, 0.05))
    await started.process.kill()
    await storming


async def look(started: Bot, sender: Sender) -> Found:
    """Compare the answers with the databases by event id."""
    if len(sender.answered) != len(sender.requests):
        raise Failed(f"only {len(sender.answered)} of {len(sender.requests)} alerts were answered 202")
    inbox = [key for (key,) in ask(started.inbox, "SELECT key FROM inbox WHERE source = 'pagerduty'")]
    signals = [key for (key,) in ask(started.database, "SELECT key FROM signal WHERE source = 'pagerduty'")]
    occurrences = int(ask(started.database, INCIDENTS)[0][1])
    return compare({event_id(number) for number in sender.answered}, inbox, signals, occurrences)


async def measure(run: Run) -> AsyncIterator[list[Figure]]:
    """All figures of durable ingest."""
    yield await rates(run)
    yield await survives(run)
