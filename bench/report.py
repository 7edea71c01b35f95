"""What was measured, against what, and whether it is enough: figures, medians, void rounds, results.json, the table.

Used by every figure and by __main__. Pure apart from `write` and `show`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

MOVED = 0.30  # a round whose limit is further than this from the run's median limit does not count
Sense = Literal["at least", "at most"]


@dataclass(frozen=True, slots=True)
class Round:
    """One side-by-side measurement."""

    limit: float
    ours: float

    @property
    def ratio(self) -> float:
        return self.ours / self.limit if self.limit else float("inf")


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    limit, ours: medians over the rounds that count. ratio: median of the rounds' own ratios; for a figure without a
    limit (`alone`) the value itself. void: numbers of the rounds that do not count. doubt: why the whole figure may be
    meaningless. target: None for a figure that is only reported. why: what stands in the way when it is not reached.
    """

    name: str
    unit: str
    limit: float | None
    ours: float
    ratio: float
    sense: Sense
    target: float | None
    limit_is: str = ""
    rounds: tuple[Round, ...] = ()
    void: tuple[int, ...] = ()
    doubt: str = ""
    why: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def reached(self) -> bool:
        if self.target is None:
            return True
        return self.ratio >= self.target if self.sense == "at least" else self.ratio <= self.target


def moved(limits: Sequence[float], tolerance: float = MOVED) -> tuple[int, ...]:
    """Numbers of the rounds whose limit is more than `tolerance` away from the median limit."""
    middle = median(limits)
    return tuple(number for number, value in enumerate(limits) if abs(value - middle) > tolerance * middle)


def compared(
    name: str,
    unit: str,
    rounds: Sequence[Round],
    sense: Sense,
    target: float | None,
    *,
    limit_is: str,
    why: str = "",
    extra: dict[str, Any] | None = None,
) -> Figure:
    """A figure from side-by-side rounds. why is kept only when the target is missed."""
    void = moved([each.limit for each in rounds])
    kept = [each for number, each in enumerate(rounds) if number not in void]
    doubt = ""
    if len(kept) * 2 <= len(rounds):
        doubt = f"the limit itself moved more than {MOVED:.0%} in {len(void)} of {len(rounds)} rounds"
        kept = list(rounds)
    made = Figure(
        name=name,
        unit=unit,
        limit=median(each.limit for each in kept),
        ours=median(each.ours for each in kept),
        ratio=median(each.ratio for each in kept),
        sense=sense,
        target=target,
        limit_is=limit_is,
        rounds=tuple(rounds),
        void=void,
        doubt=doubt,
        why=why,
        extra=extra or {},
    )
    return without_excuse(made)


def alone(
    name: str,
    unit: str,
    value: float,
    sense: Sense,
    target: float | None,
    *,
    limit_is: str = "",
    why: str = "",
    extra: dict[str, Any] | None = None,
) -> Figure:
    """A figure that is a count or a share of its own, such as `lost` with `at most 0`."""
    return without_excuse(Figure(name, unit, None, value, value, sense, target, limit_is, why=why, extra=extra or {}))


def without_excuse(figure: Figure) -> Figure:
    """The figure; a reason for missing a target says nothing when it was reached."""
    if not figure.reached or not figure.why:
        return figure
    values = {name: getattr(figure, name) for name in figure.__slots__}
    return Figure(**{**values, "why": ""})


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share lies; the largest one for share 1."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def rounded(value: Any) -> Any:
    """JSON with few digits, so that two results can be compared by eye."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    return value


def as_json(figure: Figure) -> dict[str, Any]:
    """What results.json keeps of one figure."""
    rounds = [{**asdict(each), "ratio": each.ratio} for each in figure.rounds]
    made: dict[str, Any] = rounded({**asdict(figure), "rounds": rounds, "reached": figure.reached})
    return made


def write(path: Path, name: str, run: dict[str, Any], figures: Sequence[Figure], skipped: str = "") -> None:
    """Put one measured section into results.json; the other sections stay as they were measured."""
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known[name] = {"run": rounded(run), "skipped": skipped, "figures": [as_json(figure) for figure in figures]}
    path.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def verdict(figure: Figure) -> str:
    """`yes`, `no`, and a question mark when the measurement itself is in doubt."""
    if figure.target is None:
        return "-"
    return ("yes" if figure.reached else "NO") + ("?" if figure.doubt else "")


def lines(figures: Sequence[Figure]) -> list[tuple[str, ...]]:
    """The rows of the table: figure, limit, ours, ratio, target, reached."""

    def number(value: float | None) -> str:
        return "-" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"

    return [
        (
            figure.name,
            f"{number(figure.limit)} {figure.unit}" if figure.limit is not None else "-",
            f"{number(figure.ours)} {figure.unit}",
            f"{figure.ratio:.2f}" if figure.limit is not None else "-",
            f"{figure.sense} {figure.target:g}" if figure.target is not None else "reported",
            verdict(figure),
        )
        for figure in figures
    ]


def show(figures: Sequence[Figure], skipped: Sequence[tuple[str, str]], say: Callable[[str], object]) -> None:
    """The table, then every missed target with its reason, every doubt and every skipped figure."""
    table = Table("figure", "limit", "ours", "ratio", "target", "reached", title="Countersign against its limits")
    for row in lines(figures):
        table.add_row(*row)
    console = Console(width=132)
    with console.capture() as captured:
        console.print(table)
    say(captured.get())
    for figure in figures:
        if not figure.reached:
            say(f"not reached: {figure.name}: {figure.why or 'no reason known yet'}")
        if figure.doubt:
            say(f"in doubt: {figure.name}: {figure.doubt}; measure again when the machine is quiet")
        elif figure.void:
            say(f"void rounds of {figure.name}: {', '.join(str(number + 1) for number in figure.void)}")
    for name, reason in skipped:
        say(f"skipped: {name}: {reason}")
