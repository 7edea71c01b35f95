"""Runbooks from YAML files: all of them, or every mistake with its file, line and fix (R1-R3; cases T34, T38).

Called by bot/library.py, bot/simulation/reading.py, `runbookctl new` and the linter. A file gives a whole runbook or
problems, never a part of one and never a traceback. Must not ask a clock or the network; reading files is its job.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from runbooks import sense
from runbooks.folder import Problem, read_folder
from runbooks.keys import instead_of, meant_by, words_at
from runbooks.match import Index
from runbooks.model import Runbook
from runbooks.shape import Mistake, original_path, shape
from runbooks.shelf import EMPTY, Shelf, load_shelf
from runbooks.spelling import did_you_mean
from runbooks.strict import Document, StrictError, parse

__all__ = [
    "BUILTIN",
    "Catalogue",
    "Library",
    "Problem",
    "RunbookError",
    "load_catalog",
    "load_located",
    "load_runbook",
    "place_of",
]

BUILTIN = Path(__file__).parent / "catalog"
PROMOTIONS = "promotions"
_UNIONS = ("str", "int")  # what the model adds to a path for `str | int`

_WORDS = {
    "missing": ("{key} is missing.", "write it."),
    "bool_type": ("{key} must be true or false.", "write true or false, without quotes."),
    "int_type": ("{key} must be a whole number.", "write a decimal number, without quotes."),
    "string_type": ("{key} must be text.", "put it in quotes."),
    "tuple_type": ("{key} must be a list.", "write [one, two]."),
    "dict_type": ("{key} must be a mapping.", "write {{key: value}}."),
    "model_type": ("{key} must be a mapping.", "write {{key: value}}."),
    "string_pattern_mismatch": (
        "{key} has characters that are not allowed.",
        "use a-z, 0-9 and dash, a letter or digit first, 63 at most.",
    ),
    "too_short": ("{key} is empty.", "name at least one; empty never means all."),
}


class RunbookError(ValueError):
    """A text that is no runbook. problems: every mistake found, in the order of the file; never empty."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """runbooks: id -> runbook, sorted by id. problems: what is wrong in the folders, empty when all is well.

    shelf: pages of knowledge beside them; a broken page keeps no runbook from being used.
    """

    runbooks: Mapping[str, Runbook] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    shelf: Shelf = EMPTY


def load_runbook(text: str, source: str) -> Runbook:
    """One runbook, long or short form. source: the file's name, for messages. Raises RunbookError, nothing else."""
    return load_located(text, source)[0]


def load_located(text: str, source: str) -> tuple[Runbook, Document]:
    """Like load_runbook, with the places of its keys, so that the linter needs no second look. Raises RunbookError."""
    try:
        document = parse(text)
    except StrictError as error:
        raise RunbookError([Problem(source, error.line, error.column, error.message, error.fix)]) from error
    if document.data is None:
        raise RunbookError([Problem(source, 1, 1, "the file is empty.", "write a runbook, or remove the file.")])
    if not isinstance(document.data, dict):
        raise RunbookError([Problem(source, 1, 1, "a runbook is a mapping.", "begin with `id: ...`.")])
    shaped = shape(document.data)
    found = list(shaped.mistakes)
    runbook: Runbook | None = None
    try:
        # Through JSON, because there strict means strict: "yes" is no truth value and "5" is no number (case T38).
        runbook = Runbook.model_validate_json(json.dumps(shaped.data), strict=True)
    except ValidationError as error:
        told = {mistake.path for mistake in found}
        found += [m for m in _model_mistakes(error, short=shaped.short) if m.path not in told]
    if runbook is not None and not found:
        found += [Mistake(original_path(m.path, short=shaped.short), m.message, m.fix) for m in sense.mistakes(runbook)]
    if runbook is None or found:
        raise RunbookError(sorted(_located(document, source, found), key=lambda p: (p.line, p.column, p.message)))
    return runbook.model_copy(update={"source": source}), document


def load_catalog(folders: Iterable[Path | str]) -> Catalogue:
    """All runbooks below the folders (sub-folders named `promotions` apart). Never raises for what the files say."""
    runbooks: dict[str, Runbook] = {}
    problems: list[Problem] = []
    twice: set[str] = set()
    places = [Path(folder) for folder in folders]
    for folder in places:
        for found in read_folder(folder, skip=(PROMOTIONS,)):
            if isinstance(found, Problem):
                problems.append(found)
                continue
            path, text = found
            try:
                runbook = load_runbook(text, str(path))
            except RunbookError as error:
                problems += error.problems
                continue
            first = runbooks.setdefault(runbook.id, runbook)
            if first is not runbook:
                twice.add(runbook.id)
                line, column = place_of(text, ("id",))
                message = f"the id {runbook.id} is also in {first.source}."
                problems.append(Problem(str(path), line, column, message, "rename one."))
    # Two files with one id: which of them people reviewed is unknown, so neither is offered.
    kept = {name: runbooks[name] for name in sorted(runbooks) if name not in twice}
    return Catalogue(MappingProxyType(kept), tuple(problems), load_shelf(places))


