"""B2: one walk: a list of actions on the real thing, held against the model after each; it ends at the first difference.

Used by trust/b2.py (seeded walks), trust/b2_machine.py (Hypothesis, for small examples) and their tests.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from trust.b2_actions import ACTIONS, PEOPLE
from trust.b2_compare import Action, Walk, compare
from trust.b2_model import Human, Model
from trust.b2_world import Shop, Stage


def beginning() -> Model:
    """Eight people: five may approve, one of them in both groups; three are in no group."""
    groups: tuple[list[str], ...] = ["alpha"], ["alpha"], ["alpha", "beta"], ["beta"], ["alpha"], [], [], []
    return Model({name: Human(set(given)) for name, given in zip(PEOPLE, groups, strict=True)})


async def walk(shop: Shop, actions: Callable[[Model], Action | None], reached: Counter[str]) -> list[str]:
    """Do what `actions` says until it says None or something is wrong; what is wrong, the last action first."""
    model = beginning()
    stage = Stage(shop, model.humans)
    await stage.open()
    under_way = Walk(stage, model, reached)
    done: list[Action] = []
    while not under_way.told:
        action = actions(model)
        if action is None:
            for run in model.runs:
                await compare(under_way, run)
            break
        done.append(action)
        reached[action.name] += 1
        await ACTIONS[action.name](under_way, action)
    if not under_way.told:
        return []
    return [*under_way.told, "after " + " ".join(str(action) for action in done)]


def helpful(model: Model, a: int, b: int, *, approve: bool = True) -> Action | None:
    """A click that counts, on one of the questions that wait; None when none does or nobody may answer it."""
    waiting = [
        (number, run, question)
        for number, (run, question) in enumerate((r, q) for r in model.runs[-6:] for q in r.questions)
        if question.state == "pending" and not run.closed
    ]
    if not waiting:
        return None
    number, run, question = waiting[a % len(waiting)]
    fit = [index for index, who in enumerate(PEOPLE) if not model.may_answer(run, question, who)]
    return Action("click", number, fit[b % len(fit)], 2 if approve else 3) if fit else None


def written(actions: str) -> list[Action]:
    """The actions that a failure names: `ask(1, 0, 0) click(0, 0, 2)`. Raises ValueError for anything else."""
    found = re.findall(r"([a-z]+)\((\d+), ?(\d+), ?(\d+)\)", actions)
    if not found or {name for name, *_ in found} - set(ACTIONS):
        raise ValueError(f"{actions!r} is neither the number of a walk nor a list of actions")
    return [Action(name, *map(int, numbers)) for name, *numbers in found]


async def again(shop: Shop, actions: Sequence[Action]) -> list[str]:
    """These actions, one after the other."""
    left = list(actions)
    return await walk(shop, lambda _model: left.pop(0) if left else None, Counter())


async def shortest(shop: Shop, actions: Sequence[Action]) -> list[str]:
    """What is wrong with a walk, after leaving out every action that it does not need to go wrong."""
    kept = list(actions)
    told = await again(shop, kept)
    for index in reversed(range(len(kept))):
        without = [*kept[:index], *kept[index + 1 :]]
        shorter = await again(shop, without)
        if shorter:
            kept, told = without, shorter
    return told
