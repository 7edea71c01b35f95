"""The promotion records in force, read again whenever a file changed (mission R5, case T41).

Made by bot/app.py; looked at by bot/stages/promoted.py and bot/stages/match.py. `refresh` is called before every decision,
so a record that is withdrawn between approval and act promotes nothing any more. A record that cannot be read promotes
nothing. Must not ask a clock or write.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from guards.decision import Deny
from runbooks.folder import Problem
from runbooks.ladder import STRICTEST, Ladder
from runbooks.promotion import Promotion, honoured, load_promotions, promoted

Seen = tuple[tuple[str, int, int, int], ...]
Pair = tuple[str, str]


class PromotionRecords:
    """ladder: which environments need a record. problems: what is wrong with the files that promote nothing.

    folders: of records, those that are not there count as empty. demotes: whether a failure after the record ends it.
    """

    def __init__(
        self,
        folders: Sequence[Path | str] = (),
        ladder: Ladder = STRICTEST,
        *,
        demotes: bool = True,
        records: Iterable[Promotion] = (),
    ) -> None:
        """records: some that are not in files, for simulations and tests."""
        self.ladder = ladder
        self.demotes = demotes
        self.folders = tuple(Path(folder) for folder in folders)
        self.problems: tuple[Problem, ...] = ()
        self._given = tuple(records)
        self._seen: Seen | None = None
        self._records: Mapping[Pair, tuple[Promotion, ...]] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read the folders again when a file in them is another than before."""
        seen = self._look()
        if seen == self._seen:
            return
        good, problems = load_promotions(self.folders)
        found: dict[Pair, list[Promotion]] = {}
        for record in (*self._given, *good):
            found.setdefault((record.id, record.env), []).append(record)
        self._records = {pair: tuple(some) for pair, some in found.items()}  # one assignment: readers see old or new
        self.problems, self._seen = problems, seen

    def of(self, runbook: str, environment: str) -> tuple[Promotion, ...]:
        """Every record of this runbook for this environment, whatever its digest."""
        return self._records.get((runbook, environment), ())

    def record(self, runbook: str, digest: str, environment: str) -> Promotion | None:
        """The record that names this very digest for this environment, None when there is none that stands."""
        return honoured(self.of(runbook, environment), runbook, digest, environment)

    def promoted(self, runbook: str, digest: str, environment: str) -> Promotion | Deny | None:
        """As `runbooks.promotion.promoted`, with the records in force."""
        return promoted(runbook, digest, environment, self.of(runbook, environment), self.ladder)

    def _look(self) -> Seen:
        """(path, time of change, size, inode) of every file: another tuple when anything was written."""
        return tuple(sorted(about for folder in self.folders for about in _files(str(folder))))


def _files(folder: str) -> Iterator[tuple[str, int, int, int]]:
    """What lies in a folder, without reading it; nothing for a folder that is not there or cannot be looked into."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield from _files(entry.path)
                    continue
                try:
                    about = entry.stat()
                except OSError:
                    yield entry.path, 0, 0, 0  # gone or unreadable: reading it says which
                else:
                    yield entry.path, about.st_mtime_ns, about.st_size, about.st_ino
    except OSError:
        return
