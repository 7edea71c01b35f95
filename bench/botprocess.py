"""The real bot as a process: a small configuration in a folder, and `python -m bot serve --config …`.

Used by ingest, visible, chat and start. The configuration is what a person would write: every service of the storm is in
the catalogue, and one runbook runs /bin/true.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench import reference
from bench.processes import Failed, Process, answers, free_port, running

TEAM, PERSON, CHANNEL = "T01TEST", "U01ALICE", "C01GEN"  # what slack_stub.py plays
ENVIRONMENT = "dev"
RUNBOOK = """\
id: run-true
title: Run a program that does nothing
owner: bench
match:
  symptoms: ["bench down"]
  alerts: ["BenchDown"]
params:
  target: {type: target, kind: command_host}
steps:
  - id: run
    title: Run it
    action: command.run
    with: {target: "${target}", argv: ["true"]}
    verify: {fact: disk, expect: "free_bytes > 0", within: 5s, samples: 1 of 1, every: 1s}
    rollback: none
    rollback_note: nothing was changed
    safety:
      risk: safe
      scopes: [dev]
      blast_radius: {max_targets: 1}
"""
POLICY: dict[str, Any] = {
    "version": 1,
    "lowest_environment": ENVIRONMENT,
    "matrix": {ENVIRONMENT: {"read": "auto", "safe": "auto", "caution": "confirm", "forbidden": "forbid"}},
    "approvals": {},
    "requesters": {"roles": ["responder"]},
    "operators": {"roles": ["operator"]},
    "limits": [],
    "confirmation_timeout": "120s",
}
PEOPLE: dict[str, Any] = {
    "people": [
        {"id": "alice", "name": "Alice", "roles": ["responder"], "slack": [{"team": TEAM, "user": PERSON}]},
    ],
    "groups": {},
}


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the bot may talk to Slack: posts a second in one channel, and at once. Slack itself: 1."""

    posts_per_second: float = 10.0
    burst: int = 20


USUAL = Pace(posts_per_second=1.0, burst=3)


def service(number: int, folder: Path) -> dict[str, Any]:
    """The catalogue entry of one group of the storm."""
    return {
        "name": f"svc-{number:03d}",
        "environment": ENVIRONMENT,
        "owner": "bench",
        "tier": 2,
        "targets": [
            {
                "kind": "command_host",
                "name": f"host-{number:03d}",
                "settings": {"allowed_programs": {"true": "/bin/true"}},
            }
        ],
        "facts": {"disk": {"kind": "disk", "settings": {"path": str(folder)}}},
        "match": {"pagerduty": [f"PSVC{number:04d}"]},
    }


def write_configuration(folder: Path, *, port: int, groups: int, pace: Pace = USUAL) -> Path:
    """All files of one bot; returns the path of countersign.yaml."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "countersign.yaml": {
            "listen": {"host": "127.0.0.1", "port": port},
            "runbooks": ["runbooks"],
            "slack": {
                "mode": "socket", "channel": CHANNEL, "team": TEAM, "posts_per_second": pace.posts_per_second,
                "burst": pace.burst,
            },
        },
        "services.yaml": {"services": [service(number, folder) for number in range(groups)]},
        "policy.yaml": POLICY,
        "people.yaml": PEOPLE,
    }  # fmt: skip
    for name, data in files.items():
        (folder / name).write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    (folder / "runbooks").mkdir(exist_ok=True)
    (folder / "runbooks" / "run-true.yaml").write_text(RUNBOOK, encoding="utf-8")
    return folder / "countersign.yaml"


def environment(slack_port: int) -> dict[str, str]:
    """The bot's whole environment; the tokens mean something to the stand-in only."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {
        "SLACK_API_URL": f"http://127.0.0.1:{slack_port}/api/",
        "SLACK_BOT_TOKEN": "xoxb-bench",
        "SLACK_APP_TOKEN": "xapp-bench",
        "PAGERDUTY_WEBHOOK_SECRETS": reference.SECRET,
    }


def argv(configuration: Path, profile: Path | None = None) -> list[str]:
    """How the bot is started; with a profile it starts under bench/sampler.py and writes its costs there."""
    if profile is None:
        return [sys.executable, "-m", "bot", "serve", "--config", str(configuration)]
    return [sys.executable, "-m", "bench.sampler", str(profile), "serve", "--config", str(configuration)]


@dataclass(frozen=True, slots=True)
class Bot:
    """A bot that is connected to Slack and answers."""

    process: Process
    port: int
    folder: Path

    @property
    def hook(self) -> str:
        return f"http://127.0.0.1:{self.port}/webhooks/pagerduty"

    @property
    def inbox(self) -> Path:
        return self.folder / "state" / "inbox.db"

    @property
    def database(self) -> Path:
        return self.folder / "state" / "countersign.db"


SETTLED_SHARE = 0.15  # of one core over SETTLED_LOOK seconds: what is warmed up after the start is warm
SETTLED_LOOK = 0.3
SETTLED_WITHIN = 8.0


async def settled(process: Process) -> None:
    """Wait until the bot idles (it compiles templates after it began to answer); SETTLED_WITHIN seconds at most."""
    loop = asyncio.get_running_loop()
    end = loop.time() + SETTLED_WITHIN
    used = process.cpu_seconds()
    while loop.time() < end:
        await asyncio.sleep(SETTLED_LOOK)
        before, used = used, process.cpu_seconds()
        if used - before <= SETTLED_SHARE * SETTLED_LOOK:
            return


@asynccontextmanager
async def bot(
    folder: Path, slack: Any, *, groups: int, pace: Pace = USUAL, profile: Path | None = None, settle: bool = True
) -> AsyncIterator[Bot]:
    """The bot on that folder's state (kept from an earlier start), connected to the Slack stand-in.

    settle: wait until it idles; without it the storm meets a bot that has just started.
    """
    port = free_port()
    configuration = write_configuration(folder, port=port, groups=groups, pace=pace)
    slack.connected.clear()
    async with running(argv(configuration, profile), folder / "bot.log", environ=environment(slack.port)) as process:
        await answers(port, "/readyz", process, within=60, every=0.05)
        try:
            await asyncio.wait_for(slack.connected.wait(), 30)
        except TimeoutError as error:
            raise Failed(f"the bot did not connect to Slack:\n{process.tail()}") from error
        if settle:
            await settled(process)
        yield Bot(process, port, folder)
        if profile is not None:
            await process.end()


def ask(database: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows of one read-only query beside the running bot."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


INCIDENTS = "SELECT count(*), coalesce(sum(json_extract(body, '$.occurrences')), 0) FROM incident"
WAITING = "SELECT count(*) FROM inbox WHERE state = 0 AND source = 'pagerduty'"


async def folded(bot: Bot, alerts: int, within: float) -> tuple[int, int]:
    """Wait until as many alerts are counted in incidents; (incidents, alerts counted). Raises Failed when time is up."""
    found = (0, 0)
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while loop.time() < end:
        found = ask(bot.database, INCIDENTS)[0]
        if found[1] >= alerts:
            return found
        if not bot.process.alive:
            raise Failed(f"the bot ended:\n{bot.process.tail()}")
        await asyncio.sleep(0.02)
    raise Failed(f"after {within:g} s {found[1]} of {alerts} alerts are in {found[0]} incidents")
