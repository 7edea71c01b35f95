"""`python -m trust [b1 b26 ...] [--quick]`: run the proofs, write trust-report.json, say what holds (`make trust`).

`python -m trust b1 --seed N --case K` plays one case again; `--stale` says which sections of the report are about other
sources than those that are here now. Exit code 1 when a claim is broken or could not be tested, or a section is stale.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from trust import machine, report
from trust.order import Order, Section
from trust.report import Figure

# Claim -> the module that tests it: `measure(order)` and `replay(seed, case)`. One line registers a section.
SECTIONS = {
    "b1": "trust.b1",
    "b2": "trust.b2",
    "b5": "trust.b5",
    "b6": "trust.b6",
    "b16": "trust.b16",
    "b17": "trust.b17",
    "b26": "trust.b26",
    "mutation": "trust.mutation",
}
# Files of this folder that a section reads beside the modules that it imports.
DATA = {"b6": ("golden_digests.json",)}
REPORT = Path(__file__).resolve().parents[1] / "trust-report.json"
SEED = 20261121


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """What was asked for. Exits with 2 for what cannot be."""
    parser = argparse.ArgumentParser(prog="python -m trust", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; all when none is named"
    )
    parser.add_argument("--quick", action="store_true", help="the short form, into trust-report-quick.json")
    parser.add_argument("--seed", type=int, default=SEED, help="of everything random")
    parser.add_argument("--case", help="play one case of one section again and tell everything about it")
    parser.add_argument("--stale", action="store_true", help="run nothing; say which sections are about other sources")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="how many work at once")
    given = parser.parse_args(words)
    unknown = set(given.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"no section is called {', '.join(sorted(unknown))}")
    if given.case is not None and len(given.sections) != 1:
        parser.error("--case needs exactly one section")
    return given


def section(name: str) -> Section:
    """The module of a section, imported only now."""
    return cast("Section", importlib.import_module(SECTIONS[name]))


def files_of(name: str) -> set[Path]:
    """What a section's figures are about: its module and all that it imports; saboteurs are about everything."""
    if name == "b26":
        return machine.everything()
    if name == "mutation":
        return machine.imported(machine.ROOT / "trust/mutation.py").union(
            (machine.ROOT / "guards").rglob("*.py"),
            *(machine.imported(file) for file in (machine.ROOT / "tests/guards").glob("test_*.py")),
        )
    data = {machine.ROOT / "trust" / each for each in DATA.get(name, ())}
    return machine.imported(machine.ROOT / "trust" / f"{name}.py") | data


def run(given: argparse.Namespace, name: str) -> int:
    """Run one section and write what came out, also when it breaks: then its exception is raised."""
    path = REPORT.with_name("trust-report-quick.json") if given.quick else REPORT
    order = Order(given.seed, given.quick, given.processes, lambda text: print(text, flush=True))
    print(f"{name}, seed {given.seed}:", flush=True)
    files = files_of(name)
    about = machine.describe(datetime.now(UTC), given.seed, files, quick=given.quick)
    began = time.monotonic()
    figures: list[Figure] = []
    failed = "it broke before it had a figure"
    try:
        figures = section(name).measure(order)
        failed = ""
    finally:
        about["changed_meanwhile"] = machine.source(files) != about["source"]
        about["took_seconds"] = round(time.monotonic() - began, 1)
        report.write(path, name, about, figures, failed)
    report.show(figures, print)
    print(f"written to {path.name}")
    return 0 if figures and all(figure.holds for figure in figures) else 1


def stale(names: Iterable[str]) -> list[str]:
    """The sections that the report says nothing about, or that were about other sources than those that are here now."""
    known = json.loads(REPORT.read_text(encoding="utf-8")) if REPORT.exists() else {}
    runs = {name: known.get(name, {}).get("run", {}) for name in names}
    return [
        name
        for name, run in runs.items()
        if run.get("changed_meanwhile", True) or run["source"] != machine.source(files_of(name))
    ]


def run_each(given: argparse.Namespace) -> int:
    """Run several sections, each in a process of its own, so that one that breaks does not stop the others."""
    words = ["--seed", str(given.seed), "--processes", str(given.processes), *(["--quick"] if given.quick else [])]
    broken = [
        name
        for name in given.sections or SECTIONS
        if subprocess.run([sys.executable, "-m", "trust", name, *words], cwd=REPORT.parent, check=False).returncode
    ]
    print(f"does not hold: {', '.join(broken)}" if broken else "everything holds")
    return 1 if broken else 0


def main() -> int:
    """Play one case again, or run sections. The exit code."""
    given = arguments()
    if given.case is not None:
        print(section(given.sections[0]).replay(given.seed, given.case))
        return 0
    if given.stale:
        old = stale(given.sections or SECTIONS)
        print(f"to be run again: {', '.join(old)}" if old else "the report is about these very sources")
        return 1 if old else 0
    return run(given, given.sections[0]) if len(given.sections) == 1 else run_each(given)


if __name__ == "__main__":
    sys.exit(main())
