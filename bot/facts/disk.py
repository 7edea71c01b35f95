"""Fact `disk`: how full a file system is. {path, used_percent, free_bytes, total_bytes}. Settings {path} (mission X2).

used_percent is what `df` shows: used of used plus what an ordinary user may still write.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

from pydantic import Field

from bot.errors import Permanent
from bot.facts.base import FactRequest
from bot.facts.settings import FactSettings, settings_of

Measure = Callable[[str], os.statvfs_result]


class DiskSettings(FactSettings):
    """path: any folder on the file system."""

    path: str = Field(pattern=r"\A/")


class DiskFact:
    """Observes facts of kind `disk`. measure: path -> figures of its file system."""

    kind = "disk"

    def __init__(self, measure: Measure = os.statvfs) -> None:
        self._measure = measure

    async def observe(self, request: FactRequest) -> dict[str, Any]:
        """Measure. Raises Permanent when the path is not there."""
        path = settings_of(DiskSettings, request.settings).path
        try:
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
