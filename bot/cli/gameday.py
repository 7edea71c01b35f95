"""`runbookctl gameday`: faults that are real in the sandbox, people who click, and a score of what the bot made of it.

Exit codes: 0 everything held; 1 something did not; 2 the scenario cannot be read, is not there, waits for something that
does not exist yet, needs a program that this machine does not have, or its sandbox does not start: then nothing was played,
and that is no success.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.options import JsonOption
from bot.cli.sandbox import INTERRUPTED, until_told
from bot.errors import CountersignError

if TYPE_CHECKING:
    from rich.console import Console

    from bot.sandbox.gameday.play import Result
    from bot.sandbox.gameday.scenario import Scenario

LOG_LINES = 30
COLUMNS = 100
"""Width of what goes into a file or a pipe."""


def gameday(
    scenario: Annotated[
        str | None, typer.Argument(help="A scenario file, or the name of a shipped one.", metavar="SCENARIO")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="The shipped scenarios, and what others wait for.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Play every shipped scenario that can be played.")] = False,
    keep: Annotated[bool, typer.Option(help="Leave the folder with configuration, logs and databases behind.")] = False,
    folder: Annotated[Path | None, typer.Option(help="Work in this empty folder, and leave it behind.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Play a fault scenario against a sandbox and score detection, step, guard, verification and record."""
    from rich.console import Console

    from bot.sandbox.gameday.load import ScenarioError, read_scenario, shipped
    from bot.sandbox.gameday.table import about, print_list

    chosen_ways = sum((scenario is not None, listed, everything))
    if chosen_ways != 1:
        typer.echo(
            "Say one of: a scenario, --list, or --all. `runbookctl gameday --list` shows what there is.", err=True
        )
        raise typer.Exit(2)
    if folder is not None and not is_empty(folder):
        typer.echo(f"{folder} is not an empty folder. What a game day left there would be part of the next.", err=True)
        raise typer.Exit(2)
    console = Console(stderr=as_json)
    if not console.is_terminal:
        console = Console(stderr=as_json, width=COLUMNS)
    try:
        chosen = [read_scenario(path) for path in (shipped() if scenario is None else [locate(scenario)])]
    except ScenarioError as error:
        for problem in error.problems:
            typer.echo(str(problem), err=True)
        raise typer.Exit(2) from error
    if listed:
        if as_json:
            typer.echo(json.dumps({"scenarios": [about(one) for one in chosen]}, indent=1))
        else:
            print_list(chosen, console)
        return
    raise typer.Exit(play_all(chosen, console, keep=keep, folder=folder, as_json=as_json, alone=not everything))


def is_empty(folder: Path) -> bool:
    """Whether a game day can begin there: a folder that is not there yet, or has nothing in it."""
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


def locate(name: str) -> Path:
    """The file of a name or a path. Exits with 2 and the names there are when it is neither."""
    from bot.sandbox.gameday.load import shipped

    known = {path.stem: path for path in shipped()}
    if name in known:
        return known[name]
    if "/" in name or name.endswith((".yaml", ".yml")):
        return Path(name)
    typer.echo(f"There is no scenario {name!r}. There are: {', '.join(known)}. Or write a file's path.", err=True)
    raise typer.Exit(2)


def play_all(
    chosen: list[Scenario], console: Console, *, keep: bool, folder: Path | None, as_json: bool, alone: bool
) -> int:
    """Play them one after the other and print each result. alone: only one was asked for, so that not playing it is 2."""
    from bot.sandbox.gameday.table import as_json as told
    from bot.sandbox.gameday.table import print_result
    from bot.sandbox.gameday.world import runbook_problems

    results: list[Result] = []
    left: list[tuple[str, str]] = []
    code = 0
    for scenario in chosen:
        why = why_not(scenario, shutil.which)
        if why:
            left.append((scenario.id, why))
            console.print(f"{scenario.id} is not played: {why}", highlight=False, markup=False)
            continue
        problems = runbook_problems(scenario)
        if problems:
            for problem in problems:
                typer.echo(str(problem), err=True)
            left.append((scenario.id, "its runbooks cannot be read"))
            code = 2
            continue
        result = played(scenario, console, keep=keep, folder=folder / scenario.id if folder and not alone else folder)
        if isinstance(result, int):
            code = max(code, result)
            left.append((scenario.id, "interrupted" if result == INTERRUPTED else "the sandbox did not start"))
            if result == INTERRUPTED:
                break
            continue
        results.append(result)
        if not as_json:
            print_result(result, console)
        code = max(code, 0 if result.holds else 1)
    if as_json:
        typer.echo(json.dumps({"played": [told(one) for one in results], "not_played": dict(left)}, indent=1))
    elif not alone:
        held = sum(result.holds for result in results)
        console.print(f"{held} of {len(results)} game days held; {len(left)} were not played.", highlight=False)
    return 2 if alone and left and code == 0 else code


def why_not(scenario: Scenario, which: Callable[[str], str | None]) -> str:
    """Why it cannot be played here, empty when it can. which: as shutil.which."""
    if scenario.waits_for:
        return f"it waits for {', '.join(scenario.waits_for)}. {scenario.because}"
    absent = [program for program in scenario.setup.needs if which(program) is None]
    return f"this machine has no {' and no '.join(absent)}" if absent else ""


def played(scenario: Scenario, console: Console, *, keep: bool, folder: Path | None) -> Result | int:
    """Play one, or the exit code when the sandbox did not start or somebody pressed Ctrl-C."""
    found: list[Result] = []

    async def work() -> int:
        found.append(await run(scenario, console, keep=keep or folder is not None, folder=folder))
        return 0

    try:
        code = asyncio.run(until_told(work()))
    except CountersignError as error:
        console.print(f"{scenario.id}: the sandbox could not start: {error}", markup=False, highlight=False)
        return 2
    return found[0] if found else code


async def run(scenario: Scenario, console: Console, *, keep: bool, folder: Path | None) -> Result:
    """A workspace of its own, the scenario in it, and everything stopped afterwards."""
    from rich.text import Text

    from bot.sandbox.gameday.play import play
    from bot.sandbox.gameday.world import Stage
    from bot.sandbox.workspace import Workspace

    began = time.monotonic()

    def tell(text: str) -> None:
        console.print(Text(f"{time.monotonic() - began:7.1f} s  {text}"), highlight=False, soft_wrap=True)

    console.print(Text(f"\n{scenario.id}: {scenario.title}", style="bold"), soft_wrap=True)
    tell("starting a Slack, a PagerDuty, two ticket systems, two services and the bot ...")
    stage = Stage(scenario)
    try:
        async with Workspace(stage.settings, keep=keep, folder=folder) as workspace:
            if keep:
                tell(f"everything is in {workspace.folder}")
            result = await play(scenario, stage, workspace, tell=tell, now=time.monotonic)
            if not result.holds:
                pictures = [one.picture for one in result.rounds if one.picture]
                console.print(Text("\nWhat stands in #incidents:\n" + "\n".join(pictures)))
                console.print(Text(f"\nThe bot's log ends with:\n{workspace.bot_log_tail(LOG_LINES)}\n"))
            return result
    finally:
        await stage.stop()
