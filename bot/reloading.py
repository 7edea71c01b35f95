"""Keeps the runbooks in force up to date: by SIGHUP, and by noticing that files changed. The last good catalogue stays.

Run by bot/app.py as one task. Reading and looking happen in a thread, never on the loop. A catalogue is taken as a whole,
when it has no problems and no file changed while it was read (T38). Must not decide what a runbook may do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime

from bot.telemetry import Metrics, log
from runbooks.footprint import footprint
from runbooks.load import Catalogue, Library, Problem, load_catalog
from runbooks.model import Runbook

EVERY = 5.0  # seconds between two looks at the files' times
NAMED = 10  # runbooks named in one log line


class Reloading:
    """The reloading of one library.

    clock: UTC now. renewed: told which runbooks are new, changed or gone, once they are in force. pause: waits that many
    seconds at most, or until `ask` was called.
    """

    def __init__(
        self,
        library: Library,
        metrics: Metrics,
        clock: Callable[[], datetime],
        renewed: Callable[[Collection[str]], Awaitable[None]] | None = None,
        pause: Callable[[asyncio.Event, float], Awaitable[None]] | None = None,
    ) -> None:
        self._library = library
        self._metrics = metrics
        self._clock = clock
        self._renewed = renewed
        self._pause = pause or _pause
        self._asked = asyncio.Event()
        self._loaded = (
            ""  # footprint of what was last read, good or not: the same problems are not told again and again
        )
        self._seen = ""
        self._owed = False  # somebody asked while files were being written; at the next look, not at once and again
        self._count()

    def ask(self) -> None:
        """Load at the next opportunity, whether files changed or not (SIGHUP)."""
        self._asked.set()

    async def run(self) -> None:
        """Look and load, until cancelled."""
        self._loaded = self._seen = await self._look()
        while True:
            await self._pause(self._asked, EVERY)
            asked = self._asked.is_set() or self._owed
            self._asked.clear()
            await self.once(asked=asked)

    async def once(self, *, asked: bool = False) -> bool | None:
        """One look. True: a new catalogue is in force. False: it has problems. None: nothing was loaded.

        Without being asked, files that changed are loaded at the second look that sees them alike: half a `git pull` is
        not a catalogue.
        """
        seen = await self._look()
        still, self._seen = seen == self._seen, seen
        if not asked and (seen == self._loaded or not still):
            return None
        catalogue = await asyncio.to_thread(self._read)
        after = await self._look()
        if after != seen:
            log().info("the catalogue is being written; it is read again when it is still")
            self._seen, self._owed = after, asked
            return None
        self._loaded, self._owed = seen, False
        return await self._take(catalogue)

    async def _look(self) -> str:
        return await asyncio.to_thread(footprint, self._library.folders)

    def _read(self) -> Catalogue:
        try:
            return load_catalog(self._library.folders)
        except OSError as error:  # a folder whose parent may not be entered, or a disk that fails
            where = str(error.filename or "the catalogue")
            return Catalogue(problems=(Problem(where, 1, 1, f"cannot be read ({error.strerror}).", "mend the disk."),))

    async def _take(self, catalogue: Catalogue) -> bool:
        before, since = self._library.runbooks, self._library.since
        taken = await asyncio.to_thread(self._library.take, catalogue, self._clock())
        self._metrics.catalogue_loads.labels("taken" if taken else "refused").inc()
        self._count()
        if taken:
            found = difference(before, catalogue.runbooks)
            named = {kind: names[:NAMED] for kind, names in found.items() if names}
            log().info("the catalogue was loaded again", runbooks=len(catalogue.runbooks), **named)
            names = frozenset(name for each in found.values() for name in each)
            if names and self._renewed is not None:
                await self._renewed(names)
        else:
            log().error(
                "the catalogue on disk has problems; the last good one stays in force",
                problems=len(catalogue.problems),
                first=str(catalogue.problems[0]),
                in_force_since=since.isoformat(timespec="seconds") if since else "the start",
            )
        return taken

    def _count(self) -> None:
        self._metrics.catalogue_runbooks.set(len(self._library.runbooks))
        self._metrics.catalogue_problems.set(len(self._library.problems))


def difference(before: Mapping[str, Runbook], after: Mapping[str, Runbook]) -> dict[str, list[str]]:
    """The names of the runbooks that were added, changed and removed."""
    return {
        "added": [name for name in after if name not in before],
        "changed": [name for name, runbook in after.items() if name in before and before[name] != runbook],
        "removed": [name for name in before if name not in after],
    }


async def _pause(asked: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await asked.wait()
    except TimeoutError:
        pass  # nobody asked; it is time for the next look
