"""Idle latency beside a bare Bolt bot: webhook to posted message, click and command to acknowledgement and to answer.

Both bots run at the same time, each with its own Slack stand-in, and are asked in turns; every time is taken at the
stand-in's socket by one clock. Ours verifies, stores, correlates, renders and decides; the bare one says a constant.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import sys
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench import reference
from bench.botprocess import CHANNEL, PERSON, TEAM, Pace, ask, bot
from bench.processes import Failed, answers, free_port, running
from bench.report import Figure, Round, compared, percentile
from bench.run import Run

WITHIN = 10.0
BETWEEN = 0.02  # seconds between two samples: the bots are idle again
IDLE_LOOKS = 5  # in a row, BETWEEN apart
POSTED = frozenset({"chat.postMessage"})
SHOWN = frozenset({"hook", "chat.postMessage", "chat.postEphemeral", "chat.update", "views.open"})
# chat.update is tier 3 at Slack (50 a minute); more incidents than this would measure the bot's pace, not its latency
INCIDENT_EVERY = 1.0


@dataclass(slots=True)
class Times:
    """Milliseconds of one bot in one round."""

    post: list[float] = field(default_factory=list)
    command_ack: list[float] = field(default_factory=list)
    command_shown: list[float] = field(default_factory=list)
    click_ack: list[float] = field(default_factory=list)
    click_shown: list[float] = field(default_factory=list)
    click_whole: list[float] = field(default_factory=list)
    run_ack: list[float] = field(default_factory=list)
    run_shown: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Partner:
    """One bot and its Slack. offers: incident id -> the way to its newest offer (ours only)."""

    slack: Any
    port: int
    line: Any
    folder: Path | None
    sent: int = 0

    async def alert(self) -> tuple[float, Any]:
        """One new incident; milliseconds until its message is at Slack, and Slack's record of it."""
        self.sent += 1
        request = rendered(self.sent)
        seen = self.slack.expect(lambda record: record.get("method") in POSTED)
        began = time.monotonic_ns()
        answered = self.line.send(request)
        record = await within(seen, "no message was posted")
        if await within(answered, "the webhook was not answered") != 202:
            raise Failed("the webhook was refused")
        return (record["t"] - began) / 1e6, record

    async def look(self, shown: tuple[str, str]) -> tuple[float, float, float]:
        """A click on the plan's button: milliseconds to the acknowledgement, to the window and to the plan in it.

        Our window says at first that facts are being taken; the bare one is whole from the start.
        """
        whole = self.slack.expect(lambda record: record.get("method") == "views.update") if self.folder else None
        began = time.monotonic_ns()
        acknowledged, seen = await self.interact("interactive", click(self.slack, "step_plan", *shown))
        if whole is None:
            return acknowledged, seen, seen
        return acknowledged, seen, ((await within(whole, "no plan was shown"))["t"] - began) / 1e6

    async def interact(self, kind: str, payload: dict[str, Any]) -> tuple[float, float]:
        """Milliseconds to the acknowledgement and to the first thing a person sees."""
        acknowledged = self.slack.expect(lambda record: "ack" in record)
        shown = self.slack.expect(lambda record: record.get("method") in SHOWN)
        _, began = await self.slack.inject(kind, payload)
        first = await within(acknowledged, "no acknowledgement")
        second = await within(shown, "no answer")
        return (first["t"] - began) / 1e6, (second["t"] - began) / 1e6


async def within(what: asyncio.Future[Any], otherwise: str) -> Any:
    try:
        return await asyncio.wait_for(what, WITHIN)
    except TimeoutError as error:
        raise Failed(f"{otherwise} within {WITHIN:g} s") from error


def rendered(number: int) -> bytes:
    """storm.py's alert `number` as one of its own incidents, with a title that the bench's runbook is for."""
    script = reference.load("storm")
    given = Namespace(
        url="http://127.0.0.1:80/webhooks/pagerduty", count=1, offset=number, groups=100_000, batch=1, format="pagerduty",
        secret="", header=[],
    )  # fmt: skip
    request: bytes = script.render(given)[2][0]
    event = json.loads(request.partition(b"\r\n\r\n")[2])
    data = event["event"]["data"]
    data["title"] = f"BenchDown: number {number}"
    data["service"]["id"] = f"PSVC{number % SERVICES:04d}"
    body = json.dumps(event).encode()
    signature = hmac.new(reference.SECRET.encode(), body, hashlib.sha256).hexdigest()
    head = (
        "POST /webhooks/pagerduty HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json",
        f"Content-Length: {len(body)}", f"X-PagerDuty-Signature: v1={signature}",
    )  # fmt: skip
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


