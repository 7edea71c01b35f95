"""Waves: which members of a group each wave of a step acts on, or why there is no plan (mission E4, G5, cases T34, T37).

Called by bot/stages/plan.py. The members come from the operation, which reads them off a fresh fact; the sizes from the
runbook. Pure; must not act, and must never take no members for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.operations.base import Operation
from bot.plan import Act, PlanStep
from bot.services import TargetEntry
from guards.decision import Deny
from runbooks.model import MEMBERS, Step
from runbooks.units import wave_sizes

MOST_WAVES = 20  # more than that nobody reads on a card
LONGEST = (
    600  # characters of one act, and of all waves together, that a card shows whole: people approve what they can read
)
LONGEST_OF_ALL = 2400
Waves = tuple[tuple[str, ...], ...]


def waves_of(
    operation: Operation, entry: TargetEntry, step: Step, facts: Mapping[str, Mapping[str, Any]]
) -> Waves | Deny:
    """The members of each wave, in order; empty when the step has no waves and needs none."""
    if not step.waves:
        if operation.members is None or MEMBERS in step.with_:
            return ()
        reason = f"{operation.name} acts on members of a group, and the runbook does not say in which waves."
        return Deny("cannot_plan", reason, "Write for example `waves: [1, 25%, rest]` in the step.")
    if operation.members is None:
        reason = f"{operation.name} acts on its target as a whole, so it has no waves."
        return Deny("cannot_plan", reason, "Remove `waves` from the runbook.")
    try:
        found = operation.members(entry, facts)
        sizes = wave_sizes(step.waves, len(found))
    except ValueError as error:
        return Deny("cannot_plan", f"{operation.name}: {error}", "Look at the group itself first.")
    if len(sizes) > MOST_WAVES:
        reason = f"{len(found)} members in these waves would take {len(sizes)} of them, more than {MOST_WAVES}."
        return Deny("cannot_plan", reason, "Make the last wave of the runbook larger.")
    ends = [sum(sizes[: number + 1]) for number in range(len(sizes))]
    return tuple(found[end - size : end] for size, end in zip(sizes, ends, strict=True))


def unreadable(acts: Sequence[Act]) -> Deny | None:
    """A Deny when a card could not show every member by name."""
    lengths = [len(act.shown) for act in acts]
    if max(lengths, default=0) <= LONGEST and sum(lengths) <= LONGEST_OF_ALL:
        return None
    reason = f"{sum(len(act.members) for act in acts)} members by name are more than a card can show."
    return Deny("cannot_plan", reason, "Make the waves smaller, or the pool.")


def first_only(step: Step, number: int) -> Step:
    """The step for the wave of that number, from 1: whether it is needed at all is asked before the first wave only.

    After that the trouble may be half gone, and stopping there would leave the group in two states. That the world is where
    the wave before left it is asked before each (bot/stages/expectation.py).
    """
    return step if number == 1 else step.model_copy(update={"precheck": ""})


def named(made: PlanStep, step: Step, number: int, waves: Waves) -> PlanStep:
    """The plan's step of one wave, with its own id and title; the step itself when there is one wave only."""
    if len(waves) < 2:
        return made
    told = f"{made.title}, wave {number} of {len(waves)}: {len(waves[number - 1])} of {sum(map(len, waves))}"
    return made.model_copy(update={"id": f"{step.id}-{number}", "part_of": step.id, "title": told})
