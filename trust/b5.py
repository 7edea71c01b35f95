"""B5: many people at once. 10,000 races of 2 to 20 clickers over three replicas: one start or none, and every click answered.

Run by trust/__main__.py; the short form runs in tests/trust/test_b5.py. `--case N` holds one race again, `--case processes:N`
one between processes; what the machine does with the threads is not in the seed, so a rare one may need several goes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial

from trust import b5_processes, b5_race
from trust.b2_installation import memory
from trust.b5_race import Tally
from trust.order import Order, shares, spread
from trust.report import Figure

RACES, BETWEEN_PROCESSES = 10_000, 400
GOAL = 10_000
PER_JOB = 250
WAITING = 2  # processes for each that may work: half of their time they wait for the lock
AGAIN = 20
WANTED = (
    "0 acts", "1 acts", "ends consumed", "ends rejected", "ends pending", "stop asked after the start",
    "of a second step", "start: stopped",
    "click: done", "click: already", "click: not_approver", "click: self_approval",
    "start: done", "start: approval_void", "start: expired", "start: already_started",
)  # fmt: skip
SOON = ("0 acts", "1 acts", "ends consumed", "ends rejected", "click: done", "click: already", "start: done")


def figure(name: str, run: str, parts: Iterable[Tally], order: Order, began: float, goal: int, case: str) -> Figure:
    """The figure of one way of holding races."""
    tally = Tally()
    for part in parts:
        tally.races += part.races
        tally.clicks += part.clicks
        tally.told += part.told
        tally.reached += part.reached
    again = f"python -m trust b5 --seed {order.seed} --case {case}"
    return Figure(
        claim="b5",
        name=name,
        run=run,
        cases=tally.races,
        violations=len(tally.told),
        seconds=time.monotonic() - began,
        goal=goal,
        reached={each: tally.reached[each] for each in (SOON if order.quick else WANTED)},
        examples=[f"{'; '.join(told)}; {again}{number}" for number, told in sorted(tally.told)],
        extra={
            "clicks": tally.clicks,
            "happened": dict(sorted(tally.reached.items())),
            "database": "in memory" if memory() else "on disk",
        },
    )


def in_one_process(order: Order, total: int) -> Figure:
    """Three stores in one process, a writer thread each."""
    began = time.monotonic()
    per_job = min(PER_JOB, -(-total // (WAITING * order.processes)))
    parts = spread(partial(b5_race.play, order.seed), shares(total, per_job), WAITING * order.processes)
    run = "2 to 20 clickers and 0 to 3 starters at one barrier, three stores on one database in one process"
    return figure("races", run, parts, order, began, GOAL, "")


def between_processes(order: Order, total: int) -> Figure:
    """Three processes with a store each."""
    began = time.monotonic()
    parts = [b5_processes.play(order.seed, range(total))]
    run = "the same races, three processes on one database with a barrier between them"
    return figure("races between processes", run, parts, order, began, 0, "processes:")


def measure(order: Order) -> list[Figure]:
    """Both, one after the other."""
    made = []
    for step in (
        partial(in_one_process, order, order.size(RACES, 60)),
        partial(between_processes, order, order.size(BETWEEN_PROCESSES, 20)),
    ):
        made.append(step())
        order.say(f"  {made[-1].name}: {made[-1].cases:,} races, {made[-1].violations} wrong")
    return made


def replay(seed: int, case: str) -> str:
    """One race, twenty times. Raises ValueError when there is none of that name."""
    kind, _, number = case.rpartition(":")
    if not number.isdecimal() or kind not in {"", "processes"}:
        raise ValueError(f"{case!r} is neither a number nor processes:N")
    which = range(int(number), int(number) + 1)
    lines = [str(b5_race.draw(seed, int(number)))]
    for turn in range(AGAIN):
        tally = (b5_processes if kind else b5_race).play(seed, which)
        told = tally.told[0][1] if tally.told else ["as it should be"]
        lines.append(f"{turn + 1}: {'; '.join(told[:-1] or told)}")
    return "\n".join(lines)