SERVICES = 100


async def partner(slack: Any, port: int, folder: Path | None) -> Partner:
    _, line = await asyncio.get_running_loop().create_connection(reference.load("storm").Conn, "127.0.0.1", port)
    return Partner(slack, port, line, folder)


@asynccontextmanager
async def bare(folder: Path) -> AsyncIterator[Partner]:
    """The bare Bolt bot, connected."""
    slack = await reference.load("slack_stub").SlackStub().start()
    port = free_port()
    argv = [
        sys.executable,
        "-m",
        "bench.bare_bolt",
        "--port",
        str(port),
        "--slack",
        f"http://127.0.0.1:{slack.port}/api/",
    ]
    try:
        async with running(argv, folder / "bare.log") as process:
            await answers(port, "/healthz", process, within=30, every=0.02)
            await asyncio.wait_for(slack.connected.wait(), 30)
            yield await partner(slack, port, None)
    finally:
        await slack.stop()


@asynccontextmanager
async def ours(folder: Path, profile: Path | None) -> AsyncIterator[Partner]:
    """The real bot, connected."""
    slack = await reference.load("slack_stub").SlackStub().start()
    try:
        async with bot(folder, slack, groups=SERVICES, pace=Pace(), profile=profile) as started:
            yield await partner(slack, started.port, folder)
    finally:
        await slack.stop()


async def offer(our: Partner, number: int) -> tuple[str, str]:
    """(proposal id, ts of its message) of alert `number`, once the message shows it."""
    query = f"""
        SELECT p.id, m.ts FROM incident i JOIN proposal p ON p.incident_id = i.id AND p.state = 'open'
        JOIN slack_message m ON m.key = 'summary:' || i.id WHERE i.external_id = 'PINC{number:06d}'
        AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.incident_id = i.id AND o.state IN ('pending', 'sending'))
    """
    assert our.folder is not None
    for _ in range(500):
        found = ask(our.folder / "state" / "countersign.db", query)
        if found:
            return str(found[0][0]), str(found[0][1])
        await asyncio.sleep(0.02)
    raise Failed(f"no step was offered for alert {number}")


BUSY = """
    SELECT (SELECT count(*) FROM run WHERE state <> 'closed') + (SELECT count(*) FROM outbox WHERE state = 'sending')
"""


async def idle(our: Partner) -> None:
    """Wait until the run of the last click has ended and what it led to is told: a bot at work is not an idle one."""
    assert our.folder is not None
    looks = 0
    for _ in range(500):
        looks = looks + 1 if ask(our.folder / "state" / "countersign.db", BUSY) == [(0,)] else 0
        if looks == IDLE_LOOKS:
            return
        await asyncio.sleep(BETWEEN)
    raise Failed("the bot did not become idle")


def click(slack: Any, action: str, value: str, ts: str) -> dict[str, Any]:
    """The payload of a click in that message."""
    payload: dict[str, Any] = slack.button(action, value, CHANNEL, PERSON)
    payload["user"]["team_id"] = TEAM
    payload["container"]["message_ts"] = payload["message"]["ts"] = ts
    payload["actions"][0]["action_ts"] = f"{time.time():.6f}"
    return payload


async def one_round(our: Partner, their: Partner, alerts: int, asks: int) -> tuple[Times, Times]:
    """Everything once more, in turns."""
    mine, floor = Times(), Times()
    last = ("", "")
    for number in range(alerts):
        await idle(our)
        began = time.monotonic()
        both: list[tuple[Partner, Times]] = [(our, mine), (their, floor)]
        for who, times in both if number % 2 == 0 else both[::-1]:
            took, _ = await who.alert()
            times.post.append(took)
            await asyncio.sleep(BETWEEN)
        last = await offer(our, our.sent)
        for _ in range(asks):
            await talk(our, mine, last)
            await talk(their, floor, last)
        for who, times in both:
            a, b = await who.interact("interactive", click(who.slack, "step_run", *last))
            times.run_ack.append(a)
            times.run_shown.append(b)
        await asyncio.sleep(max(began + INCIDENT_EVERY - time.monotonic(), BETWEEN))
    return mine, floor


