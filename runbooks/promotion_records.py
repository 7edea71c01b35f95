"""The promotion records in force, read again whenever a file changed (mission R5, case T41).

Made by bot/policy_inputs.py; looked at by bot/stages/promoted.py and bot/stages/match.py. `refresh` is called before every decision,
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
from runbooks.promotion import Promotion, file_name, honoured, load_promotions, promoted

About = tuple[str, int, int, int, int]
Seen = tuple[About, ...]
Pair = tuple[str, str]
CLOSED = -1  # the time of change of a folder that cannot be looked into
TOO_MANY = -2  # and of one that holds more than is looked at
MOST = 5_000  # files and folders in all; they are looked at before every decision


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
        standing, problems = self._load(seen)
        found: dict[Pair, list[Promotion]] = {}
        for record in (*self._given, *standing):
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
        """(path, time of change, size, inode, time of any change) of every file: another when anything was written."""
        found: list[About] = []
        for folder in self.folders:
            for about in _files(str(folder)):
                if len(found) == MOST:
                    return ((str(folder), TOO_MANY, 0, 0, 0),)
                found.append(about)
        return tuple(sorted(found))

    def _load(self, seen: Seen) -> tuple[list[Promotion], tuple[Problem, ...]]:
        """What promotes, and what is wrong with the rest."""
        crowded = [about[0] for about in seen if about[1] == TOO_MANY]
        if crowded:  # one of those that are not looked at may be a withdrawal
            message = f"with this folder there are more than {MOST} files of promotion records, so nothing is promoted."
            return [], (Problem(crowded[0], 1, 1, message, "remove what no runbook needs any more."),)
        good, problems = load_promotions(self.folders)
        if any(about[1] == CLOSED for about in seen):
            return [], problems
        # What cannot be read may be a withdrawal: it bars the other records of its pair, an unseen folder bars them all.
        unread = {Path(problem.file).name for problem in problems}
        return [record for record in good if file_name(record.id, record.env) not in unread], problems


def _files(folder: str) -> Iterator[About]:
    """What lies in a folder and below, without reading it; nothing for one that is not there. A folder is told as well."""
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                        yield entry.path, 0, 0, 0, 0
                    else:
                        yield _about(entry)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            yield place, CLOSED, error.errno or 0, 0, 0


def _about(entry: os.DirEntry[str]) -> About:
    try:
        about = entry.stat()
    except OSError:
        return entry.path, 0, 0, 0, 0  # gone or unreadable: reading it says which
    return entry.path, about.st_mtime_ns, about.st_size, about.st_ino, about.st_ctime_ns
