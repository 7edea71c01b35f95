"""B5: races in one process: clickers and starters at one barrier, over three stores on one database.

Used by trust/b5.py; `draw` also by trust/b5_processes.py. The stores have a writer thread each, so that it is the database
that orders them.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from bot.app import SWITCH_SECONDS
from bot.store.session import Store
from trust.b2_actions import STEPS
from trust.b2_installation import accounts, folder
from trust.b2_model import Human, Model, RunState
from trust.b2_world import Shop, Stage
from trust.b5_judge import Click, Outcome, judge

REPLICAS = 3
PLACES = ("one", "one", "two", "three", "each")
PEOPLE = 10
LATEST = 40


@dataclass(frozen=True, slots=True)
class Race:
    """requester: who asked. starters: how long each replica waits before it tries to start the step, None for never.

    second: the run was approved and its first step is done; the race is about the second (T06).
    """

    place: str
    requester: str
    clicks: tuple[Click, ...]
    starters: tuple[int | None, ...]
    second: bool = False


def crowd() -> Model:
    """Ten people: eight may approve, two of them in both groups."""
    groups = [{"alpha"}, {"alpha"}, {"alpha", "beta"}, {"beta"}, {"alpha"}, {"beta"}, {"alpha", "beta"}, {"alpha"}]
    return Model({f"p{number}": Human(set(groups[number]) if number < 8 else set()) for number in range(PEOPLE)})


def draw(seed: int, number: int) -> Race:
    """One race: 2 to 20 clicks of up to ten people, some of them twice, with another account or another mind."""
    dice = Random(f"{seed}/race/{number}")  # noqa: S311  # reason: cases must come again with their seed
    no = dice.choice((0.0, 0.05, 0.3, 0.6))
    clicks = []
    for _ in range(dice.randint(2, 20)):
        person = f"p{dice.randrange(PEOPLE)}"
        late = dice.choice((0, 0, 0, dice.randrange(LATEST)))
        clicks.append(Click(dice.choice(accounts(person)), person, dice.random() >= no, late))
    starters = tuple(dice.choice((None, 0, dice.randrange(LATEST), LATEST)) for _ in range(REPLICAS))
    place, requester = dice.choice(PLACES), f"p{dice.randrange(PEOPLE)}"
    return Race(place, requester, tuple(clicks), starters, second=dice.random() < 0.3)


@dataclass(slots=True)
class Tally:
    """told: (number of the race, what is wrong)."""

    races: int = 0
    clicks: int = 0
    told: list[tuple[int, list[str]]] = field(default_factory=list)
    reached: Counter[str] = field(default_factory=Counter)


def count(tally: Tally, number: int, race: Race, out: Outcome, told: list[str]) -> None:
    """Add a race to the tally."""
    tally.races += 1
    tally.clicks += len(race.clicks)
    tally.reached[f"{out.acts} acts"] += 1
    tally.reached[f"ends {out.state}"] += 1
    tally.reached.update(f"click: {answer}" for answer in out.answers)
    tally.reached.update(f"start: {answer}" for answer in out.starts)
    tally.reached["stop asked after the start"] += out.stop_asked
    tally.reached["of a second step"] += race.second
    if told:
        tally.told.append((number, [*told, f"answers {list(out.answers)}, starts {list(out.starts)}", str(race)]))


async def opened(stage: Stage, model: Model, race: Race, *, alone: bool = True) -> RunState:
    """The run that the race is about, asked for by its requester. alone: no other race is prepared in this database."""
    await stage.incident(race.place, alone=alone)
    model.now = stage.now
    person = stage.person(f"U{race.requester}")
    if person is None:
        raise LookupError(race.requester)
    _, run = await stage.ask(race.place, person)
    if run is None:
        raise LookupError(f"no run opened at {race.place}")
    _, asked, _ = await stage.stored(run.id)
    ids = {approval.kind: approval.id for approval, _ in asked}
    made = model.opened(run.id, race.place, race.requester, ids, STEPS[run.plan.runbook])
    if race.second:
        for name in model.humans:
            voter = stage.person(f"U{name}")
            if voter is not None and not model.may_answer(made, made.questions[0], name):
                await stage.click(made.questions[0].id, voter, run.id, approve=True, own_card=True)
        await stage.dispatch(run.id, 0)
    return made


async def prepared(stage: Stage, run: RunState, race: Race) -> int:
    """How much of the run's transcript is from before the race."""
    return len(await stage.told(run.id)) if race.second else 0


async def outcome(stage: Stage, run: RunState, answers: list[str], starts: list[str], acts: int) -> Outcome:
    """What is stored when all is over."""
    real, asked, intents = await stage.stored(run.id)
    approval, votes = asked[0]
    stored = {vote.person: vote.approve for vote in votes}
    events = await stage.told(run.id)
    stop = bool(real.stop_requested_by)
    return Outcome(answers, starts, approval.state, stored, stop, len(intents), acts, events)


async def click(stage: Stage, run: RunState, each: Click, barrier: asyncio.Event) -> str:
    """One click on one replica; the name of what it raised when it got no answer."""
    await barrier.wait()
    for _ in range(each.late):
        await asyncio.sleep(0)
    person = stage.person(each.user)
    if person is None:
        return "stranger"
    try:
        return await stage.click(run.questions[0].id, person, run.id, approve=each.approve, own_card=True)
    except Exception as error:  # noqa: BLE001  # reason: whatever it is, this click has no answer, and that is what is told
        return repr(error)


async def start(stage: Stage, run: RunState, wait: int, barrier: asyncio.Event) -> str:
    """One worker that tries to start the step."""
    await barrier.wait()
    for _ in range(wait * 3):
        await asyncio.sleep(0)
    try:
        return await stage.dispatch(run.id, len(run.changing) - 1)
    except Exception as error:  # noqa: BLE001  # reason: as above
        return repr(error)


async def hold(replicas: list[Stage], race: Race) -> tuple[Outcome, list[str]]:
    """One race from the question to the judgement."""
    model = crowd()
    run = await opened(replicas[0], model, race)
    before, events = len(replicas[0].acts), await prepared(replicas[0], run, race)
    barrier = asyncio.Event()
    clicks = [click(replicas[i % REPLICAS], run, each, barrier) for i, each in enumerate(race.clicks)]
    starters = [
        start(stage, run, wait, barrier)
        for stage, wait in zip(replicas, race.starters, strict=True)
        if wait is not None
    ]
    together = asyncio.gather(asyncio.gather(*clicks), asyncio.gather(*starters))
    await asyncio.sleep(0)
    barrier.set()
    answers, starts = await together
    last = await replicas[1].dispatch(run.id, len(run.changing) - 1)
    out = await outcome(replicas[2], run, answers, [*starts, last], len(replicas[0].acts) - before)
    return out, judge(model, run, race.clicks, out, events)


def play(seed: int, numbers: range) -> Tally:
    """These races, one after the other."""

    async def all_of_them() -> Tally:
        tally = Tally()
        sys.setswitchinterval(SWITCH_SECONDS)
        async with folder() as where:
            shop = await Shop.open(where)
            url = f"sqlite+aiosqlite:///{where / 'app.db'}"
            others = [await Store.open(url) for _ in range(REPLICAS - 1)]
            try:
                for number in numbers:
                    stage = Stage(shop, crowd().humans)
                    await stage.open()
                    replicas = [stage, *[await stage.beside(each, f"w{i}") for i, each in enumerate(others, 2)]]
                    race = draw(seed, number)
                    count(tally, number, race, *await hold(replicas, race))
            finally:
                for store in (shop.store, *others):
                    await store.close()
        return tally

    return asyncio.run(all_of_them())
