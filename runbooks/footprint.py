"""Whether anything in the catalogue's folders changed: names, times and sizes of the files that a load would read.

Called by bot/reloading.py every few seconds, in a thread. Must not read the files: this is what makes looking often cheap.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from runbooks.folder import MAX_FILES
from runbooks.load import PROMOTIONS
from runbooks.shelf import FOLDER as KNOWLEDGE


def footprint(folders: Iterable[Path]) -> str:
    """A digest that differs once a file is added, removed, renamed or written, also when its content stays the same.

    Follows the rules of runbooks/folder.py: `*.yaml`, `*.yml` and, for knowledge, `*.md`, no names with a dot in front, no linked folders, no
    `promotions`, at most 20,000 files of a folder. A folder that is not there has a digest too.
    """
    digest = hashlib.sha256()
    for folder in folders:
        digest.update(f"\0{folder}\0{os.access(folder, os.R_OK | os.X_OK)}".encode("utf-8", "surrogateescape"))
        for count, path in enumerate(_files(folder)):
            if count >= MAX_FILES:
                break
            digest.update(f"\0{path}\0{_mark(path)}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[str]:
    for where, folders, files in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != PROMOTIONS)
        yield from (
            os.path.join(where, name)  # noqa: PTH118  # a Path for each of many files would cost more than the look
            for name in sorted(files)
            if not name.startswith(".")
            and name.endswith((".yaml", ".yml", ".md") if _knows(where) else (".yaml", ".yml"))
        )


def _knows(where: str) -> bool:
    """Whether pages of knowledge lie here (runbooks/shelf.py)."""
    return where.rpartition(os.sep)[2] == KNOWLEDGE


def _mark(path: str) -> str:
    try:
        seen = os.stat(path)  # noqa: PTH116  # as above; through a link, since a mounted ConfigMap swaps what it points to
    except OSError as error:
        return f"error {error.errno}"
    return f"{seen.st_ino} {seen.st_mtime_ns} {seen.st_ctime_ns} {seen.st_size}"
