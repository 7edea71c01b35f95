"""B5: races between three processes, each with a store of its own on one database, at a barrier between processes.

Used by trust/b5.py. The parent opens the runs, the children click and start, the parent judges by what is stored.
"""

from __future__ import annotations

import asyncio
import sys
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from bot.app import SWITCH_SECONDS
from trust.b2_installation import folder
from trust.b2_model import Model, RunState
from trust.b2_world import Shop, Stage
from trust.b5_judge import judge
from trust.b5_race import REPLICAS, Race, Tally, click, count, crowd, draw, opened, outcome, prepared, start

PATIENCE = 60.0  # seconds at the barrier

Said = tuple[dict[int, str], list[str], int]
"""Of one race and one child: click -> answer, the answers of its starts, and how many acts it carried out."""


def child(number: int, where: Path, races: list[tuple[Race, RunState]], barrier: Barrier, pipe: Any) -> None:
    """One replica. number: from 0; it makes every third click."""

    async def all_of_them() -> list[Said]:
        sys.setswitchinterval(SWITCH_SECONDS)
        shop = await Shop.open(where)
        first = Stage(shop, crowd().humans)
        first.begin()
        stage = await first.beside(shop.store, f"w{number + 2}")
        said = []
        for race, run in races:
            before = len(stage.acts)
            go = asyncio.Event()
            mine = [i for i in range(len(race.clicks)) if i % REPLICAS == number]
            clicks = [asyncio.ensure_future(click(stage, run, race.clicks[i], go)) for i in mine]
            wait = race.starters[number]
            starts = [] if wait is None else [asyncio.ensure_future(start(stage, run, wait, go))]
            await asyncio.sleep(0)
            await asyncio.to_thread(barrier.wait, PATIENCE)
            go.set()
            answers, tried = await asyncio.gather(*clicks), await asyncio.gather(*starts)
            await asyncio.to_thread(barrier.wait, PATIENCE)
            if number == 0:
                await stage.let_go(run.id)  # the next race wants the same target
            said.append((dict(zip(mine, answers, strict=True)), tried, len(stage.acts) - before))
        await shop.close()
        return said

    pipe.send(asyncio.run(all_of_them()))
    pipe.close()


def play(seed: int, numbers: range) -> Tally:
    """These races, in three processes that stay for all of them."""

    async def all_of_them() -> Tally:
        tally = Tally()
        async with folder() as where:
            shop = await Shop.open(where)
            stage = Stage(shop, crowd().humans)
            await stage.open()
            races: list[tuple[Race, RunState]] = []
            models: list[Model] = []
            events: list[int] = []
            for number in numbers:
                race, model = draw(seed, number), crowd()
                races.append((race, await opened(stage, model, race, alone=False)))
                models.append(model)
                events.append(await prepared(stage, races[-1][1], race))
                await stage.let_go(races[-1][1].id)
            said = await asyncio.to_thread(_three, where, races)
            for index, (number, (race, run), model) in enumerate(zip(numbers, races, models, strict=True)):
                answers = {place: word for each in said for place, word in each[index][0].items()}
                starts = [word for each in said for word in each[index][1]]
                before = len(stage.acts)
                starts.append(await stage.dispatch(run.id, len(run.changing) - 1))
                await stage.let_go(run.id)
                acts = sum(each[index][2] for each in said) + len(stage.acts) - before
                out = await outcome(stage, run, [answers[i] for i in sorted(answers)], starts, acts)
                count(tally, number, race, out, judge(model, run, race.clicks, out, events[index]))
            await shop.close()
        return tally

    return asyncio.run(all_of_them())


def _three(where: Path, races: list[tuple[Race, RunState]]) -> list[list[Said]]:
    context = get_context("spawn")
    barrier = context.Barrier(REPLICAS)
    pipes = [context.Pipe(duplex=False) for _ in range(REPLICAS)]
    children = [
        context.Process(target=child, args=(i, where, races, barrier, pipes[i][1]), daemon=True)
        for i in range(REPLICAS)
    ]
    for each in children:
        each.start()
    for _, theirs in pipes:
        theirs.close()  # so that a child that dies is noticed
    try:
        return [mine.recv() for mine, _ in pipes]
    finally:
        for each in children:
            each.join(PATIENCE)
            each.kill()