async def talk(who: Partner, times: Times, shown: tuple[str, str]) -> None:
    """One command and one click on the plan button."""
    a, b = await who.interact("slash_commands", who.slack.slash("/runbook", "status", CHANNEL, PERSON))
    times.command_ack.append(a)
    times.command_shown.append(b)
    await asyncio.sleep(BETWEEN)
    a, b, c = await who.look(shown)
    times.click_ack.append(a)
    times.click_shown.append(b)
    times.click_whole.append(c)
    await asyncio.sleep(BETWEEN)


FIGURES: tuple[tuple[str, str, float, str], ...] = (
    (
        "webhook to message posted",
        "post",
        2.0,
        "verify, fsync, then one transaction (incident, audit, claimed delivery) with its own fsync, render",
    ),
    ("slash command to acknowledgement", "command_ack", 1.0, "one fsync in the inbox comes before the acknowledgement"),
    (
        "slash command to first visible change",
        "command_shown",
        1.5,
        "the answer reads the store and renders a template",
    ),
    (
        "click (show plan) to acknowledgement",
        "click_ack",
        1.0,
        "one fsync in the inbox comes before the acknowledgement",
    ),
    (
        "click (show plan) to first visible change",
        "click_shown",
        1.5,
        "the window says at once that facts are being taken",
    ),
    (
        "click (show plan) to the plan itself",
        "click_whole",
        1.5,
        "fresh facts, plan and guards come before it; the bare window says a constant",
    ),
    ("click (run) to acknowledgement", "run_ack", 1.0, "one fsync in the inbox comes before the acknowledgement"),
    (
        "click (run) to first visible change",
        "run_shown",
        1.5,
        "fresh facts, plan, guards and three transactions come before it",
    ),
)


async def measure(run: Run) -> AsyncIterator[list[Figure]]:
    """All chat figures."""
    alerts, asks = (4, 3) if run.quick else (12, 3)
    found: list[tuple[Times, Times]] = []
    with run.folder("chat") as folder:
        async with bare(folder) as their, ours(folder, None) as our:
            await one_round(our, their, 2, 3)  # what is loaded late is loaded now
            for number in range(run.rounds):
                found.append(await one_round(our, their, alerts, asks))
                mine, floor = found[-1]
                said = ", ".join(
                    f"{name} {median(getattr(mine, name)):.1f}/{median(getattr(floor, name)):.1f}"
                    for _, name, _, _ in FIGURES
                )
                run.say(f"  chat round {number + 1} (ours/bare, p50 ms): {said}")
    yield [figure(found, *about) for about in FIGURES]
    if run.profile is not None:
        await profiled(run)


def figure(found: list[tuple[Times, Times]], name: str, column: str, target: float, why: str) -> Figure:
    """One row: medians per round; p99 over all rounds beside it."""
    rounds = [Round(median(getattr(floor, column)), median(getattr(mine, column))) for mine, floor in found]
    pooled = {
        "ours": [value for mine, _ in found for value in getattr(mine, column)],
        "bare": [value for _, floor in found for value in getattr(floor, column)],
    }
    extra = {
        f"{who}_{q}": percentile(values, share)
        for who, values in pooled.items()
        for q, share in (("p50", 0.5), ("p99", 0.99))
    }
    extra["samples"] = len(pooled["ours"])
    return compared(name, "ms", rounds, "at most", target, limit_is="bench/bare_bolt.py", why=why, extra=extra)


async def profiled(run: Run) -> None:
    """Two separate profiles: webhook to post, and clicks."""
    kinds: dict[str, Callable[[Partner], Awaitable[None]]] = {"post": _only_posts, "click": _only_clicks}
    for name, work in kinds.items():
        with run.folder("profile") as folder:
            async with ours(folder, run.profile_of(name)) as our:
                await work(our)


async def _only_posts(our: Partner) -> None:
    for _ in range(40):
        await our.alert()
        await asyncio.sleep(0.5)


async def _only_clicks(our: Partner) -> None:
    await our.alert()
    shown = await offer(our, our.sent)
    for _ in range(200):
        await talk(our, Times(), shown)
