"""Disk operations: report what fills an area, clean old files from its known-safe folders (mission X2).

Plans only; carried out by bot/adapters/disk.py. Kind `disk_area`, settings {root, paths: [folder, ...]}: folders
relative to root, written out, no patterns. Nothing outside them can be planned, and only files in them are removed.
"""

from __future__ import annotations

from typing import Any

import re2
from pydantic import Field

from bot.operations.base import Operation, PlanRequest
from bot.operations.parameters import NoParameters, Parameters, TargetSettings, folder_path, given, settings_of
from bot.plan import Act
from guards import exclusive, rate_limit

KIND = "disk_area"
ADAPTER = "disk"
FOLDER = re2.compile(r"\A[A-Za-z0-9_][A-Za-z0-9._ -]{0,127}(/[A-Za-z0-9_][A-Za-z0-9._ -]{0,60}){0,12}\z")


class AreaSettings(TargetSettings):
    """root: absolute folder; paths: known-safe folders below it, each given in full."""

    root: str
    paths: list[str] = Field(min_length=1, max_length=50)


class OlderThan(Parameters):
    """older_than_days: only files not changed for so many days, 1 to 3650."""

    older_than_days: int = Field(ge=1, le=3650)


def area_request(request: PlanRequest) -> dict[str, Any]:
    """The resolved request that both operations share. Raises ValueError."""
    settings = settings_of(AreaSettings, request.entry.settings)
    folder_path(settings.root, "root")
    for path in settings.paths:
        if not FOLDER.match(path):
            raise ValueError(f"{path!r} is not a plain relative folder name without patterns, `.` or `..`.")
    if len(set(settings.paths)) != len(settings.paths):
        raise ValueError("a folder is listed twice.")
    return {"root": settings.root, "paths": list(settings.paths)}


def _words(resolved: dict[str, Any]) -> str:
    return ", ".join(f"{resolved['root'].rstrip('/')}/{path}" for path in resolved["paths"])


@rate_limit(max=120, per="target", window=3600)
def report(request: PlanRequest) -> Act:
    """Measure the area and its known-safe folders; changes nothing."""
    given(NoParameters, request.parameters)
    resolved = area_request(request)
    return Act(
        adapter=ADAPTER,
        operation="disk.report",
        target=request.target,
        request=resolved,
        shown=f"measure {_words(resolved)}",
        deadline_seconds=request.deadline_seconds,
        idempotent=True,
        cancel_safe=True,
    )


@exclusive(per="target")
def clean_paths(request: PlanRequest) -> Act:
    """Remove old regular files that stand directly in the known-safe folders."""
    days = given(OlderThan, request.parameters).older_than_days
    resolved = area_request(request)
    return Act(
        adapter=ADAPTER,
        operation="disk.clean_paths",
        target=request.target,
        request=resolved | {"older_than_days": days},
        shown=f"remove files older than {days} days in {_words(resolved)}",
        deadline_seconds=request.deadline_seconds,
        idempotent=True,
    )


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="disk.report",
        target_kind=KIND,
        read_only=True,
        parameters=NoParameters,
        plan=report,
        summary="Report what fills a disk area",
    ),
    Operation(
        name="disk.clean_paths",
        target_kind=KIND,
        read_only=False,
        parameters=OlderThan,
        plan=clean_paths,
        summary="Remove old files from known-safe folders",
    ),
)
