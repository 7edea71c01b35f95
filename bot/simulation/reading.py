"""Runbooks from the files and folders that a person names, for `runbookctl test` and `runbookctl simulate`. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from runbooks.folder import Problem, read_file
from runbooks.load import RunbookError, load_catalog, load_runbook
from runbooks.model import Runbook


def read_runbooks(paths: Sequence[Path]) -> tuple[list[Runbook], list[Problem]]:
    """The runbooks below these files and folders in a fixed order, and what is none. Both empty where there is no YAML."""
    found = load_catalog(path for path in paths if not path.is_file())
    runbooks, problems = list(found.runbooks.values()), list(found.problems)
    for path in paths:
        read = read_file(path, path.parent.resolve()) if path.is_file() else None
        if isinstance(read, Problem):
            problems.append(read)
        elif read is not None:
            try:
                runbooks.append(load_runbook(read[1], str(path)))
            except RunbookError as error:
                problems += error.problems
    return runbooks, problems
