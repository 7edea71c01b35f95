"""Where and of what the proof was made: commit, processor, Python, seed. Written beside every section.

Used by trust/__main__.py. Reads only.
"""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def describe(now: datetime, seed: int, *, quick: bool) -> dict[str, Any]:
    """The circumstances of a run."""
    changed = _git("status", "--porcelain", "--", "bot", "guards", "runbooks", "trust").splitlines()
    return {
        "at": now.isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "--short", "HEAD"),
        "uncommitted_files": len(changed),
        "seed": seed,
        "quick": quick,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "processor": processor(Path("/proc/cpuinfo")),
        "cores": os.cpu_count(),
        "load": [round(value, 2) for value in os.getloadavg()],
    }


def processor(told: Path) -> str:
    """The processor's name as the kernel tells it, else the kind of machine."""
    if told.is_file():
        for line in told.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
