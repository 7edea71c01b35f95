"""Fact `disk`: how full a file system is. {path, used_percent, free_bytes, total_bytes}. Settings {path} (mission X2).

used_percent is what `df` shows: used of used plus what an ordinary user may still write. With {size_bytes} it is a folder
with a bound of its own (a quota, a share that others use too): then the files below it are counted against that bound.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import Callable
from typing import Any

from pydantic import Field

from bot.errors import Permanent
from bot.facts.base import FactRequest
from bot.facts.settings import FactSettings, settings_of

MOST_FILES = 100_000
"""A look must end within the deadline of the fact."""
Measure = Callable[[str], os.statvfs_result]


class DiskSettings(FactSettings):
    """path: any folder on the file system, or the bounded folder. size_bytes: its bound; None for the file system."""

    path: str = Field(pattern=r"\A/")
    size_bytes: int | None = Field(default=None, ge=1)


class DiskFact:
    """Observes facts of kind `disk`. measure: path -> figures of its file system."""

    kind = "disk"

    def __init__(self, measure: Measure = os.statvfs) -> None:
        self._measure = measure

    async def observe(self, request: FactRequest) -> dict[str, Any]:
        """Measure. Raises Permanent when the path is not there."""
        settings = settings_of(DiskSettings, request.settings)
        path = settings.path
        try:
            if settings.size_bytes is not None:
                return _bounded(path, await asyncio.to_thread(size_below, path), settings.size_bytes)
            found = await asyncio.to_thread(self._measure, path)
        except OSError as error:
            raise Permanent(f"{path}: {error.strerror}") from error
        used = (found.f_blocks - found.f_bfree) * found.f_frsize
        free = found.f_bavail * found.f_frsize
        return {
            "path": path,
            "used_percent": round(100 * used / max(1, used + free), 2),
            "free_bytes": free,
            "total_bytes": found.f_blocks * found.f_frsize,
        }


def size_below(path: str) -> int:
    """Bytes of all files below a folder; links are not followed, and what went meanwhile does not count. Raises OSError,
    also for more than MOST_FILES: a folder of that size needs a real quota, which the file system counts.
    """
    total, count, folders = 0, 0, [path]
    while folders:
        with os.scandir(folders.pop()) as found:
            for entry in found:
                count += 1
                if count > MOST_FILES:
                    raise OSError(errno.EFBIG, f"more than {MOST_FILES} files")
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    with contextlib.suppress(FileNotFoundError):
                        total += entry.stat(follow_symlinks=False).st_size
    return total


def _bounded(path: str, used: int, size: int) -> dict[str, Any]:
    return {
        "path": path,
        "used_percent": round(100 * used / size, 2),
        "free_bytes": max(0, size - used),
        "total_bytes": size,
    }
