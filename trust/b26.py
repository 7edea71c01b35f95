"""B26: the tests bite. Every saboteur changes one thing in a copy of the source; its gate must turn red.

Run by trust/__main__.py. The same gates must be green in an unchanged copy, else red would prove nothing. The working tree
is only read.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from trust.order import Order, spread
from trust.report import Figure
from trust.saboteur import Saboteur
from trust.saboteurs import SABOTEURS, apply, named

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("bot", "guards", "runbooks", "templates", "trust", "tests", "bench", "docs", "pyproject.toml")
GOAL = 40
LONGEST = 600.0  # seconds for one gate
RED = 1  # pytest: tests were run and some failed; anything else is no verdict
GREEN = 0


@dataclass(frozen=True, slots=True)
class Trial:
    """What a gate said about one saboteur; without a saboteur, about the unchanged source. code: pytest's exit code."""

    name: str
    gate: tuple[str, ...]
    code: int
    told: str
    seconds: float


def copied(folder: Path) -> Path:
    """A copy of the source in that folder."""
    root = folder / "source"
    root.mkdir()
    for name in COPIED:
        here = ROOT / name
        if here.is_dir():
            shutil.copytree(here, root / name)
        elif here.is_file():
            shutil.copy2(here, root / name)
    return root


def run_gate(root: Path, gate: tuple[str, ...]) -> tuple[int, str]:
    """The exit code of pytest and its last words."""
    words = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--no-header", *gate]
    try:
        done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        return -1, f"no verdict after {LONGEST:g} s"
    return done.returncode, "\n".join((done.stdout + done.stderr).strip().splitlines()[-6:])


def try_one(job: tuple[Saboteur | None, tuple[str, ...]]) -> Trial:
    """Run a gate in a copy of its own, with the saboteur's change or without any."""
    saboteur, gate = job
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="countersign-saboteur-") as folder:
        root = copied(Path(folder))
        name = "unchanged"
        if saboteur is not None:
            name = saboteur.name
            try:
                apply(saboteur, root)
            except (ValueError, OSError) as error:
                return Trial(name, gate, -1, str(error), time.monotonic() - began)
        code, told = run_gate(root, gate)
    return Trial(name, gate, code, told, time.monotonic() - began)


def measure(order: Order) -> list[Figure]:
    """All saboteurs, each against its gate, and the gates against nothing. The short form takes every fourth."""
    began = time.monotonic()
    chosen = SABOTEURS[:: 4 if order.quick else 1]
    gates = sorted({each.gate for each in chosen})
    controls = list(spread(try_one, [(None, gate) for gate in gates], order.processes))
    trials = list(spread(try_one, [(each, each.gate) for each in chosen], order.processes))
    trials.sort(key=lambda trial: trial.name)
    missed = [trial for trial in trials if trial.code != RED]
    false = [trial for trial in controls if trial.code != GREEN]
    return [
        Figure(
            claim="b26",
            name="saboteurs caught",
            run="each saboteur's change in a copy of the source, and the gate that must turn red",
            cases=len(trials),
            violations=len(missed) + len(false),
            seconds=time.monotonic() - began,
            goal=GOAL,
            examples=[
                *(f"not caught: {each.name} by {' '.join(each.gate)}: {each.told}" for each in missed),
                *(f"red without a saboteur: {' '.join(each.gate)}: {each.told}" for each in false),
            ],
            extra={
                "caught": [
                    {"name": each.name, "gate": list(each.gate), "seconds": round(each.seconds, 1)}
                    for each in trials
                    if each.code == RED
                ]
            },
        )
    ]


def replay(seed: int, case: str) -> str:
    """One saboteur by its name, and what its gate says. Raises ValueError when there is none of that name."""
    saboteur = named(case)
    trial = try_one((saboteur, saboteur.gate))
    verdict = "caught" if trial.code == RED else "not caught"
    return f"{saboteur.file}\n- {saboteur.old}\n+ {saboteur.new}\n{verdict} by {' '.join(trial.gate)}:\n{trial.told}"
