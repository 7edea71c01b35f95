"""Runbooks from the files and folders that a person names: `runbookctl test`, `pages`, `match` and `simulate`. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bot.errors import ConfigurationError
from runbooks.folder import Problem, read_file
from runbooks.load import RunbookError, load_catalog, load_runbook
from runbooks.model import Runbook


def read_runbooks(paths: Sequence[Path]) -> tuple[list[Runbook], list[Problem]]:
    """The runbooks below these files and folders in a fixed order, and what is none; never both empty.

    Raises ConfigurationError for a path that is not there, and when there is no YAML in any of them.
    """
    given = list(dict.fromkeys(paths))
    for path in given:
        if not path.exists():
            raise ConfigurationError("there is no such file or folder.", place=str(path), fix="correct the path.")
    found = load_catalog(path for path in given if not path.is_file())
    runbooks, problems = list(found.runbooks.values()), list(found.problems)
    for path in given:
        read = read_file(path, path.parent.resolve()) if path.is_file() else None
        if isinstance(read, Problem):
            problems.append(read)
        elif read is not None:
            try:
                runbooks.append(load_runbook(read[1], str(path)))
            except RunbookError as error:
                problems += error.problems
    if not runbooks and not problems:
        place = ", ".join(map(str, given))
        raise ConfigurationError(
            "there is no runbook (*.yaml) in it.", place=place, fix="name a file or folder of some."
        )
    return runbooks, problems


def sound_runbooks(paths: Sequence[Path]) -> list[Runbook]:
    """The same, where every file has to be a runbook. Raises ConfigurationError with the first mistake."""
    runbooks, problems = read_runbooks(paths)
    if problems:
        first = problems[0]
        raise ConfigurationError(first.message, place=f"{first.file}:{first.line}:{first.column}", fix=first.fix)
    return runbooks
