"""Where and what was measured: processor, fdatasync, commit, seed. Written beside every result.

Used by __main__. Reads only.
"""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import reference


def describe(folder: Path, seed: int, rounds: int) -> dict[str, Any]:
    """The circumstances of a run. folder: on the file system whose fdatasync is measured."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "--short", "HEAD"),
        "uncommitted_files": len(
            _git("status", "--porcelain", "--", "bot", "guards", "runbooks", "templates").splitlines()
        ),
        "seed": seed,
        "rounds": rounds,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "load": [round(value, 2) for value in os.getloadavg()],
        "disk": fdatasync(folder),
    }


def fdatasync(folder: Path) -> dict[str, Any]:
    """Median and p99 of a 1 KiB write with fdatasync, as the limits measure it."""
    try:
        found: dict[str, Any] = reference.load("limits").fsync(str(folder))
    except reference.Missing as error:
        return {"not measured": str(error)}
    return found


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=reference.ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
