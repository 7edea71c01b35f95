"""The runbooks of one installation, in force only when none of its own claims more than its policy gives (mission G2).

Made by bot/app.py and by commands that need the runbooks of a configuration. A runbook may tighten policy, never loosen it:
guards take the stricter of both at run time, and here the claim itself is refused, at the start and at every reload. The
shipped catalogue is for many policies and is not refused for what one of them does not give; nor is `autonomy`, of which the
lower word counts, so that policy takes it back with one word (docs/configuration.md). Must not watch files.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bot.assembly import utc_now
from bot.config import Configuration
from bot.errors import ConfigurationError
from bot.roster import ADAPTERS, FACT_NAMES, OPERATIONS
from guards.policy import Policy
from runbooks.lint import lint_one, look_at
from runbooks.lint.known import Known
from runbooks.lint.policy import loosened_guard
from runbooks.load import BUILTIN, Catalogue, Library, Problem, place_of
from runbooks.strict import StrictError

AUTONOMY = "autonomy"


def make_library(found: Configuration, policy: Policy) -> Library:
    """The runbooks. Raises ConfigurationError with file, line and fix when the first load has problems."""
    folders = [found.path.parent / folder for folder in found.file.runbooks]
    shipped = [BUILTIN] if found.file.builtin_runbooks else []
    library = Library([*shipped, *folders], utc_now(), loosened(policy))
    if library.problems:
        first = library.problems[0]
        raise ConfigurationError(first.message, place=f"{first.file}:{first.line}", fix=first.fix)
    return library


def loosened(policy: Policy) -> Callable[[Catalogue], tuple[Problem, ...]]:
    """What is refused in a catalogue: every claim of an installation's own runbook that policy grants in none of its scopes."""
    known = Known(OPERATIONS, FACT_NAMES, adapters=ADAPTERS, policy=policy)

    def judge(catalogue: Catalogue) -> tuple[Problem, ...]:
        problems: list[Problem] = []
        for runbook in catalogue.runbooks.values():
            if Path(runbook.source).is_relative_to(BUILTIN):
                continue
            for finding in lint_one(look_at(runbook, known)):
                if (finding.rule, finding.severity) == (loosened_guard.id, "error") and AUTONOMY not in finding.path:
                    line, column = _place(Path(runbook.source), finding.path)
                    message = f"{runbook.id}: {finding.message}"
                    problems.append(Problem(runbook.source, line, column, message, finding.fix))
        return tuple(problems)

    return judge


def _place(path: Path, at: tuple[str | int, ...]) -> tuple[int, int]:
    """Line and column of a key; the file's beginning when it cannot be read any more."""
    try:
        return place_of(path.read_text(encoding="utf-8"), at)
    except (OSError, UnicodeDecodeError, StrictError):
        return 1, 1  # it changed since it was loaded; the message still says which runbook and what
