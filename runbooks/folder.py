"""Reading a folder of YAML files safely: which files there are, their text, and what could not be read.

Called by load (runbooks), promotion (promotion records), shelf (pages) and for single files by commands. Only regular
files inside the folder are read: a symbolic link that leaves it, a pipe, an oversized file or text that is not UTF-8 is
a problem, never a surprise. Must not parse.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from runbooks.strict import MAX_BYTES

MAX_FILES = 20_000


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. file: path as given; line, column: from 1; message: what is wrong; fix: what to do instead."""

    file: str
    line: int
    column: int
    message: str
    fix: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message} Fix: {self.fix}"


def read_folder(folder: Path, *, skip: Sequence[str] = ()) -> Iterator[tuple[Path, str] | Problem]:
    """Every `*.yaml` and `*.yml` below `folder` in a fixed order, as (path, text) or as a Problem.

    skip: names of sub-folders to leave out. Names that begin with a dot are left out (ConfigMap mounts use them).
    """
    there = is_there(folder)
    if isinstance(there, Problem):
        yield there
        return
    if not there:
        yield Problem(str(folder), 1, 1, "the folder does not exist.", "create it or correct the configuration.")
        return
    root = folder.resolve()
    count = 0
    closed: list[OSError] = []
    for where, folders, files in os.walk(folder, followlinks=False, onerror=closed.append):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in skip)
        for name in folders:
            if (Path(where) / name).is_symlink():
                yield Problem(str(Path(where) / name), 1, 1, "a linked folder is not followed.", "use a real folder.")
        for name in sorted(files):
            if name.startswith(".") or not name.endswith((".yaml", ".yml")):
                continue
            count += 1
            if count > MAX_FILES:
                yield Problem(str(folder), 1, 1, f"more than {MAX_FILES} files.", "split the catalogue.")
                return
            yield read_file(Path(where) / name, root)
    for error in closed:  # what cannot be looked into is not empty
        yield _closed(Path(error.filename or folder), error)


def is_there(folder: Path) -> bool | Problem:
    """Whether there is such a folder; a Problem when nobody can tell."""
    try:
        return folder.is_dir()
    except OSError as error:
        return _closed(folder, error)


def _closed(folder: Path, error: OSError) -> Problem:
    return Problem(str(folder), 1, 1, f"cannot be looked into ({error.strerror}).", "correct its permissions.")


def read_file(path: Path, root: Path) -> tuple[Path, str] | Problem:
    """The text of one regular file that lies inside `root` (already resolved), or the Problem with it."""
    if path.is_symlink():
        try:
            inside = path.resolve(strict=True).is_relative_to(root)
        except (OSError, RuntimeError):
            return Problem(str(path), 1, 1, "a symbolic link that leads nowhere.", "remove it.")
        if not inside:
            return Problem(str(path), 1, 1, "a symbolic link out of the folder.", "put the file itself here.")
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return Problem(str(path), 1, 1, "not a regular file.", "put a file with text in its place.")
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        return Problem(str(path), 1, 1, f"cannot be read ({error.strerror}).", "correct its permissions.")
    if len(raw) > MAX_BYTES:
        return Problem(str(path), 1, 1, f"larger than {MAX_BYTES // 1024} KiB.", "split the file.")
    try:
        return path, raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return Problem(str(path), line, 1, "not UTF-8 text.", "save the file as UTF-8.")
