"""Where and of what the proof was made: commit, processor, Python, seed. Written beside every section.

Used by trust/__main__.py. Reads only.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SUFFIXES = (".py", ".yaml", ".j2", ".json")


def describe(now: datetime, seed: int, paths: Sequence[str], *, quick: bool) -> dict[str, Any]:
    """The circumstances of a run. paths: folders and patterns below the root that the section is about."""
    changed = _git("status", "--porcelain", "--", *paths).splitlines()
    return {
        "at": now.isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "--short", "HEAD"),
        "uncommitted_files": len(changed),
        "about": list(paths),
        "source": source(paths),
        "seed": seed,
        "quick": quick,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "processor": processor(Path("/proc/cpuinfo")),
        "cores": os.cpu_count(),
        "load": [round(value, 2) for value in os.getloadavg()],
    }


def source(paths: Sequence[str], root: Path = ROOT) -> str:
    """SHA-256 of the names and contents of these sources, 16 hex digits: what a figure is about. paths: folders, patterns."""
    made = hashlib.sha256()
    found = {file for path in paths for file in root.glob(path)}
    files = {file for each in found for file in (each.rglob("*") if each.is_dir() else (each,))}
    for file in sorted(each for each in files if each.suffix in SUFFIXES):
        content = file.read_bytes()
        made.update(f"{file.relative_to(root)} {len(content)}\n".encode() + content)
    return made.hexdigest()[:16]


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
