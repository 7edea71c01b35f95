"""The file of the kill switch: what it stops, written and lifted with everything else down (mission G10, trust case T55).

Used by bot/kill_switch.py, which adds the rows and the signal, and by `runbookctl kill`, which needs nothing but this: it is
wanted in a hurry, on a machine that may be overloaded, so nothing heavy is imported here. What cannot be read stops all.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.errors import Permanent, Transient
from guards.context import Stop

LEVELS = ("all", "environment", "service", "action", "monitor")
WITHOUT_NAME = ("all", "monitor")
LOCK_TRIES, LOCK_PAUSE = 50, 0.02  # seconds
LARGEST = 65_536  # bytes of the file; more is not ours
LONGEST_REASON = 1_000  # characters; the file must stay readable
BOT = "countersign"
SAYS_NOTHING = "is there and does not say what to stop"


def check(level: str, name: str) -> None:
    """Raises ValueError for an unknown level, a level without its name, or `all` or `monitor` with one."""
    if level not in LEVELS:
        raise ValueError(f"{level!r} is not a level of the kill switch; use one of {', '.join(LEVELS)}")
    if (level in WITHOUT_NAME) == bool(name):
        raise ValueError("name which environment, service or action; `all` and `monitor` take no name")


def engage_file(path: Path, level: str, name: str, reason: str, by: str) -> None:
    """Add one stop to the file, durably; works with everything else down.

    Raises ValueError for a bad level or name, Transient when the file cannot be written. A file that cannot be read
    stops all already and is kept as it is; one that says nothing (`touch`) goes on stopping all, and now says so. What is
    engaged already stays as it is, with the first reason.
    """
    check(level, name)
    new = Stop(level, name, reason[:LONGEST_REASON], by)
    try:
        with _alone(path.parent):
            before = path.read_bytes() if path.exists() else None
            found, damaged = _parse(before or b"")
            if any((stop.level, stop.name) == (level, name) for stop in found) or len(before or b"") > LARGEST:
                return
            if before is not None and not found and not damaged:
                before = _lines([Stop("all", "", f"the file {path.name} {SAYS_NOTHING}", BOT)])
            kept = before or b""
            _write(path, kept + (b"" if not kept or kept.endswith(b"\n") else b"\n") + _lines([new]))
    except OSError as error:
        raise Transient(f"{path} cannot be written: {error.strerror}") from error


def stops_in_file(path: Path) -> tuple[Stop, ...]:
    """The stops in the file, none when there is no file. Empty, unreadable or not ours: stop all."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        return (Stop("all", "", f"the file {path.name} cannot be read ({error.strerror})", BOT),)
    found, damaged = _parse(raw)
    if damaged or not found:
        found.append(Stop("all", "", f"the file {path.name} {SAYS_NOTHING}", BOT))
    return tuple(found)


def lift_file(path: Path, level: str, name: str) -> bool:
    """Remove one stop from the file; with `all` also what cannot be read. Whether anything was removed.

    Raises Transient when the file cannot be changed, or another process may be changing it: the stop then stays.
    """
    try:
        with _alone(path.parent) as alone:
            if not alone:
                raise Transient(f"another process is changing {path}; nothing is lifted")
            return _lift(path, level, name)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise Transient(f"{path} cannot be changed: {error.strerror}") from error


def _lift(path: Path, level: str, name: str) -> bool:
    """`lift_file`, alone in the folder."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise Transient(f"{path} cannot be read: {error.strerror}") from error
    found, damaged = _parse(raw)
    if damaged and level != "all":
        raise Permanent(f"{path} cannot be understood and stops all; lift `all` first")
    kept = [stop for stop in found if (stop.level, stop.name) != (level, name)]
    if len(kept) == len(found) and not damaged and found:
        return False
    if not found and level != "all":
        return False
    try:
        if kept:
            _write(path, _lines(kept))
        else:
            path.unlink()
            _sync_folder(path.parent)
    except OSError as error:
        raise Transient(f"{path} cannot be changed: {error.strerror}") from error
    return True


def _lines(stops: Iterable[Stop]) -> bytes:
    """Each as a line of the file."""
    told = ({"level": stop.level, "name": stop.name, "reason": stop.reason, "by": stop.by} for stop in stops)
    return b"".join(json.dumps(one).encode() + b"\n" for one in told)


def _parse(raw: bytes) -> tuple[list[Stop], bool]:
    """The stops that can be read, and whether anything else is in there."""
    if len(raw) > LARGEST:
        return [], True
    found: list[Stop] = []
    damaged = False
    for line in raw.split(b"\n"):
        if not line.strip():
            continue
        try:
            told = json.loads(line)
            stop = Stop(*(str(told[key]) for key in ("level", "name", "reason", "by")))
            check(stop.level, stop.name)
            found.append(stop)
        except (ValueError, KeyError, TypeError, RecursionError):
            damaged = True
    return found, damaged


def _write(path: Path, content: bytes) -> None:
    """Replace the file by a complete one that is on disk before its name is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Nobody else of us changes the file meanwhile: two kills at once must not lose one. False when that is not sure.

    Waits a second at most; an emergency stop is never held up by a process that hangs with the lock in its hand.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        alone = False
        for _ in range(LOCK_TRIES):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(LOCK_PAUSE)
            else:
                alone = True
                break
        yield alone
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