def place_of(text: str, path: tuple[str | int, ...]) -> tuple[int, int]:
    """Line and column (from 1) of the key at `path` in a strict YAML text, or of its nearest written parent.

    Paths are the model's (`("steps", 0, "verify")`), also for the short form. Raises StrictError.
    """
    document = parse(text)
    short = isinstance(document.data, dict) and "command" in document.data
    place = document.nearest(original_path(path, short=short))
    return place.line, place.column


class Library:
    """The runbooks in force. A reload replaces all of them or none: with problems the last good ones stay (T38).

    at: when this was loaded, for people; None when nobody asks. problems: what the last load found. folders: where from.
    shelf: pages of knowledge. judge: what else is wrong with well-formed runbooks, such as one that claims more than the policy gives (bot/library.py).
    """

    def __init__(
        self,
        folders: Sequence[Path | str],
        at: datetime | None = None,
        judge: Callable[[Catalogue], Sequence[Problem]] = lambda _: (),
    ) -> None:
        self.folders = tuple(Path(folder) for folder in folders)
        self._judge = judge
        self._state: tuple[Index, datetime | None] = (Index(MappingProxyType({})), None)
        self.problems: tuple[Problem, ...] = ()
        self.shelf = EMPTY
        self.reload(at)

    @property
    def runbooks(self) -> Mapping[str, Runbook]:
        """Runbooks of the last good load by id; empty when there was none."""
        return self._state[0].runbooks

    @property
    def index(self) -> Index:
        """The index over `runbooks`; `index.runbooks` are those it is about, whatever is loaded meanwhile."""
        return self._state[0]

    @property
    def since(self) -> datetime | None:
        """When the runbooks in force were loaded; None when there was no good load or its time was not given."""
        return self._state[1]

    def get(self, runbook_id: str) -> Runbook | None:
        """The runbook of that id."""
        return self.runbooks.get(runbook_id)

    def reload(self, at: datetime | None = None) -> bool:
        """Read the folders again. True when the new catalogue is in force, False when its problems kept the old one."""
        return self.take(load_catalog(self.folders), at)

    def take(self, catalogue: Catalogue, at: datetime | None = None) -> bool:
        """Put a catalogue that was read into force, or only keep its problems. Readers see the old or the new one."""
        problems = (*catalogue.problems, *self._judge(catalogue))
        if not problems:
            self._state = (Index(catalogue.runbooks), at)  # one assignment, after all the work
            self.shelf = catalogue.shelf
        self.problems = problems
        return not problems


def _model_mistakes(error: ValidationError, *, short: bool) -> Iterator[Mistake]:
    places = [tuple(part for part in one["loc"] if part not in _UNIONS) for one in error.errors()]
    found = error.errors(include_url=False, include_context=False)
    unknown = [path for one, path in zip(found, places, strict=True) if one["type"] == "extra_forbidden"]
    meant = {likely for path in unknown if (likely := meant_by(path))}
    for one, path in zip(found, places, strict=True):
        if one["type"] == "too_short" and any(other[: len(path)] == path != other for other in places):
            continue  # the list is only short because its items are wrong, and those are told by themselves
        if one["type"] == "missing" and path in meant:
            continue  # it is there, with another spelling, and that is told by itself
        key, words = _name(path), words_at(path)
        if one["type"] == "extra_forbidden":
            message, fix = f"{key} is not a known key.", instead_of(path)
        elif one["type"] == "literal_error" and words:
            written = ascii(one["input"])[:60]
            message = f"{key} cannot be {written}."
            fix = did_you_mean(str(one["input"]), words) or f"write one of {', '.join(words)}."
        elif one["type"] in _WORDS:
            message, fix = (text.format(key=key) for text in _WORDS[one["type"]])
        else:
            message, fix = _other(key, one["msg"])
        yield Mistake(original_path(path, short=short), message, fix)


def _other(key: str, told: str) -> tuple[str, str]:
    """What the model says about a value, as a sentence of ours: `max must be greater than or equal to 1.`"""
    wanted = told.removeprefix("Input should be ")
    if wanted != told:
        return f"{key} must be {wanted}.", f"write {wanted if wanted.startswith('a ') else f'a value {wanted}'}."
    words = told.removeprefix("Value error, ").replace("String should have", "it has to have")
    return f"{key}: {words}.", "correct the value."


def _name(path: tuple[int | str, ...]) -> str:
    """The last key in words: `symptoms[1]` for an item of a list."""
    if not path:
        return "the runbook"
    if isinstance(path[-1], int) and len(path) > 1:
        return f"{path[-2]}[{path[-1]}]"
    return str(path[-1])[:60]


def _located(document: Document, source: str, found: Iterable[Mistake]) -> Iterator[Problem]:
    for mistake in found:
        place = document.nearest(mistake.path)
        yield Problem(source, place.line, place.column, mistake.message, mistake.fix)
