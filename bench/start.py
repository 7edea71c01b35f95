"""Process start to the first answer on /healthz, beside the time the stack alone needs to be imported; idle memory.

The stack is what pyproject.toml declares for running, imported by one bare interpreter. A start means a restart: the
databases are there; the first start of all, which creates them, is reported beside it.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from bench import reference
from bench.botprocess import argv, environment, write_configuration
from bench.processes import answers, free_port, running
from bench.report import Figure, Round, alone, compared
from bench.run import Run

STACK = (
    "slack_bolt.async_app", "slack_sdk.web.async_client", "aiohttp.web", "pydantic", "sqlmodel", "sqlalchemy.ext.asyncio",
    "aiosqlite", "pagerduty", "jinja2", "yaml", "dbos", "cel", "re2", "rfc8785", "cryptography", "typer", "rich",
    "prometheus_client", "structlog", "redis.asyncio", "alembic", "supervisor",
)  # fmt: skip
IDLE = 3.0  # seconds of rest before memory is read
GROUPS = 20
WHY = "the bot's own modules, the engine's launch and two databases come on top of the imports (see the import profile)"


async def imports(folder: Path) -> tuple[float, float]:
    """Seconds from starting an interpreter until the stack is imported, and its memory in MB."""
    code = f"import {', '.join(STACK)}; print('imported', flush=True); import time; time.sleep(60)"
    output = folder / "imports.log"
    output.unlink(missing_ok=True)
    began = time.perf_counter()
    async with running([sys.executable, "-c", code], output) as process:
        while "imported" not in output.read_text(encoding="utf-8"):
            if not process.alive:
                raise reference.Missing(f"the stack cannot be imported: {process.tail(1)}")
            await asyncio.sleep(0.002)
        took = time.perf_counter() - began
        return took, process.memory_mb()


async def first_answer(folder: Path, slack_port: int, *, rest: float = 0.0) -> tuple[float, float]:
    """Seconds from starting the bot until /healthz answers 200; memory in MB after `rest` seconds of idling."""
    port = free_port()
    configuration = write_configuration(folder, port=port, groups=GROUPS)
    began = time.perf_counter()
    async with running(argv(configuration), folder / "bot.log", environ=environment(slack_port)) as process:
        await answers(port, "/healthz", process, within=60)
        took = time.perf_counter() - began
        await asyncio.sleep(rest)
        memory = process.memory_mb()
        await process.end()
        return took, memory


async def measure(run: Run) -> AsyncIterator[list[Figure]]:
    """Start and memory."""
    slack = await reference.load("slack_stub").SlackStub().start()
    try:
        with run.folder("start") as folder:
            await imports(folder)  # compiled modules and file cache, for both
            first, _ = await first_answer(folder / "bot", slack.port)
            rounds: list[Round] = []
            memory: list[Round] = []
            for number in range(run.rounds):
                limit, stack_memory = await imports(folder)
                took, resident = await first_answer(folder / "bot", slack.port, rest=IDLE if number == 0 else 0.0)
                rounds.append(Round(limit, took))
                if number == 0:
                    memory.append(Round(stack_memory, resident))
                run.say(f"  start round {number + 1}: imports {limit:.2f} s, first answer {took:.2f} s")
    finally:
        await slack.stop()
    yield [
        compared(
            "process start to first answer", "s", rounds, "at most", 1.5, limit_is="importing the declared stack", why=WHY,
            extra={"first_start_with_empty_folder_s": first},
        ),
        alone(
            "idle memory", "MB", memory[0].ours, "at most", None,
            extra={"stack_imports_mb": memory[0].limit, "ratio": memory[0].ratio},
        ),
    ]  # fmt: skip
    if run.profile is not None:
        await import_profile(run, slack.port)


async def import_profile(run: Run, slack_port: int) -> None:
    """The dearest imports of the bot: `-X importtime`, own microseconds and with everything below."""
    place = run.profile_of("start")
    if place is None:
        return
    with run.folder("importtime") as folder:
        code = "import bot.app"
        async with running(
            [sys.executable, "-X", "importtime", "-c", code], folder / "log", environ=environment(slack_port)
        ) as it:
            await it.wait(60)
            rows = [
                line.split("|") for line in it.output.read_text(encoding="utf-8").splitlines() if line.count("|") == 2
            ]
    numbers = [(int(b), a.rpartition(":")[2].strip(), name.rstrip()) for a, b, name in rows if b.strip().isdigit()]
    numbers.sort(reverse=True)
    place.write_text(
        "\n".join(f"{total:>9} us with below, {own:>8} us own {name}" for total, own, name in numbers[:90]) + "\n",
        encoding="utf-8",
    )
