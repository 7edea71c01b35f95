"""Do the cases that a runbook carries make sense: each has its name, and speaks of steps and parameters that there are.

Called by runbooks/sense.py. Whether a case comes out is for `runbookctl test`. Must not know which operations exist.
"""

from __future__ import annotations

from collections.abc import Iterator

from runbooks import pattern
from runbooks.case import Case
from runbooks.model import Runbook
from runbooks.shape import Mistake
from runbooks.spelling import did_you_mean
from runbooks.strict import Path


def mistakes(runbook: Runbook) -> Iterator[Mistake]:
    """Everything that cannot be right in the cases, each with its path."""
    names: set[str] = set()
    for i, case in enumerate(runbook.tests):
        here: Path = ("tests", i)
        if case.name in names:
            yield Mistake((*here, "name"), f"two tests are called {ascii(case.name)[:60]}.", "give each its own name.")
        names.add(case.name)
        yield from _case(runbook, case, here)


def _case(runbook: Runbook, case: Case, here: Path) -> Iterator[Mistake]:
    if not pattern.is_environment(case.environment):
        yield Mistake(
            (*here, "environment"), f"{ascii(case.environment)[:60]} is not one environment.", "write for example prod."
        )
    for name in case.params:
        if name not in runbook.params:
            fix = did_you_mean(name, runbook.params) or f"declare {ascii(name)[:60]} under params, or remove it here."
            yield Mistake((*here, "params", name), "there is no such parameter.", fix)
    steps = tuple(step.id for step in runbook.steps)
    for j, past in enumerate(case.past):
        if past.runbook in ("", runbook.id) and past.step not in steps:
            yield _no_step(past.step, steps, (*here, "past", j, "step"))
    if case.expect.step and case.expect.step not in steps:
        yield _no_step(case.expect.step, steps, (*here, "expect", "step"))


def _no_step(name: str, steps: tuple[str, ...], path: Path) -> Mistake:
    fix = did_you_mean(name, steps) or f"write one of {', '.join(steps)}."
    return Mistake(path, f"there is no step {ascii(name)[:60]}.", fix)
