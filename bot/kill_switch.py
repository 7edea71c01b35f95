"""The kill switch: a row, a file and a signal; any one of them stops, and what cannot be read stops all (G10, T55).

Asked before every step by bot/stages and bot/flow.py; engaged by chat, `runbookctl kill`, a file or SIGUSR1; lifted
only through bot/requests.py, which checks role and reason. It survives restarts. Must not need Slack or the database
to stop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from sqlmodel import Session

from bot.errors import CountersignError, Transient
from bot.stop_file import BOT, check, engage_file, lift_file, stops_in_file
from bot.store import kill_switch as rows
from bot.store.session import Store
from guards.context import Stop

T = TypeVar("T")

LOG = logging.getLogger(__name__)
PATIENCE = 2.0  # seconds for the database to answer; then it counts as unreadable
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
        check(level, name)
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
