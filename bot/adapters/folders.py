"""Opening folders so that no link can lead elsewhere (mission X2, trust case T33): one component at a time, no links.

Used by the disk and settings adapters. What is opened is held by descriptor, so a folder that is exchanged between the
check and the act does not matter. Must not create anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from bot.errors import Permanent

# Folders whose loss cannot be undone; neither they nor anything below is ever cleaned or rewritten (T42).
KEPT_WITH_ALL_BELOW = (
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/sbin", "/sys", "/usr", "/var/lib",
    "/var/spool", "/var/mail", "/var/backups",
)  # fmt: skip
KEPT = frozenset(
    {"/", "/home", "/root", "/var", "/var/log", "/var/cache", "/opt", "/srv", "/mnt", "/media", "/run", "/data"}
)
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def is_plain(path: str) -> bool:
    """Whether it is an absolute path, already normal, of printable ASCII without patterns."""
    parts = path.split("/")
    return (
        path.isascii()
        and path.isprintable()
        and len(parts) >= 2
        and parts[0] == ""
        and (path == "/" or all(part not in ("", ".", "..") and not part.startswith("-") for part in parts[1:]))
        and not set(path) & set("*?[]{}\\")
    )


def is_kept(folder: str) -> bool:
    """Whether this folder must never lose a file: system folders, the roots of homes and mounts, a whole home."""
    if folder in KEPT or any(folder == kept or folder.startswith(kept + "/") for kept in KEPT_WITH_ALL_BELOW):
        return True
    parts = folder.split("/")
    return (len(parts) == 3 and parts[1] == "home") or any(part in (".ssh", ".gnupg", ".git") for part in parts)


@contextmanager
def opened(path: str) -> Iterator[int]:
    """A descriptor of the folder, reached without following any link. Raises Permanent when that cannot be done."""
    if not is_plain(path):
        raise Permanent(f"{path!r} is not a plain absolute path")
    try:
        held = os.open("/", _FOLDER)
        for part in path.split("/")[1:]:
            if part:
                below = _step(held, part)
                os.close(held)
                held = below
    except OSError as error:
        raise Permanent(f"{path} cannot be opened without following a link: {error.strerror}") from error
    try:
        yield held
    finally:
        os.close(held)


def _step(held: int, part: str) -> int:
    try:
        return os.open(part, _FOLDER, dir_fd=held)
    except OSError:
        os.close(held)
        raise
