"""B16: the kill switch. A thousand random moments, with the database locked and Slack dead in part of them; a hundred restarts.

Run by trust/__main__.py; the short form runs in tests/trust/test_b16.py. `--case N` holds one trial again; the moment is in the
seed, what the machine does in it is not.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial

from trust import b16_together
from trust.b2_installation import folder, memory
from trust.b16_bot import PLACES
from trust.b16_trial import ALLOWED, WAYS, BotAtWork, Trial, dead_slack, draw, engage, hold
from trust.order import Order
from trust.report import Figure

TRIALS, RESTARTS, ROUNDS = 1_000, 100, 1_000
BOTS = 4  # at once; more would measure how two cores are shared, not the switch
TRIES = 2  # how often a restarted bot must have tried before it is killed again


@dataclass(slots=True)
class Tally:
    """told: (number of the trial, what is wrong). lasts: seconds from engaging to the last start."""

    trials: int = 0
    told: list[tuple[int, str]] = field(default_factory=list)
    lasts: list[float] = field(default_factory=list)
    reached: Counter[str] = field(default_factory=Counter)


async def moments(seed: int, numbers: list[int], tally: Tally, slack_url: str) -> None:
    """One bot; takes trials from the front of `numbers` until there is none."""
    async with folder() as where:
        bot = BotAtWork(where, slack_url)
        await bot.begin()
        try:
            await bot.at_work(set(PLACES))
            while numbers:
                number = numbers.pop(0)
                trial = draw(seed, number)
                seen = await hold(bot, trial)
                tally.trials += 1
                tally.lasts.append(seen.last)
                tally.told += [(number, f"{each}, {trial}") for each in (*seen.late, *seen.told)]
                tally.reached.update((trial.way, f"level {trial.level}"))
                tally.reached["database locked"] += trial.locked
                tally.reached["Slack dead"] += bool(slack_url)
                tally.reached["both"] += trial.locked and bool(slack_url)
                tally.reached["steps had just started"] += bool(seen.busy)
        finally:
            bot.end()


def trials(order: Order, total: int) -> Figure:
    """Random moments, on several bots at once; every second one writes to a Slack that is dead."""
    began = time.monotonic()
    tally = Tally()
    numbers = list(range(total))

    async def all_of_them() -> None:
        with dead_slack() as slack_url:
            async with asyncio.TaskGroup() as group:
                for number in range(min(BOTS, total)):
                    group.create_task(moments(order.seed, numbers, tally, slack_url if number % 2 else ""))

    asyncio.run(all_of_them())
    names = ("steps had just started",) if order.quick else ()
    full = (*WAYS, "level all", "level environment", "level service", "database locked", "Slack dead", "both")
    lasts = sorted(tally.lasts)
    again = f"python -m trust b16 --seed {order.seed} --case"
    return Figure(
        claim="b16",
        name="random moments",
        run=f"no step starts more than {ALLOWED:g} s after the switch was engaged by file, row, signal, command or chat",
        cases=tally.trials,
        violations=len(tally.told),
        seconds=time.monotonic() - began,
        goal=TRIALS,
        reached={name: tally.reached[name] for name in names or ("steps had just started", *full)},
        examples=[f"{told}; {again} {number}" for number, told in sorted(tally.told)],
        extra={
            "last_start_after_seconds": {
                "worst": round(lasts[-1], 4),
                "p99": round(lasts[len(lasts) * 99 // 100 - 1], 4),
                "median": round(lasts[len(lasts) // 2], 4),
            },
            "bots_at_once": min(BOTS, total),
            "happened": dict(sorted(tally.reached.items())),
            "database": "in memory" if memory() else "on disk",
        },
    )


async def restarted(way: str, times: int) -> list[str]:
    """Engage it, kill the bot at that moment, start and kill it again that often; then lift it."""
    told: list[str] = []
    async with folder() as where:
        bot = BotAtWork(where)
        await bot.begin()
        try:
            await bot.at_work(set(PLACES))
            await engage(bot, Trial(way, "all", "", locked=False, moment=0.0))
            if way == "chat":
                await bot.hear("engage")
            if way == "signal" and not await bot.left_a_file():
                told.append("the signal left nothing behind")
            for turn in range(times):
                bot.end()
                began = time.monotonic()
                await bot.begin()
                await bot.has_tried(TRIES * len(PLACES))
                told += [f"{way}, restart {turn + 1}: {what}" for _, _, what in bot.starts(began)]
                if told:
                    break
            bot.tell("lift", "all", "")
            await bot.hear("lift")
            if not await bot.at_work(set(PLACES), all_of_them=False):
                told.append(f"{way}: lifted, and nothing goes on")
        finally:
            bot.end()
    return told


def restarts(order: Order, total: int) -> Figure:
    """The switch stays engaged over restarts, whichever way it was engaged."""
    began = time.monotonic()
    ways = WAYS[: 2 if order.quick else None]
    share = -(-total // len(ways))

    async def all_of_them() -> list[str]:
        found: list[str] = []
        for first in range(0, len(ways), 2):
            for part in await asyncio.gather(*(restarted(way, share) for way in ways[first : first + 2])):
                found += part
        return found

    told = asyncio.run(all_of_them())
    return Figure(
        claim="b16",
        name="restarts",
        run="killed at the moment it was engaged, started and killed again; no step starts until it is lifted",
        cases=share * len(ways),
        violations=len(told),
        seconds=time.monotonic() - began,
        goal=RESTARTS,
        reached=dict.fromkeys(ways, share),
        examples=told,
    )


def several(order: Order, total: int) -> Figure:
    """Processes that engage and lift at the same moment."""
    began = time.monotonic()

    async def rounds() -> list[tuple[int, str]]:
        async with folder() as where:
            return await asyncio.to_thread(b16_together.play, where, order.seed, range(total))

    told = asyncio.run(rounds())
    return Figure(
        claim="b16",
        name="several at once",
        run=f"{b16_together.HANDS} processes engage, or one lifts while others engage, at a barrier: no stop is lost from the file",
        cases=total,
        violations=len({number for number, _ in told}),
        seconds=time.monotonic() - began,
        examples=[
            f"round {number}: {each}; python -m trust b16 --seed {order.seed} --case together" for number, each in told
        ],
    )


def measure(order: Order) -> list[Figure]:
    """All three, one after the other."""
    made = []
    for step in (
        partial(trials, order, order.size(TRIALS, 12)),
        partial(restarts, order, order.size(RESTARTS, 4)),
        partial(several, order, order.size(ROUNDS, 100)),
    ):
        made.append(step())
        order.say(f"  {made[-1].name}: {made[-1].cases:,} times, {made[-1].violations} wrong")
    return made


def replay(seed: int, case: str) -> str:
    """One trial by its number, without a Slack and with a dead one, or `together`. Raises ValueError for anything else."""
    if case == "together":
        figure = several(Order(seed, quick=True, processes=1), ROUNDS)
        return "\n".join(figure.examples) or "as it should be"
    if not case.isdecimal():
        raise ValueError(f"{case!r} is neither the number of a trial nor together")

    async def one(slack_url: str) -> str:
        tally = Tally()
        await moments(seed, [int(case)], tally, slack_url)
        told = "; ".join(each for _, each in tally.told) or "as it should be"
        return f"{'Slack dead' if slack_url else 'no Slack'}: last start {tally.lasts[0]:.4f} s after; {told}"

    lines = [str(draw(seed, int(case)))]
    with contextlib.ExitStack() as stack:
        lines += [asyncio.run(one(url)) for url in ("", stack.enter_context(dead_slack()))]
    return "\n".join(lines)
