"""B16: one trial: engage the kill switch while a bot is at work, and see by its ledger whether a step started too late.

Used by trust/b16.py. The judge is another process than the bot; both read the same monotonic clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from random import Random

from bot.stop_file import engage_file, stops_in_file
from bot.store import kill_switch
from bot.store.session import Store
from trust import b16_bot
from trust.b16_bot import LAST_WORDS, PLACES

WAYS = ("file", "empty file", "row", "signal", "command", "chat")
WEIGHTS = (4, 2, 5, 4, 2, 3)
ALLOWED = 1.0  # seconds after which no step may start (T55)
WATCHED = 0.35  # seconds that are watched after that
LOCKED = 1.25  # seconds that another process keeps the database locked after the switch was engaged
LONGEST = 0.4  # seconds before the switch is engaged, at most
PATIENCE = 30.0
HERE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Trial:
    """way: of WAYS. level, name: what is stopped. locked: the database is, by another process. moment: seconds."""

    way: str
    level: str
    name: str
    locked: bool
    moment: float


@dataclass(slots=True)
class Seen:
    """late: steps that started too late. last: seconds from engaging to the last start, 0.0 when none came after.

    told: what else is wrong. busy: steps in the half second before.
    """

    last: float = 0.0
    busy: int = 0
    late: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)


def draw(seed: int, number: int) -> Trial:
    """One trial. What only the whole process can be told stops all; a row cannot be written while the database is locked."""
    dice = Random(f"{seed}/kill/{number}")  # noqa: S311  # reason: cases must come again with their seed
    way = dice.choices(WAYS, WEIGHTS)[0]
    level, name = "all", ""
    if way not in ("empty file", "signal") and dice.random() < 0.4:
        place = dice.choice(PLACES)
        level, name = dice.choice((("environment", place), ("service", f"at-{place}")))
    locked = way != "row" and dice.random() < 0.35
    return Trial(way, level, name, locked, dice.uniform(0.0, LONGEST))


class BotAtWork:
    """A bot in a process of its own. folder: its state. slack_url: of a dead Slack, empty for none."""

    def __init__(self, folder: Path, slack_url: str = "") -> None:
        self.folder = folder
        self._slack_url = slack_url
        self._pipe: Connection
        self.process: ForkServerProcess

    async def begin(self) -> None:
        """Start it; returns when it is at work."""
        context = get_context("forkserver")
        context.set_forkserver_preload(["trust.b16_bot"])
        self._pipe, theirs = context.Pipe()
        self.process = context.Process(target=b16_bot.main, args=(theirs, self.folder, self._slack_url), daemon=True)
        await asyncio.to_thread(self.process.start)
        theirs.close()
        await self.hear("ready")

    async def hear(self, wanted: str) -> object:
        """The next message that is `wanted` or a number. Raises TimeoutError when the bot says nothing, ChildProcessError
        with its last words when it has ended.
        """
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                if await asyncio.to_thread(self._pipe.poll, 0.2):
                    said = self._pipe.recv()
                    if said == wanted or isinstance(said, int):
                        return said
            except (EOFError, ConnectionError) as error:
                self.process.join(PATIENCE)
                words = self.folder / LAST_WORDS
                why = words.read_text(encoding="utf-8") if words.exists() else f"exit code {self.process.exitcode}"
                raise ChildProcessError(f"the bot has ended instead of saying {wanted}: {why}") from error
        raise TimeoutError(f"the bot does not say {wanted}")

    def tell(self, *words: str) -> None:
        """Send a message."""
        self._pipe.send(words)

    async def has_tried(self, times: int) -> None:
        """Returns when it has asked for a runbook so often."""
        tried = 0
        while tried < times:
            self.tell("tries")
            said = await self.hear("tries")
            tried = said if isinstance(said, int) else 0

    async def left_a_file(self) -> bool:
        """Whether the switch's file is there in time."""
        for _ in range(int(ALLOWED / 0.01)):
            if stops_in_file(self.folder / "kill_switch"):
                return True
            await asyncio.sleep(0.01)
        return False

    def end(self) -> None:
        """Kill it, without any chance to tidy up."""
        self.process.kill()
        self.process.join(PATIENCE)
        self._pipe.close()

    def starts(self, since: float) -> list[tuple[float, str, str]]:
        """(when, place, which step) of every start after that moment of the monotonic clock."""
        ledger = self.folder / "ledger"
        lines = ledger.read_text(encoding="ascii").splitlines() if ledger.exists() else []
        parts = [line.split(" ") for line in lines]
        return [(float(when), place, f"{step} {key}") for when, place, step, key in parts if float(when) > since]

    async def at_work(self, places: set[str], *, all_of_them: bool = True) -> bool:
        """Wait until steps start in these places again; False when they do not."""
        began = time.monotonic()
        while time.monotonic() < began + PATIENCE:
            seen = {place for _, place, _ in self.starts(began)}
            if (places <= seen) if all_of_them else (places & seen):
                return True
            await asyncio.sleep(0.05)
        return False


