"""Where and of what the proof was made: commit, processor, Python, seed. Written beside every section.

Used by trust/__main__.py. Reads only.
"""

from __future__ import annotations

import ast
import hashlib
import os
import platform
import subprocess
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("bot", "guards", "runbooks", "templates", "trust", "tests")
SUFFIXES = (".py", ".yaml", ".j2", ".json")


def describe(now: datetime, seed: int, files: Collection[Path], *, quick: bool) -> dict[str, Any]:
    """The circumstances of a run. files: what the section is about."""
    names = [str(file.relative_to(ROOT)) for file in files]
    changed = _git("status", "--porcelain", "--", *names).splitlines()
    return {
        "at": now.isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "--short", "HEAD"),
        "uncommitted_files": len(changed),
        "files": len(files),
        "source": source(files),
        "seed": seed,
        "quick": quick,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "processor": processor(Path("/proc/cpuinfo")),
        "cores": os.cpu_count(),
        "load": [round(value, 2) for value in os.getloadavg()],
    }


def everything(root: Path = ROOT) -> set[Path]:
    """Every source, test and template of the project."""
    found = (file for name in FOLDERS for file in (root / name).rglob("*"))
    return {file for file in found if file.suffix in SUFFIXES}


def imported(first: Path, root: Path = ROOT) -> set[Path]:
    """That module and every module of the project that it imports, anywhere in it, and so on."""
    found: set[Path] = set()
    ways = [first]
    while ways:
        file = ways.pop()
        if file in found or not file.is_file():
            continue
        found.add(file)
        names: set[str] = set()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            elif isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
        for name in names:
            place = root / name.replace(".", "/")
            ways += [place.with_suffix(".py"), place / "__init__.py"]
    return found


def source(files: Collection[Path], root: Path = ROOT) -> str:
    """SHA-256 of the names and contents of these files, 16 hex digits: what a figure is about."""
    made = hashlib.sha256()
    for file in sorted(files):
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
