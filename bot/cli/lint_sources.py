"""What `runbookctl lint` reads: the files, the days of their last review in Git, the promotion records, the look of secrets.

Used by bot/cli/lint.py only. Git is started with an argument list, never a shell; without Git nothing is known, and no review
is overdue. Must not judge and must not write.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import re2

from bot.redact import FORMATS, LONGEST, NAMED
from bot.review import GIT
from runbooks.folder import Problem, read_file, read_folder
from runbooks.promotion import FOLDER, Promotion, load_promotions

Read = tuple[Path, str] | Problem
Git = Callable[[Sequence[str], Path], str]
"""Standard output of `git` with these arguments in this folder; empty when there is no Git or it failed."""

GIT_SECONDS = 10.0
MOST_COMMITS = 5_000  # of one folder; a file whose last change is older than that many commits is simply not known
MARK = "\x01"


@dataclass(frozen=True, slots=True)
class Missing(Exception):
    """There is nothing to lint here; the words say what and what to do."""

    message: str

    def __str__(self) -> str:
        return self.message


def read_paths(paths: Iterable[Path]) -> Iterator[Read]:
    """Every runbook below the paths, each file once. Raises Missing for a path that is not there or holds no runbook."""
    seen: set[Path] = set()
    for path in paths:
        if not path.exists() and not path.is_symlink():
            raise Missing(f"there is no file or folder {path}. Check the spelling, or run it in another folder.")
        if path.is_file() and path.absolute().parent.name == FOLDER:
            continue  # a record, which `promotions` reads and checks
        count = 0
        for found in _below(path):
            count += 1
            where = found[0].resolve() if isinstance(found, tuple) else None
            if where is None or where not in seen:
                yield found
            if where is not None:
                seen.add(where)
        if not count:
            raise Missing(f"there is no runbook in {path}. Name a folder that holds *.yaml files, or a file.")


def _below(path: Path) -> Iterator[Read]:
    if path.is_dir():
        yield from read_folder(path, skip=(FOLDER,))
        return
    found = read_file(path, Path(os.path.abspath(path)).parent.resolve())  # noqa: PTH100  # reason: Path.absolute keeps `..`
    yield found


def promotions(paths: Iterable[Path], given: Sequence[Path]) -> tuple[tuple[Promotion, ...], tuple[Problem, ...]]:
    """The records of the given folders; else of every folder called `promotions` below the paths and beside them."""
    folders = list(given)
    for path in () if given else paths:
        root = path if path.is_dir() else path.parent
        folders += [root / FOLDER, root.parent / FOLDER]
        if path.is_dir():
            folders += sorted(Path(where) / FOLDER for where, names, _ in os.walk(path) if FOLDER in names)
    distinct: dict[Path, Path] = {}
    for folder in folders:
        distinct.setdefault(folder.resolve(), folder)
    return load_promotions(tuple(distinct.values()))


def call_git(arguments: Sequence[str], folder: Path) -> str:
    """Really ask Git; what goes wrong is nothing known."""
    try:
        done = subprocess.run(
            [*GIT, "-C", str(folder), "-c", "core.quotepath=off", *arguments],
            capture_output=True,
            timeout=GIT_SECONDS,
            check=False,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


def reviewed(paths: Iterable[Path], git: Git) -> Mapping[str, date]:
    """Path of a runbook, as read_paths gives it -> day of its last commit. Files with changes of their own are left out."""
    found: dict[str, date] = {}
    for folder in dict.fromkeys(path if path.is_dir() else path.parent for path in paths):
        log = git(
            [
                "log",
                f"--max-count={MOST_COMMITS}",
                f"--format=format:{MARK}%cI",
                "--name-only",
                "--relative",
                "--",
                ".",
            ],
            folder,
        )
        changed = git(["diff", "--no-ext-diff", "--name-only", "--relative", "HEAD", "--", "."], folder)
        being_reviewed = set(changed.splitlines())
        day: date | None = None
        for line in log.splitlines():
            if line.startswith(MARK):
                day = _day(line[len(MARK) :])
            elif line and day is not None and line not in being_reviewed:
                found.setdefault(str(folder / line), day)
    return found


def _day(text: str) -> date | None:
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        return None


# A value under a secret-sounding name is only a secret when it looks like one: `token: expired` in a sentence is none.
_FORMATS = tuple(re2.compile(pattern.encode()) for _, pattern in FORMATS)
_NAMED = tuple((kind, re2.compile(pattern.encode())) for kind, pattern in NAMED)
_REFERENCE = re2.compile(rb"\$\{[a-z][a-z0-9_]*\}|\[redacted:.*")
SHORTEST_VALUE = 6
LONG_VALUE = 20


@lru_cache(maxsize=1)
def _any() -> Any:
    return re2.compile("|".join(f"(?:{pattern})" for _, pattern in (*FORMATS, *NAMED)).encode())


def is_secret(text: str) -> bool:
    """Whether the text holds a known format of secret, or a named one whose value looks like a secret (bot/redact.py)."""
    raw = text[:LONGEST].encode("utf-8", "replace")
    if _any().search(raw) is None:
        return False
    if any(pattern.search(raw) for pattern in _FORMATS):
        return True
    return any(
        kind == "userinfo" or _looks_secret(match.group(2))
        for kind, pattern in _NAMED
        for match in pattern.finditer(raw)
    )


def _looks_secret(value: bytes) -> bool:
    bare = value.strip().strip(b"\"'\\").strip()
    if len(bare) < SHORTEST_VALUE or _REFERENCE.fullmatch(bare) or b" " in bare:
        return False
    return len(bare) >= LONG_VALUE or any(chr(c).isdigit() for c in bare)