@contextlib.contextmanager
def dead_slack() -> Iterator[str]:
    """The address of a Slack that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(16)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/api/"


@contextlib.asynccontextmanager
async def locked(database: Path, *, really: bool) -> AsyncIterator[None]:
    """Hold the database's write lock, as a backup tool or a stuck process would."""
    if not really:
        yield
        return
    connection = sqlite3.connect(database, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        await asyncio.to_thread(connection.execute, "BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")
    finally:
        connection.close()


async def engage(bot: BotAtWork, trial: Trial) -> float:
    """Engage it from outside the bot; the moment at which that was done."""
    switch = bot.folder / "kill_switch"
    level, name = trial.level, trial.name
    if trial.way == "file":
        engage_file(switch, level, name, "storm", "judge")
    elif trial.way == "empty file":
        switch.touch()
    elif trial.way == "signal":
        os.kill(bot.process.pid or 0, signal.SIGUSR1)
    elif trial.way == "chat":
        bot.tell("engage", level, name)
    elif trial.way == "command":
        config = bot.folder / "countersign.yaml"
        config.write_text("state_dir: .\n", encoding="utf-8")
        words = ["-m", "bot", "kill", "--config", str(config), "--reason", "storm", "--level", level]
        words += ["--name", name] if name else []
        quiet = asyncio.subprocess.DEVNULL
        done = await asyncio.create_subprocess_exec(sys.executable, *words, cwd=HERE, stdout=quiet, stderr=quiet)
        if await done.wait():
            raise OSError("the command did not work")
    else:
        async with await Store.open(f"sqlite+aiosqlite:///{bot.folder / 'app.db'}") as store:
            now = datetime.now(UTC)
            await store.write(lambda session: kill_switch.engage(session, level, name, "storm", "judge", now))
            return time.monotonic()
    return time.monotonic()


async def hold(bot: BotAtWork, trial: Trial) -> Seen:
    """One trial on a bot that is at work; afterwards it is at work again."""
    seen = Seen()
    stopped = set(PLACES) if trial.level == "all" else {trial.name.removeprefix("at-")}
    await asyncio.sleep(trial.moment)
    async with locked(bot.folder / "app.db", really=trial.locked):
        if trial.locked:
            await asyncio.sleep(0.05)
        engaged = await engage(bot, trial)
        await asyncio.sleep(LOCKED if trial.locked else ALLOWED)
    await asyncio.sleep(WATCHED)
    before = time.monotonic()
    seen.busy = len(bot.starts(engaged - 0.5)) - len(bot.starts(engaged))
    after = [(when - engaged, place, what) for when, place, what in bot.starts(engaged) if when <= before]
    mine = [(when, f"{what} after {when:.3f} s") for when, place, what in after if place in stopped]
    seen.last = max((when for when, _ in mine), default=0.0)
    seen.late = [what for when, what in mine if when > ALLOWED]
    others = set(PLACES) - stopped
    if others and not await bot.at_work(
        others
    ):  # however long a busy machine lets them wait: only the stop has a deadline
        seen.told.append("what was not stopped has stopped as well")
    bot.tell("lift", trial.level, trial.name)
    await bot.hear("lift")
    if not await bot.at_work(set(PLACES)):
        seen.told.append("lifted, and it does not go on")
    return seen
