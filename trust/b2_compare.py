"""B2: one action, one walk, and what is stored held against the model.

Used by trust/b2_actions.py after every action, and by trust/b2_walk.py at the end. Reads the database through the world.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.store.runs import Run
from trust.b2_model import Model, Question, RunState
from trust.b2_world import Stage


@dataclass(frozen=True, slots=True)
class Action:
    """What happens next; a, b and c say to which, as far as there are so many."""

    name: str
    a: int = 0
    b: int = 0
    c: int = 0

    def __str__(self) -> str:
        return f"{self.name}({self.a}, {self.b}, {self.c})"


@dataclass(slots=True)
class Walk:
    """told: what is wrong, empty when all is well. reached: how often each thing happened."""

    stage: Stage
    model: Model
    reached: Counter[str]
    told: list[str] = field(default_factory=list)
    dispatches: int = 0


async def compare(walk: Walk, run: RunState) -> None:
    """What is stored of that run against what should be."""
    real, asked, started = await walk.stage.stored(run.id)
    votes = {q.id: dict(q.votes) for q in run.questions}
    check(walk, "votes", {a.id: {v.person: v.approve for v in given} for a, given in asked}, votes)
    check(walk, "states", {a.id: a.state for a, _ in asked}, {q.id: q.state for q in run.questions})
    check(walk, "closed", real.state == "closed", run.closed)
    check(walk, "stop asked", bool(real.stop_requested_by), run.stop_asked)
    check(walk, "intents", sorted(started), sorted(step_name(real, act) for act in run.acts))
    if walk.told:
        walk.told.append(f"of {run.id} at {run.place}, asked by {run.requester}, at {walk.model.now:%H:%M:%S}")


def check(walk: Walk, what: str, real: object, wanted: object) -> None:
    """Tell when something is not what it should be."""
    if real != wanted:
        walk.told.append(f"{what}: is {real}, should be {wanted}")


def step_name(run: Run, act: str) -> str:
    """The name that the database has for one of the model's acts."""
    index, _, undo = act.partition(":")
    own = run.plan.steps[int(index)].id
    return f"{own}:undo-0" if undo else own


def answered(walk: Walk, what: str, word: str, wanted: frozenset[str]) -> None:
    """Count an answer, and tell when it is not one of those it may be."""
    walk.reached[f"{what}: {word}"] += 1
    if word not in wanted:
        walk.told.append(f"{what}: answered {word}, should be {' or '.join(sorted(wanted))}")


def live(model: Model) -> list[RunState]:
    """The runs that are not closed."""
    return [run for run in model.runs if not run.closed]


def pick(things: Sequence[RunState], number: int) -> RunState | None:
    """One of them, None when there are none."""
    return things[number % len(things)] if things else None


def question_of(walk: Walk, number: int) -> tuple[RunState, Question] | None:
    """One of the newest questions, of a closed run as well."""
    found = [(run, question) for run in walk.model.runs[-6:] for question in run.questions]
    return found[number % len(found)] if found else None
