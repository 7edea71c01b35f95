"""`python -m bench [--rounds N] [--quick] [ingest visible chat step decide backtest matching lint start]`: measure, write bench/results.json, say it.

Exit code 0 also when a target is missed: the table says so; 1 when a figure could not be measured.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from bench import backtest, chat, decide, ingest, lint, machine, matching, reference, report, start, step, visible
from bench.processes import DRIVER_CORE, Failed
from bench.report import Figure
from bench.run import Measure, Run

FIGURES: dict[str, Measure] = {
    "ingest": ingest.measure,
    "visible": visible.measure,
    "chat": chat.measure,
    "step": step.measure,
    "decide": decide.measure,
    "backtest": backtest.measure,
    "matching": matching.measure,
    "lint": lint.measure,
    "start": start.measure,
}
RESULTS = Path(__file__).with_name("results.json")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"of {', '.join(FIGURES)}; all when none is named")
    parser.add_argument(
        "--rounds", type=int, default=5, help="side-by-side rounds, in turns (at least 5 to be compared)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="2 rounds of small storms: does it work, not how fast it is"
    )
    parser.add_argument("--seed", type=int, default=20261121, help="of everything random (moments of the kills)")
    parser.add_argument("--scratch", type=Path, help="folder on the disk to measure; else the system's temporary one")
    parser.add_argument("--profile", type=Path, help="also write where the time goes to this folder")
    given = parser.parse_args()
    unknown = set(given.figures) - set(FIGURES)
    if unknown:
        parser.error(f"no figure is called {', '.join(sorted(unknown))}")
    return given


async def run(given: argparse.Namespace) -> int:
    """Measure what was asked for."""
    rounds = min(given.rounds, 2) if given.quick else given.rounds
    results = RESULTS.with_name("results-quick.json") if given.quick else RESULTS
    if given.profile is not None:
        given.profile = given.profile.resolve()
        given.profile.mkdir(parents=True, exist_ok=True)
    os.sched_setaffinity(0, {DRIVER_CORE})
    figures: list[Figure] = []
    skipped: list[tuple[str, str]] = []
    broken = 0
    with tempfile.TemporaryDirectory(prefix="countersign-bench-", dir=given.scratch) as folder:
        made = Run(rounds, given.quick, given.seed, Path(folder), print, given.profile)
        for name in given.figures or FIGURES:
            began = time.monotonic()
            print(f"{name}:", flush=True)
            found: list[Figure] = []
            reason = ""
            about = machine.describe(Path(folder), given.seed, rounds)
            try:
                async for some in FIGURES[name](made):
                    found += some
            except reference.Missing as error:
                reason = str(error)
            except Failed as error:
                reason, broken = f"FAILED: {error}", 1
            if reason:
                skipped.append((name, reason))
            about |= {"took_seconds": time.monotonic() - began, "disk_after": machine.fdatasync(Path(folder))}
            report.write(results, name, about, found, reason)
            figures += found
    report.show(figures, skipped, print)
    print(f"written to bench/{results.name}")
    return broken


if __name__ == "__main__":
    sys.exit(asyncio.run(run(arguments())))
