"""Measures a disk area and removes old files from its known-safe folders (mission X2; trust cases T42, T34).

Called by bot/flow.py with acts planned by bot/operations/disk.py. Only regular files older than N days that stand
directly in a listed folder are removed; links are not followed; folders, sockets and devices stay.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from bot.adapters.base import ActResult, Progress
from bot.adapters.folders import is_kept, is_plain, opened
from bot.adapters.hard_blocks import blocked, check_target
from bot.adapters.output import Capture
from bot.adapters.registry import Registry
from bot.errors import Permanent
from bot.plan import Act
from guards.decision import Deny

KIND = "disk_area"
OPERATIONS = ("disk.report", "disk.clean_paths")
NAMED = 200  # files and folders named in the report
DEPTH = 12  # levels of folders that a report looks into
DAY = 86_400.0
Clock = Callable[[], datetime]


@dataclass(slots=True)
class _Tally:
    """What one walk found or did. stopped: it was told to end before it was through."""

    files: int = 0
    size: int = 0
    kept: int = 0
    lines: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    stopped: bool = False


class _Stop:
    """Tells a walk in a thread when to end: at the deadline (seconds from now), or when `set` was called."""

    def __init__(self, deadline: float) -> None:
        self._end = time.monotonic() + deadline
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def is_set(self) -> bool:
        return self._event.is_set() or time.monotonic() >= self._end


class DiskAdapter:
    """Carries `disk.report` and `disk.clean_paths`. clock: timezone-aware now, for the age of files."""

    name = "disk"

    def __init__(self, registry: Registry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock

    def forbidden(self, act: Act) -> Deny | None:
        """Hard blocks: target, folders that are not listed for this target, system folders, an age below a day."""
        found = check_target(act, OPERATIONS)
        if found is not None:
            return found
        root, paths = act.request.get("root"), act.request.get("paths")
        if not isinstance(root, str) or not isinstance(paths, list) or not paths:
            return blocked("cleaning without named folders")
        settings = self._registry.settings(act, KIND)
        if isinstance(settings, Deny):
            return settings
        if settings.get("root") != root or not set(map(str, paths)) <= set(settings.get("paths", [])):
            return blocked("touching a folder that services.yaml does not list as safe")
        cleans = act.operation == "disk.clean_paths"
        for folder in _folders(act):
            if not is_plain(folder) or folder == root:
                return blocked(f"touching {folder!r}, which is not a plain folder below the root")
            if cleans and is_kept(folder):
                return blocked(f"removing files from {folder}")
        days = act.request.get("older_than_days")
        if cleans and (type(days) is not int or not 1 <= days <= 3650):
            return blocked("removing files without an age of at least one day")
        return None

    async def identify(self, act: Act) -> Deny | None:
        """Catalogue unchanged, and every folder is there, inside the root, with no link on the way."""
        found = self._registry.differs(act, KIND, ("root", "paths"))
        return found or await asyncio.to_thread(_check_folders, act)

    async def act(self, act: Act, key: str, progress: Progress) -> ActResult:
        """Measure or clean. At the deadline it stops between two files and says so; never Ambiguous. Raises Permanent
        when a folder cannot be opened.
        """
        refused = self.forbidden(act)
        if refused is not None:
            raise Permanent(refused.reason)
        loop = asyncio.get_running_loop()
        started = loop.time()
        stop = _Stop(act.deadline_seconds)
        cleans = act.operation == "disk.clean_paths"
        before = self._clock().timestamp() - float(act.request.get("older_than_days", 0)) * DAY
        results: list[tuple[str, _Tally]] = []
        try:
            for folder in _folders(act):
                await progress(f"{'cleaning' if cleans else 'measuring'} {folder}")
                walk = partial(_clean, folder, before, stop) if cleans else partial(_measure, folder, stop)
                results.append((folder, await asyncio.to_thread(walk)))
        finally:
            stop.set()  # ends the thread also when this task is cancelled
        usage = await asyncio.to_thread(_usage, act.request["root"])
        return _result(act, results, usage, round(loop.time() - started, 3))


def _folders(act: Act) -> list[str]:
    root = str(act.request["root"]).rstrip("/")
    return [f"{root}/{path}" for path in act.request["paths"]]


def _check_folders(act: Act) -> Deny | None:
    for folder in _folders(act):
        try:
            with opened(folder):
                continue
        except Permanent as error:
            return Deny("target_gone", f"{act.target.key}: {error}.", "Correct root and paths in services.yaml.")
    return None


def _usage(root: str) -> dict[str, Any]:
    with opened(root) as held:
        found = os.fstatvfs(held)
    used = (found.f_blocks - found.f_bfree) * found.f_frsize
    free = found.f_bavail * found.f_frsize
    return {"used_percent": round(100 * used / max(1, used + free), 2), "free_bytes": free}


def _clean(folder: str, before: float, stop: _Stop) -> _Tally:
    tally = _Tally()
    with opened(folder) as held:
        device = os.fstat(held).st_dev
        for name in sorted(os.listdir(held)):  # noqa: PTH208  # reason: a folder by descriptor
            if stop.is_set():
                tally.stopped = True
                break
            try:
                found = os.stat(name, dir_fd=held, follow_symlinks=False)
                if not stat.S_ISREG(found.st_mode) or found.st_mtime >= before or found.st_dev != device:
                    tally.kept += 1
                    continue
                os.unlink(name, dir_fd=held)  # only os.unlink takes a folder descriptor
            except OSError as error:
                tally.failed.append(f"{folder}/{name}: {error.strerror}")
                continue
            tally.files += 1
            tally.size += found.st_size
            tally.lines.append(f"{folder}/{name} ({found.st_size} bytes)")
    return tally


def _measure(folder: str, stop: _Stop) -> _Tally:
    """Sizes of what stands in the folder, folders with all below; links are counted, not followed."""
    tally = _Tally()
    sizes: list[tuple[int, str]] = []
    with opened(folder) as held:
        for name in sorted(os.listdir(held)):  # noqa: PTH208  # reason: a folder by descriptor
            before = tally.size
            _add(held, name, tally, stop, DEPTH)
            sizes.append((tally.size - before, name))
    tally.lines = [f"{size} bytes {folder}/{name}" for size, name in sorted(sizes, reverse=True)]
    tally.stopped = stop.is_set()
    return tally


def _add(held: int, name: str, tally: _Tally, stop: _Stop, depth: int) -> None:
    if stop.is_set():
        return
    try:
        found = os.stat(name, dir_fd=held, follow_symlinks=False)
        tally.files += 1
        tally.size += found.st_blocks * 512
        if not stat.S_ISDIR(found.st_mode) or depth == 0:
            return
        below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=held)
    except OSError as error:
        tally.failed.append(f"{name}: {error.strerror}")
        return
    try:
        for inner in os.listdir(below):  # noqa: PTH208  # reason: a folder by descriptor
            _add(below, inner, tally, stop, depth - 1)
    finally:
        os.close(below)


def _result(act: Act, results: list[tuple[str, _Tally]], usage: dict[str, Any], took: float) -> ActResult:
    cleans = act.operation == "disk.clean_paths"
    files, size = sum(t.files for _, t in results), sum(t.size for _, t in results)
    failed = [line for _, t in results for line in t.failed]
    stopped = any(t.stopped for _, t in results)
    lines = [line for _, t in results for line in t.lines]
    text = [f"{folder}: {t.files} files, {t.size} bytes" for folder, t in results]
    text += lines[:NAMED] + ([f"… and {len(lines) - NAMED} more"] if len(lines) > NAMED else [])
    text += [f"not possible: {line}" for line in failed[:NAMED]]
    text.append(f"{act.request['root']}: {usage['used_percent']} % used, {usage['free_bytes']} bytes free")
    capture = Capture()
    capture.feed("\n".join(text).encode("utf-8", errors="replace"))
    words = f"{'removed' if cleans else 'found'} {files} files, {size} bytes; {usage['used_percent']} % used"
    words += f"; {len(failed)} could not be {'removed' if cleans else 'read'}" if failed else ""
    words += "; stopped at the deadline" if stopped else ""
    return ActResult(
        ok=not stopped and not (cleans and failed),
        summary=words,
        output=capture.text,
        total_bytes=capture.total,
        sha256=hashlib.sha256("\n".join(text).encode("utf-8", errors="replace")).hexdigest(),
        took_seconds=took,
        data={"files": files, "bytes": size, "failed": len(failed), **usage},
    )
