"""`runbookctl sandbox` (= `make demo`): the whole loop on this machine, without an account and without root.

Starts a workspace and lets the visitor be on call, or plays a story with scripted people. Exit codes: 0 fine, 1 the
story did not go as it must, 2 there is no such story. Everything that was started is stopped, whatever ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.errors import CountersignError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from rich.console import Console

    from bot.sandbox.story import Story
    from bot.sandbox.workspace import Workspace

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 130


def sandbox(
    story: Annotated[
        str | None,
        typer.Option(help="Play this story with scripted people, for example service-crash.", metavar="NAME"),
    ] = None,
    leave: Annotated[bool, typer.Option("--exit", help="Leave when the story has ended, with its exit code.")] = False,
    port: Annotated[int, typer.Option(help="Port of the page; 0 takes a free one.", min=0, max=65535)] = 0,
    keep: Annotated[bool, typer.Option(help="Leave the folder with configuration, logs and databases behind.")] = False,
    folder: Annotated[Path | None, typer.Option(help="Work in this folder instead of a fresh temporary one.")] = None,
    http: Annotated[
        bool, typer.Option("--http", help="Let Slack reach the bot by signed HTTP requests instead of Socket Mode.")
    ] = False,
    runbooks: Annotated[
        Path | None,
        typer.Option(
            help="Offer the runbooks of this folder too (a copy of its *.yaml).", exists=True, file_okay=False
        ),
    ] = None,
) -> None:
    """Try everything on this machine: Slack, PagerDuty and a ticket as stand-ins, a real service to break and mend."""
    from rich.console import Console

    from bot.sandbox.stories import STORIES

    console = Console(soft_wrap=True)
    if story is not None and story not in STORIES:
        console.print(f"There is no story {story!r}. There are: {', '.join(STORIES)}.", highlight=False)
        raise typer.Exit(2)
    chosen = STORIES[story] if story else None
    # A folder that was named is the visitor's own and is never removed.
    kept = keep or folder is not None
    own = texts(runbooks) if runbooks is not None else {}
    work = run(chosen, console, leave=leave, port=port, keep=kept, folder=folder, http=http, runbooks=own)
    try:
        code = asyncio.run(until_told(work))
    except CountersignError as error:
        console.print(f"The sandbox could not start: {error}", markup=False, highlight=False)
        code = 1
    raise typer.Exit(code)


def texts(folder: Path) -> dict[str, str]:
    """File name -> text of the runbooks directly in a folder. Exits with 2 and the place when one cannot be read."""
    from runbooks.folder import Problem, read_file

    found: dict[str, str] = {}
    for path in sorted(folder.glob("*.yaml")):
        read = read_file(path, folder.resolve())
        if isinstance(read, Problem):
            typer.echo(f"sandbox: {read}", err=True)
            raise typer.Exit(2)
        found[path.name] = read[1]
    return found


async def until_told(work: Coroutine[None, None, int]) -> int:
    """Run it; the first signal ends it in order (everything is stopped), further ones do not disturb the stopping."""
    task = asyncio.ensure_future(work)
    told = False

    def stop() -> None:
        nonlocal told
        if not told:
            told = True
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        return await task
    except asyncio.CancelledError:
        return INTERRUPTED
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


async def run(
    story: Story | None,
    console: Console,
    *,
    leave: bool,
    port: int,
    keep: bool,
    folder: Path | None,
    http: bool = False,
    runbooks: Mapping[str, str] | None = None,
) -> int:
    """Start a workspace and play the story in it, or break payments and wait for the visitor."""
    from bot.sandbox.configuration import SandboxSettings
    from bot.sandbox.story import tell
    from bot.sandbox.workspace import Workspace

    if story is not None and (absent := story.absent(shutil.which)):
        console.print(f"{story.name} is left out: this machine has no {' and no '.join(absent)}.", highlight=False)
        return 0
    console.print("Starting a Slack, a PagerDuty, two ticket systems, two services and the bot ...")
    settings = story.settings if story else SandboxSettings()
    settings = replace(settings, runbooks={**settings.runbooks, **(runbooks or {})})
    if http:
        settings = replace(settings, slack_mode="http")
    async with Workspace(settings, keep=keep, port=port, folder=folder) as workspace:
        if keep:
            console.print(f"Everything is in {workspace.folder}", highlight=False)
        welcome(workspace, console)
        code = 0
        if story is not None:
            code = await tell(story, workspace, console, time.monotonic)
        elif not leave:
            await workspace.break_service("payments")
            await workspace.alert("payments")
            console.print("payments (prod, tier 1) has just been killed, and PagerDuty has opened an incident.")
            console.print("Open the page and be on call: click Run as Ana, then approve as Ben. Ctrl-C ends it.")
        if leave:
            return code
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return code


def welcome(workspace: Workspace, console: Console) -> None:
    """Where the visitor finds what."""
    console.print(f"\n  [bold]{workspace.page_url}[/bold]  Slack, PagerDuty and the tickets, side by side\n")
