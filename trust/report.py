"""What was proved: one figure per thing that was run, the 95 % bound beside each zero, trust-report.json, the table.

Used by every section and by trust/__main__.py. Pure apart from `write` and `show`.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

EXAMPLES = 10  # of failures that are kept in full


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report.

    claim: id in reference/trust.md section 3 (`b1`). name: unique in its section. run: what was run, one sentence.
    cases: how many. violations: how many of them broke the claim. seconds: wall clock. goal: how many cases the bar asks
    for, 0 when it names none. reached: what has to happen at least once, with how often it did. examples: failures, each
    with the command that plays it again.
    """

    claim: str
    name: str
    run: str
    cases: int
    violations: int
    seconds: float
    goal: int = 0
    reached: Mapping[str, int] = field(default_factory=dict)
    examples: Sequence[str] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def bound(self) -> float | None:
        """With 95 % confidence at most this share of all cases fails; only zero failures say that (rule of three)."""
        return 3 / self.cases if self.cases and not self.violations else None

    @property
    def never(self) -> tuple[str, ...]:
        """What should have happened at least once and did not."""
        return tuple(name for name, count in self.reached.items() if not count)

    @property
    def holds(self) -> bool:
        """Whether the claim stood and everything that has to happen did."""
        return self.cases > 0 and not self.violations and not self.never

    @property
    def enough(self) -> bool:
        """Whether it were as many cases as the bar asks for."""
        return self.cases >= self.goal


def as_json(figure: Figure) -> dict[str, Any]:
    """What the report keeps of one figure."""
    made: dict[str, Any] = {each.name: getattr(figure, each.name) for each in fields(figure)}
    made["reached"] = dict(figure.reached)
    made["seconds"] = round(figure.seconds, 1)
    made["examples"] = list(figure.examples)[:EXAMPLES]
    made["bound_95"] = figure.bound
    made["never_reached"] = list(figure.never)
    made["holds"] = figure.holds
    made["enough_cases"] = figure.enough
    return made


def write(path: Path, claim: str, run: Mapping[str, Any], figures: Sequence[Figure], failed: str = "") -> None:
    """Put one section into the report; the other sections stay as they were. failed: why it could not be run.

    Several sections may run at once: one after the other writes, and whoever reads finds a whole report.
    """
    made = {"run": dict(run), "failed": failed, "figures": [as_json(figure) for figure in figures]}
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # until it is closed
        known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        new = path.with_suffix(".new")
        new.write_text(json.dumps({**known, claim: made}, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        new.replace(path)
    finally:
        os.close(folder)


def lines(figures: Sequence[Figure]) -> list[tuple[str, ...]]:
    """The rows of the table: claim, figure, cases, goal, violations, bound, seconds, holds."""
    return [
        (
            figure.claim,
            figure.name,
            f"{figure.cases:,}",
            f"{figure.goal:,}" if figure.goal else "-",
            f"{figure.violations:,}",
            "-" if figure.bound is None else f"{figure.bound:.1e}",
            f"{figure.seconds:,.0f}",
            ("yes" if figure.enough else "yes, so far") if figure.holds else "NO",
        )
        for figure in figures
    ]


def show(figures: Sequence[Figure], say: Callable[[str], object]) -> None:
    """The table, then the first failures of each figure and everything that never happened."""
    table = Table("claim", "figure", "cases", "goal", "violations", "<= at 95 %", "seconds", "holds")
    for row in lines(figures):
        table.add_row(*row)
    console = Console(width=132)
    with console.capture() as captured:
        console.print(table)
    say(captured.get())
    for figure in figures:
        for example in list(figure.examples)[:EXAMPLES]:
            say(f"{figure.claim} {figure.name}: {example}")
        for name in figure.never:
            say(f"{figure.claim} {figure.name}: never happened: {name}")
