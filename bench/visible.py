"""From accepted to visible: the storm deduplicated and correlated in the incident table, and told in Slack sparingly.

Each round storms the bot and waits until every incident counts all its alerts. Then two single passes: how many messages
200 incidents cost, and, with Slack at one message a second, whether nothing is lost and the critical ones come first.
"""

from __future__ import annotations

import asyncio
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bench import reference
from bench.botprocess import CHANNEL, USUAL, Bot, Pace, ask, bot, folded
from bench.ingest import Sender, floor
from bench.processes import Failed, storm
from bench.report import Figure, Round, alone, compared
from bench.run import Run

GROUPS = 200
PACED_GROUPS = 40
CRITICAL = 10
LATE = "9999"
NAME = "storm accepted to all visible as incidents"
WHY = "folding is bound by one statement at a time through the driver's thread (see the profile of the triage path)"
ACCEPTED = "SELECT min(received_at), max(received_at), count(*) FROM inbox WHERE source = 'pagerduty'"
TOLD = """
SELECT i.rank, (SELECT min(e.at) FROM entry e WHERE e.incident_id = i.id),
       (SELECT min(o.sent_at) FROM outbox o WHERE o.incident_id = i.id AND o.kind = 'summary' AND o.state = 'sent')
FROM incident i JOIN slack_message m ON m.key = 'summary:' || i.id ORDER BY m.ts
"""
UNSENT = "SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending')"
FAILED = "SELECT count(*) FROM outbox WHERE state = 'failed'"


async def lag(run: Run, number: int, count: int, profile: Path | None = None) -> Round:
    """One storm: seconds to accept it, and from the first delivery to the last alert counted in its incident."""
    with run.folder("visible") as folder:
        slack = await reference.load("slack_stub").SlackStub().start()
        try:
            async with bot(folder, slack, groups=GROUPS, profile=profile) as started:
                before = started.process.cpu_seconds()
                storming = asyncio.create_task(storm(started.hook, folder, count=count, groups=GROUPS))
                await storming
                incidents, counted = await folded(started, count, within=120)
                seen = time.time()
                cpu = started.process.cpu_seconds() - before
                first, last, stored = ask(started.inbox, ACCEPTED)[0]
                wrong = ask(
                    started.database,
                    f"SELECT count(*) FROM incident WHERE json_extract(body, '$.occurrences') <> {count // GROUPS}",
                )[0][0]
        finally:
            await slack.stop()
    if (incidents, counted, stored, wrong) != (GROUPS, count, count, 0):
        raise Failed(f"{incidents} incidents count {counted} of {stored} alerts, {wrong} of them wrongly")
    accept = seconds(last) - seconds(first)
    visible = seen - seconds(first)
    said = f"accepted in {accept:.2f} s, visible after {visible:.2f} s, {cpu / count * 1e6:.0f} us CPU an alert"
    run.say(f"  visible round {number + 1}: {said}")
    return Round(accept, visible)


def seconds(text: str) -> float:
    """Unix time of a stored instant."""
    return datetime.fromisoformat(text).timestamp()


@dataclass(frozen=True, slots=True)
class Told:
    """What Slack saw. posts: accepted chat.postMessage; edits; limited: calls answered 429; took: seconds to the last."""

    incidents: int
    posts: int
    edits: int
    limited: int
    unsent: int
    failed: int
    took: float
    overtaken: int


async def tell(run: Run, *, groups: int, each: int, pace: Pace, slack_rate: float, within: float, name: str) -> Told:
    """A storm in which the last CRITICAL groups are critical; wait until every incident has its message."""
    slack = await reference.load("slack_stub").SlackStub(per_channel_rate=slack_rate).start()
    try:
        with run.folder("told") as folder:
            async with bot(folder, slack, groups=groups, pace=pace, profile=run.profile_of(name)) as started:
                began = time.monotonic()
                sender = Sender(requests(groups, each), reference.load("storm").Conn)
                sender.left = list(range(groups * each))[::-1]
                await sender.send(started.port)
                await folded(started, groups * each, within=60)
                rows = await all_told(started, groups, within)
                took = time.monotonic() - began
                await asyncio.sleep(2)
                rows = ask(started.database, TOLD) or rows
                unsent, failed = ask(started.database, UNSENT)[0][0], ask(started.database, FAILED)[0][0]
    finally:
        await slack.stop()
    calls = [call for call in slack.calls if call["channel"] == CHANNEL]
    return Told(
        incidents=len(rows),
        posts=sum(call["method"] == "chat.postMessage" and call["status"] == 200 for call in calls),
        edits=sum(call["method"] == "chat.update" and call["status"] == 200 for call in calls),
        limited=sum(call["status"] == 429 for call in calls),
        unsent=unsent,
        failed=failed,
        took=took,
        overtaken=overtaken(rows),
    )


