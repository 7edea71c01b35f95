"""The kill switch: a row, a file and a signal; any one of them stops, and what cannot be read stops all (G10, T55).

Asked before every step by bot/stages and bot/flow.py; engaged by chat, `runbookctl kill`, a file or SIGUSR1; lifted
only through bot/requests.py, which checks role and reason. It survives restarts. Must not need Slack or the database
to stop.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from sqlmodel import Session

from bot.errors import CountersignError, Permanent, Transient
from bot.store import kill_switch as rows
from bot.store.session import Store
from guards.context import Stop

T = TypeVar("T")

LOG = logging.getLogger(__name__)
LOCK_TRIES, LOCK_PAUSE = 50, 0.02  # seconds
PATIENCE = 2.0  # seconds for the database to answer; then it counts as unreadable
LARGEST = 65_536  # bytes of the file; more is not ours
BOT = "countersign"
SIGNAL = Stop("all", "", "the process was told to stop by a signal (SIGUSR1)", "signal")


class KillSwitch:
    """store: for the rows. file: `state/STOP` or another path beside the database. clock: UTC now.

    patience: seconds that the database has to answer.
    """

    def __init__(self, store: Store, file: Path, clock: Callable[[], datetime], patience: float = PATIENCE) -> None:
        self._store = store
        self._file = file
        self._clock = clock
        self._patience = patience
        self.signalled = False

    def signal(self) -> None:
        """Stop all at once; safe in a signal handler of the loop. Also written to the file, to survive a restart."""
        self.signalled = True
        try:
            engage_file(self._file, SIGNAL.level, SIGNAL.name, SIGNAL.reason, SIGNAL.by)
        except Transient as error:
            LOG.error("kill switch engaged by signal, but not written to %s: %s", self._file, error)

    async def stops(self) -> tuple[Stop, ...]:
        """Everything that is stopped now. Never raises and never waits long: an unreadable part stops all."""
        return (await self.stops_and(lambda _session: None))[0]

    async def stops_and(self, look: Callable[[Session], T]) -> tuple[tuple[Stop, ...], T | None]:
        """`stops`, and what `look` finds in the same read; None when the database cannot be read, and all is stopped.

        The file and the signal are looked at last, when the database has answered: this is the last look before an act.
        """
        try:
            async with asyncio.timeout(self._patience):
                engaged, found = await self._store.read(lambda session: (rows.engaged(session), look(session)))
        except (CountersignError, TimeoutError, OSError) as error:
            LOG.error("kill switch cannot read the database, so everything is stopped: %s", error)
            return together(self.here(), (Stop("all", "", "the database cannot be read", BOT),)), None
        return together(self.here(), engaged), found

    def here(self) -> tuple[Stop, ...]:
        """What the file and the signal stop. For who reads the rows in a transaction of his own (`together`)."""
        found = stops_in_file(self._file)
        return (*found, SIGNAL) if self.signalled else found

    async def engage(self, level: str, name: str, reason: str, by: str) -> None:
        """Stop it, in the file and in the database; one of the two is enough.

        level: all, environment, service or action. Raises ValueError for a bad level or name, Transient when neither
        could be written (everything is stopped in this process all the same).
        """
        rows.check(level, name)
        failed: list[Exception] = []
        try:
            engage_file(self._file, level, name, reason, by)
        except Transient as error:
            failed.append(error)
        now = self._clock()
        try:
            await self._store.write(lambda session: rows.engage(session, level, name, reason, by, now))
        except CountersignError as error:
            failed.append(error)
        for failure in failed:
            LOG.error("kill switch engaged, but not everywhere: %s", failure)
        if len(failed) > 1:
            self.signalled = True
            raise Transient(
                f"the kill switch could not be written; all is stopped until this process ends: {failed[0]}"
            )

    async def lift(self, level: str, name: str, reason: str, by: str) -> bool:
        """Lift exactly that stop, its row and its entry in the file; False when neither was there.

        Lifting `all` also clears the signal and a file that cannot be read. The row goes first: when the database
        cannot be written nothing is lifted. Raises ValueError, Transient or Permanent.
        """
        now = self._clock()
        lifted = await self._store.write(lambda session: rows.lift(session, level, name, reason, by, now))
        lifted = lift_file(self._file, level, name) or lifted
        if level == "all":
            lifted = self.signalled or lifted
            self.signalled = False
        return lifted


def together(*parts: Sequence[Stop]) -> tuple[Stop, ...]:
    """Every stop once, in the order given; of several with one level and name the first."""
    found: dict[tuple[str, str], Stop] = {}
    for part in parts:
        for stop in part:
            found.setdefault((stop.level, stop.name), stop)
    return tuple(found.values())


def engage_file(path: Path, level: str, name: str, reason: str, by: str) -> None:
    """Add one stop to the file, durably; works with everything else down.

    Raises ValueError for a bad level or name, Transient when the file cannot be written. A file that cannot be read
    stops all already and is kept as it is.
    """
    rows.check(level, name)
    line = json.dumps({"level": level, "name": name, "reason": reason, "by": by})
    try:
        with _alone(path.parent):
            before = path.read_bytes() if path.exists() else b""
            if before and not before.endswith(b"\n"):
                before += b"\n"
            _write(path, before + line.encode() + b"\n")
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
        found.append(Stop("all", "", f"the file {path.name} is there and does not say what to stop", BOT))
    return tuple(found)


def lift_file(path: Path, level: str, name: str) -> bool:
    """Remove one stop from the file; with `all` also what cannot be read. Whether anything was removed.

    Raises Transient when the file cannot be changed: the stop then stays.
    """
    try:
        with _alone(path.parent):
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
    lines = [json.dumps({"level": s.level, "name": s.name, "reason": s.reason, "by": s.by}) for s in kept]
    try:
        if lines:
            _write(path, ("\n".join(lines) + "\n").encode())
        else:
            path.unlink()
            _sync_folder(path.parent)
    except OSError as error:
        raise Transient(f"{path} cannot be changed: {error.strerror}") from error
    return True


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
            rows.check(stop.level, stop.name)
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
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else of us changes the file meanwhile: two kills at once must not lose one.

    Waits a second at most; an emergency stop is never held up by a process that hangs with the lock in its hand.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for _ in range(LOCK_TRIES):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(LOCK_PAUSE)
        yield
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
