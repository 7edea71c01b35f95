"""B2: the approval state machine is sound. Random walks over the real store and functions, the model beside them.

Run by trust/__main__.py; the short form runs in tests/trust/test_b2.py. `--case N` plays one walk again.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from random import Random

from bot.app import SWITCH_SECONDS
from trust import b2_machine
from trust.b2_actions import ACTIONS, PEOPLE
from trust.b2_compare import Action, live
from trust.b2_installation import folder, memory
from trust.b2_model import PLACES, Model
from trust.b2_walk import helpful, shortest, walk, written
from trust.b2_world import Shop
from trust.order import Order, shares, spread
from trust.report import Figure

WALKS, LENGTH = 5_000, 50
EXAMPLES = 1_000
PER_JOB = 100
WAITING = 2  # processes for each that may work: half of their time they wait for another thread
# how often each action is drawn
WEIGHTS = {
    "ask": 10, "click": 42, "dispatch": 14, "carry": 5, "expire": 2, "clock": 8, "group": 4, "role": 1, "leave": 2,
    "change": 3, "damage": 1, "stop": 3, "over": 1, "blind": 1.5, "jump": 1, "restart": 0.6,
}  # fmt: skip
CLICKS = "done already authz_unavailable stranger wrong_card self_approval not_approver not_requester"
STARTS = (
    "done replayed stopped approval_void authz_unavailable clock_jumped expired incident_resolved kill_switch plan_changed "
    "wrong_role"
)
# what must have happened at least once, in the words of b2_walk.py
WANTED = (
    *ACTIONS,
    *(f"opened at {place}" for place in PLACES),
    *(f"started at {place}" for place in PLACES),
    *(f"approval of {place}: pending to approved" for place, rule in PLACES.items() if rule.count),
    *(f"approval of {place}: approved to rejected" for place, rule in PLACES.items() if rule.count),
    *(f"confirmation of {place}: pending to approved" for place, rule in PLACES.items() if rule.confirm),
    *(f"click: {word}" for word in CLICKS.split()),
    *(f"start: {word}" for word in STARTS.split()),
    *(f"run {word}" for word in ("succeeded", "refused", "expired", "stopped")),
    "ask: already", "ask: target_busy", "ask: stranger", "expired by its timer",
    "answered by those who may later",
)  # fmt: skip
# what a short form meets as well
SOON = ("ask", "click", "dispatch", "carry", "started at one", "start: done", "click: done", "click: already")


def draw(dice: Random, left: list[int], model: Model) -> Action | None:
    """The next action. Mostly what brings a run forward, else almost every walk would end before anything starts."""
    if left[0] <= 0:
        return None
    left[0] -= 1
    a, b, c = (dice.randrange(1 << 10) for _ in range(3))
    name = dice.choices(tuple(WEIGHTS), tuple(WEIGHTS.values()))[0]
    mending = mend(model) if dice.random() < 0.25 else []
    if mending:
        return dice.choice(mending)
    if not live(model) and dice.random() < 0.7:
        name = "ask"
    if name == "ask" and dice.random() < 0.4:  # the same few places, so that several people meet at one question
        a = dice.randrange(2)
    if name == "click" and dice.random() < 0.65:
        return helpful(model, a, b, approve=dice.random() < 0.93) or Action(name, a, b, c)
    return Action(name, a, b, c)


def mend(model: Model) -> list[Action]:
    """What would undo something that keeps everything from starting."""
    switches = {"over": model.over, "blind": model.blind, "jump": model.jumped}
    made = [Action(name) for name, on in switches.items() if on]
    made += [Action("change", part) for part, version in enumerate(model.key) if version]
    levels = {"all": 0, "environment": 1, "service": 2}
    for level, name in sorted(model.stops):
        place = name.removeprefix("at-") or "one"
        made.append(Action("stop", list(PLACES).index(place), levels[level]))
    for number, who in enumerate(PEOPLE):
        if not model.humans[who].active:
            made.append(Action("leave", number))
        if not model.humans[who].responder:
            made.append(Action("role", number))
    return made


@dataclass(slots=True)
class Tally:
    """walks, actions: how many. told: (number of the walk, what is wrong)."""

    walks: int = 0
    actions: int = 0
    told: list[tuple[int, list[str]]] = field(default_factory=list)
    reached: Counter[str] = field(default_factory=Counter)


def play(seed: int, length: int, numbers: range) -> Tally:
    """These walks, each with dice of its own."""

    async def all_of_them() -> Tally:
        tally = Tally()
        sys.setswitchinterval(SWITCH_SECONDS)
        async with folder() as where:
            shop = await Shop.open(where)
            for number in numbers:
                dice = Random(f"{seed}/{number}")  # noqa: S311  # reason: cases must come again with their seed
                left = [length]
                told = await walk(shop, partial(draw, dice, left), tally.reached)
                tally.walks += 1
                tally.actions += length - left[0]
                if told:
                    tally.told.append((number, told))
            await shop.close()
        return tally

    return asyncio.run(all_of_them())


def walks(order: Order, total: int) -> Figure:
    """Random walks on all processes."""
    began = time.monotonic()
    per_job = min(PER_JOB, -(-total // (WAITING * order.processes)))
    jobs = shares(total, per_job)
    return figure(order, spread(partial(play, order.seed, LENGTH), jobs, WAITING * order.processes), began)


def figure(order: Order, parts: Iterable[Tally], began: float) -> Figure:
    """The figure of these walks."""
    tally = Tally()
    for part in parts:
        tally.walks += part.walks
        tally.actions += part.actions
        tally.told += part.told
        tally.reached += part.reached
    wanted = SOON if order.quick else WANTED
    again = f"python -m trust b2 --seed {order.seed} --case"
    return Figure(
        claim="b2",
        name="walks",
        run=f"walks of {LENGTH} actions on the real store and functions, compared with the model after every action",
        cases=tally.walks,
        violations=len(tally.told),
        seconds=time.monotonic() - began,
        goal=WALKS,
        reached={name: tally.reached[name] for name in wanted},
        examples=[f"{told[0]}; {again} {number}" for number, told in sorted(tally.told)],
        extra={
            "actions": tally.actions,
            "dispatches": sum(tally.reached[f"started at {place}"] for place in PLACES),
            "database": "in memory" if memory() else "on disk",
            "happened": dict(sorted(tally.reached.items())),
        },
    )


def machine(order: Order, total: int) -> Figure:
    """Hypothesis, which makes the smallest walk of what it finds."""
    began = time.monotonic()
    share = -(-total // order.processes)
    jobs = [(order.seed + number, share) for number in range(order.processes)]
    found = list(spread(b2_machine.search, jobs, order.processes))
    return Figure(
        claim="b2",
        name="hypothesis",
        run="Hypothesis' RuleBasedStateMachine over the same actions, with shrinking, seeded",
        cases=sum(cases for cases, _ in found),
        violations=sum(bool(told) for _, told in found),
        seconds=time.monotonic() - began,
        goal=EXAMPLES,
        examples=[told for _, told in found if told],
    )


def measure(order: Order) -> list[Figure]:
    """Walks, then Hypothesis."""
    made = []
    for step in (partial(walks, order, order.size(WALKS, 60)), partial(machine, order, order.size(EXAMPLES, 20))):
        made.append(step())
        order.say(f"  {made[-1].name}: {made[-1].cases:,} walks, {made[-1].violations} broken")
    return made


def replay(seed: int, case: str) -> str:
    """One walk by its number, or the actions of one. Raises ValueError when it is neither.

    A walk that goes wrong is told without the actions that it does not need for that.
    """
    if case.isdecimal():
        found = play(seed, LENGTH, range(int(case), int(case) + 1))
        if not found.told:
            return f"walk {case} of seed {seed}: as it should be"
        case = found.told[0][1][-1]
    told = asyncio.run(_shortest(case))
    return "\n".join(told) or "as it should be"


async def _shortest(actions: str) -> list[str]:
    async with folder() as where:
        shop = await Shop.open(where)
        told = await shortest(shop, written(actions))
        await shop.close()
    return told