async def all_told(started: Bot, groups: int, within: float) -> list[tuple[Any, ...]]:
    """The rows of TOLD when every incident has its message or time is up."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while True:
        rows = ask(started.database, TOLD)
        if len(rows) >= groups or loop.time() > end:
            return rows
        await asyncio.sleep(0.1)


def requests(groups: int, each: int) -> list[bytes]:
    """storm.py's requests with a priority by group: the last CRITICAL groups P1, so they arrive last; the rest P4."""
    script = reference.load("storm")
    plain = script.body

    def mixed(*given: Any) -> Any:
        made = plain(*given)
        critical = given[1] % groups >= groups - CRITICAL
        made["event"]["data"]["priority"]["summary"] = "P1" if critical else "P4"
        return made

    vars(script)["body"] = mixed
    try:
        given = Namespace(
            url="http://127.0.0.1:80/webhooks/pagerduty", count=groups * each, offset=0, groups=groups, batch=1,
            format="pagerduty", secret=reference.SECRET, header=[],
        )  # fmt: skip
        rendered: list[bytes] = script.render(given)[2]
        return rendered
    finally:
        vars(script)["body"] = plain


def overtaken(rows: Sequence[tuple[int, str, str | None]]) -> int:
    """How many lesser incidents were told while a critical one (rank 0) was known and had to wait.

    rows: rank, when it was known, when its message was posted (None: not noted yet, so very late), as sortable text.
    """
    critical = [(known, told or LATE) for rank, known, told in rows if rank == 0]
    if not critical:
        return 0
    known, told = max(known for known, _ in critical), max(told for _, told in critical)
    return sum(rank != 0 and known < (at or LATE) < told for rank, _, at in rows)


async def budget(run: Run) -> list[Figure]:
    """What the messages of a storm cost, with Slack as quick as the bot dares to be."""
    groups = PACED_GROUPS if run.quick else GROUPS
    found = await tell(run, groups=groups, each=50, pace=Pace(), slack_rate=0, within=90, name="tell")
    run.say(f"  told: {found.posts} posts, {found.edits} edits for {found.incidents} incidents in {found.took:.1f} s")
    extra = {"edits": found.edits, "seconds_to_last": found.took, "unsent_edits": found.unsent, "failed": found.failed}
    return [
        alone("Slack posts per incident", "posts", found.posts / groups, "at most", 1.05, extra=extra),
        alone("incidents without a message", "incidents", groups - found.incidents, "at most", 0,
              why=f"not all told within 90 s; {found.unsent} rows wait in the outbox"),
    ]  # fmt: skip


async def paced(run: Run) -> list[Figure]:
    """Slack at one message a second and channel: nothing lost, critical first."""
    groups = 20 if run.quick else PACED_GROUPS
    found = await tell(run, groups=groups, each=10, pace=USUAL, slack_rate=1, within=3.0 * groups, name="paced")
    said = f"{found.posts} posts, {found.edits} edits, {found.limited} answered 429, {found.overtaken} before the last critical"
    run.say(f"  paced: {groups} incidents told in {found.took:.1f} s: {said}")
    extra = {
        "groups": groups,
        "posts": found.posts,
        "answered_429": found.limited,
        "failed": found.failed,
    }
    return [
        alone("1 message/s: incidents lost", "incidents", groups - found.incidents + found.failed, "at most", 0, extra=extra,
              why=f"{found.unsent} rows still wait"),
        alone("1 message/s: lesser ones told before the last critical", "incidents", found.overtaken, "at most",
              8, limit_is="the 8 lanes that were under way when the critical ones came",
              why="lanes that wait for Slack's pace hold their place until they have posted"),
        alone("1 message/s: posts per incident", "posts", found.posts / groups, "at most", 1.05),
        alone("1 message/s: seconds to the last message per incident", "s", found.took / groups, "at most", None,
              limit_is="1 s is the floor"),
    ]  # fmt: skip


async def measure(run: Run) -> AsyncIterator[list[Figure]]:
    """All figures of visibility."""
    count = 2_000 if run.quick else 10_000
    floors: list[float] = []
    rounds: list[Round] = []
    for number in range(run.rounds):
        floors.append(count / (await floor(run, "group", count)).rate)
        rounds.append(await lag(run, number, count))
    strict = [Round(quick, each.ours) for quick, each in zip(floors, rounds, strict=True)]
    # A bot that accepts slowly has more time to fold: the second row says the same against the floor's own time.
    yield [
        compared(NAME, "s", rounds, "at most", 3, limit_is="seconds the bot took to accept it", why=WHY),
        compared(f"{NAME}, strict", "s", strict, "at most", None, limit_is="seconds `limits.py --mode group` took"),
    ]
    if run.profile is not None:
        await lag(run, run.rounds, count, run.profile_of("visible"))
    yield await budget(run)
    yield await paced(run)
