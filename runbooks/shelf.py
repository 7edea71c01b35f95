"""The shelf: imported pages of knowledge beside the runbooks, found by text (mission R9, N4).

Loaded by runbooks/load.py with the catalogue; asked by bot/stages/match.py when there is no safe step, and by `runbookctl
match`. A page is something to read, never something to run; a broken one is left out and said. Must not read anything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runbooks.folder import Problem, is_there, read_file
from runbooks.knowledge import Entry, parse_entry
from runbooks.search import Hit, TextSearch, words

FOLDER = "knowledge"
MOST_PAGES = 5_000  # trust rule 20; the text of each is bounded by runbooks/knowledge.py
MOST_FOUND = 3
CLOSE = 0.5  # a word that only this page has, or the like of it: less is chance


@dataclass(frozen=True, slots=True)
class Reading:
    """A page to read. words: those it was found by, the most telling first."""

    entry: Entry
    words: tuple[str, ...]


class Shelf:
    """Pages by id. problems: of those that could not be taken."""

    def __init__(self, entries: Mapping[str, Entry], problems: Sequence[Problem] = ()) -> None:
        self.entries = entries
        self.problems = tuple(problems)
        self._search = TextSearch({name: _text(entry) for name, entry in entries.items()}) if entries else None

    def read_also(self, texts: Iterable[str]) -> tuple[Reading, ...]:
        """The pages that speak of this, the most telling first, three at most. texts: title, details, log lines."""
        if self._search is None:
            return ()
        found: tuple[Hit, ...] = self._search(words(" ".join(texts)), MOST_FOUND)
        return tuple(Reading(self.entries[hit.name], hit.words) for hit in found if hit.share >= CLOSE)


EMPTY = Shelf({})


def load_shelf(folders: Iterable[Path | str]) -> Shelf:
    """Every `knowledge/*.md` of the folders. Never raises for what the files say; of two pages with one id the first counts."""
    entries: dict[str, Entry] = {}
    problems: list[Problem] = []
    for folder in folders:
        place = Path(folder) / FOLDER
        there = is_there(place)
        if isinstance(there, Problem):
            problems.append(there)
            continue
        if not there or place.is_symlink():
            continue
        for page in sorted(place.glob("[!.]*.md"))[:MOST_PAGES]:
            read = read_file(page, place.resolve())
            made = read if isinstance(read, Problem) else parse_entry(read[1], str(page))
            if isinstance(made, Problem):
                problems.append(made)
            elif entries.setdefault(made.id, made) is not made:
                problems.append(Problem(str(page), 2, 1, f"the id {made.id} is there twice.", "rename one."))
    return Shelf(entries, problems)


def _text(entry: Entry) -> str:
    """Title and symptoms count twice: what a page is about weighs more than what it mentions."""
    about = "\n".join((entry.title, *entry.symptoms))
    return f"{about}\n{about}\n{entry.text}"
