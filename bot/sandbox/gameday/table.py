"""The result of a game day for people and for machines: a table that reads at 100 columns, and JSON.

Called by bot/cli/gameday.py. Pure apart from the console it is given. Must not judge: score.py has done that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.sandbox.gameday.play import Result
from bot.sandbox.gameday.scenario import Scenario
from bot.sandbox.gameday.score import Mark

SCORED = {1: Text("1 ✓", style="green"), 0: Text("0 ✗", style="bold red")}


def print_result(result: Result, console: Console) -> None:
    """What held and what did not, with seconds and evidence; what is wrong stands below its mark, one line each."""
    scenario = result.scenario
    covers = f" ({', '.join(scenario.covers)})" if scenario.covers else ""
    title = Text(f"{scenario.id}{covers}: {scenario.title}", style="bold")
    table = Table(title=title, title_justify="left")
    many = len(scenario.rounds) > 1
    if many:
        table.add_column("Round", max_width=18)
    table.add_column("Mark", no_wrap=True)
    table.add_column("Score", no_wrap=True)
    table.add_column("After", justify="right", no_wrap=True)
    table.add_column("Evidence", overflow="fold")
    for played in result.rounds:
        for number, mark in enumerate(played.marks):
            named = [Text(played.name if number == 0 else "")] if many else []
            table.add_row(*named, mark.name, SCORED[mark.score], after(mark), _evidence(mark))
        table.add_section()
    console.print(table)
    missing = len(scenario.rounds) - len(result.rounds)
    if missing:
        console.print(f"{missing} further round{'s' if missing > 1 else ''} not played, because this one did not hold.")
    scored, most = total(result)
    end = "everything held" if result.holds else "it did NOT go as it must"
    line = Text(f"{scenario.id}: {scored} of {most}, {end}, {result.seconds:.1f} s")
    line.stylize("bold green" if result.holds else "bold red")
    console.print(line, highlight=False)


def _evidence(mark: Mark) -> Text:
    if not mark.wrong:
        return Text(mark.evidence)
    return Text("\n".join(f"✗ {text}" for text in mark.wrong), style="red")


def after(mark: Mark) -> str:
    """Seconds after the trouble, `-` when it never came or nothing had to come."""
    return "-" if mark.at is None else f"{mark.at:.1f} s"


def total(result: Result) -> tuple[int, int]:
    """The marks that hold, and all marks of the scenario, those of rounds that were not played too."""
    scored = sum(mark.score for played in result.rounds for mark in played.marks)
    each = len(result.rounds[0].marks) if result.rounds else 0
    return scored, each * len(result.scenario.rounds)


def as_json(result: Result) -> dict[str, Any]:
    """The result as JSON values; `at` and `seconds` in seconds."""
    scored, most = total(result)
    return {
        **about(result.scenario),
        "holds": result.holds,
        "score": scored,
        "of": most,
        "seconds": round(result.seconds, 1),
        "rounds": [
            {
                "name": played.name,
                "seconds": round(played.seconds, 1),
                "marks": [
                    {
                        "mark": mark.name,
                        "score": mark.score,
                        "at": None if mark.at is None else round(mark.at, 1),
                        "evidence": mark.evidence,
                        "wrong": list(mark.wrong),
                    }
                    for mark in played.marks
                ],
            }
            for played in result.rounds
        ],
    }


def about(scenario: Scenario) -> dict[str, Any]:
    """What a list says of a scenario."""
    return {
        "id": scenario.id,
        "title": scenario.title,
        "covers": list(scenario.covers),
        "waits_for": list(scenario.waits_for),
        "because": scenario.because,
        "needs": list(scenario.setup.needs),
        "file": scenario.source,
    }


def print_list(scenarios: Sequence[Scenario], console: Console) -> None:
    """The scenarios that can be played, and those that wait, with what for."""
    ready = [one for one in scenarios if not one.waits_for]
    waiting = [one for one in scenarios if one.waits_for]
    console.print(_listed(f"{len(ready)} can be played", ready))
    if waiting:
        console.print(_listed(f"{len(waiting)} are written and wait", waiting))
    console.print(
        "Play one: runbookctl gameday NAME. All that can be played: runbookctl gameday --all.", highlight=False
    )


def _listed(title: str, scenarios: Sequence[Scenario]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("Name", no_wrap=True)
    table.add_column("Covers", no_wrap=True)
    table.add_column("What it plays", overflow="fold")
    for one in scenarios:
        words = Text(one.title)
        if one.waits_for:
            words.append(f"\nWaits for {', '.join(one.waits_for)}: {one.because}", style="yellow")
        table.add_row(one.id, ", ".join(one.covers), words)
    return table
