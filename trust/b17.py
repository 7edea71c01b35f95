"""B17: freezes and breakers. Ten thousand schedules in virtual time on the real store, guards, flow and calendars.

Run by trust/__main__.py; the short form runs in tests/trust/test_b17.py. `--case N` plays one schedule again. In each the
policy, its periods in several time zones, calendars that change, break and grow old, runs, crashes and restarts are drawn;
no step may start in a freeze, breakers open at exactly N, no restart resets one, and half open is one approved trial.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from random import Random

from bot.app import SWITCH_SECONDS
from trust.b2_installation import folder, memory
from trust.b2_world import Shop
from trust.b17_schedule import EVENTS, SOON, WANTED, Schedule
from trust.b17_world import library
from trust.order import Order, shares, spread
from trust.report import Figure

SCHEDULES = 10_000
PER_JOB = 100
WAITING = 2  # processes for each that may work: half of their time they wait for another thread


@dataclass(slots=True)
class Tally:
    """schedules, steps, in_a_freeze: how many. told: (number of the schedule, what is wrong)."""

    schedules: int = 0
    steps: int = 0
    in_a_freeze: int = 0
    told: list[tuple[int, list[str]]] = field(default_factory=list)
    reached: Counter[str] = field(default_factory=Counter)


def play(seed: int, numbers: range) -> Tally:
    """These schedules, each with dice of its own."""

    async def all_of_them() -> Tally:
        tally = Tally()
        sys.setswitchinterval(SWITCH_SECONDS)
        async with folder() as where:
            shop, books = await Shop.open(where), library(where)
            for number in numbers:
                dice = Random(f"{seed}/schedule/{number}")  # noqa: S311  # reason: cases must come again with their seed
                schedule = Schedule(shop, books, dice, tally.reached)
                await schedule.play(EVENTS)
                tally.schedules += 1
                tally.steps += schedule.steps
                tally.in_a_freeze += schedule.in_a_freeze
                if schedule.told:
                    tally.told.append((number, schedule.told))
            await shop.close()
        return tally

    return asyncio.run(all_of_them())


def measure(order: Order) -> list[Figure]:
    """All schedules, on all processes."""
    began, total = time.monotonic(), order.size(SCHEDULES, 40)
    tally = Tally()
    per_job = min(PER_JOB, -(-total // (WAITING * order.processes)))
    for part in spread(partial(play, order.seed), shares(total, per_job), WAITING * order.processes):
        tally.schedules += part.schedules
        tally.steps += part.steps
        tally.in_a_freeze += part.in_a_freeze
        tally.told += part.told
        tally.reached += part.reached
    made = figure(order, tally, began)
    order.say(f"  {made.name}: {made.cases:,} schedules, {tally.steps:,} steps, {made.violations} wrong")
    return [made]


def figure(order: Order, tally: Tally, began: float) -> Figure:
    """The figure of these schedules."""
    again = f"python -m trust b17 --seed {order.seed} --case"
    return Figure(
        claim="b17",
        name="schedules",
        run=f"schedules of {EVENTS} events in virtual time; every step and the stored breakers compared with the model",
        cases=tally.schedules,
        violations=len(tally.told),
        seconds=time.monotonic() - began,
        goal=SCHEDULES,
        reached={name: tally.reached[name] for name in (SOON if order.quick else WANTED)},
        examples=[f"{'; '.join(told)}; {again} {number}" for number, told in sorted(tally.told)],
        extra={
            "steps_started": tally.steps,
            "steps_started_in_a_freeze": tally.in_a_freeze,
            "database": "in memory" if memory() else "on disk",
            "happened": dict(sorted(tally.reached.items())),
        },
    )


def replay(seed: int, case: str) -> str:
    """One schedule by its number. Raises ValueError when it is no number."""
    if not case.isdecimal():
        raise ValueError(f"{case!r} is not the number of a schedule")
    found = play(seed, range(int(case), int(case) + 1))
    happened = ", ".join(f"{name} ({count})" for name, count in sorted(found.reached.items()) if count)
    told = "; ".join(found.told[0][1]) if found.told else "as it should be"
    return f"schedule {case} of seed {seed}: {told}\n{happened}"
