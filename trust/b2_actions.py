"""B2: everything that can happen to approvals, done to the real thing and to the model, then compared.

Used by trust/b2_walk.py. Each takes three numbers that say to whom and what, as far as there are so many.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any

from trust.b2_compare import Action, Walk, answered, check, compare, live, pick, question_of
from trust.b2_model import GROUPS, PLACES, Model, Question, RunState

PEOPLE = tuple(f"p{number}" for number in range(8))
STEPS = {"plain": (False, True), "strict": (True,)}


async def ask(walk: Walk, action: Action) -> None:
    """Person b asks for the runbook at place a."""
    place, name = list(PLACES)[action.a % len(PLACES)], PEOPLE[action.b % len(PEOPLE)]
    model, stage = walk.model, walk.stage
    person = stage.person(f"U{name}")
    wanted = model.asking(place, name)
    if person is None:
        answered(walk, "ask", "stranger", wanted)
        return
    if model.open_at(place) is None:
        await stage.incident(place)
    word, run = await stage.ask(place, person)
    answered(walk, "ask", word, wanted)
    if (run is not None) != (wanted == {"done"}):
        walk.told.append(f"ask: run {run.id if run else None} opened")
    elif run is not None:
        _, asked, _ = await stage.stored(run.id)
        ids = {approval.kind: approval.id for approval, _ in asked}
        opened = model.opened(run.id, place, name, ids, STEPS[run.plan.runbook])
        walk.reached[f"opened at {place}"] += 1
        expected = {q.id: (q.kind, q.expires) for q in opened.questions}
        check(walk, "questions", {a.id: (a.kind, a.expires_at) for a, _ in asked}, expected)


async def click(walk: Walk, action: Action) -> None:
    """b: which account of which person, or of nobody. c: bit 0 is a no, bits 1-4 all zero is a foreign card."""
    found = question_of(walk, action.a)
    if found is None:
        return
    run, question = found
    name = PEOPLE[action.b % len(PEOPLE)]
    kind = action.b // len(PEOPLE) % 16
    user, team = (f"V{name}" if kind % 2 else f"U{name}"), ("T9" if kind == 15 else "T1")
    person = walk.stage.person(user, team)
    known = walk.model.humans[name].active and team == "T1" and (user[0] == "U" or int(name[1:]) % 2 == 0)
    if (person is not None) != known or (person is not None and person.id != name):
        walk.told.append(f"{user} of {team} is {person.id if person else 'nobody'}")
        return
    approve, own_card = not action.c % 2, bool(action.c // 2 % 16)
    before = question.state
    wanted = walk.model.click(run, question, name if known else "", approve=approve, own_card=own_card)
    word = "stranger"
    if person is not None:
        word = await walk.stage.click(question.id, person, run.id, approve=approve, own_card=own_card)
    answered(walk, "click", word, frozenset({wanted}))
    if question.state != before:
        walk.reached[f"{question.kind} of {run.place}: {before} to {question.state}"] += 1
    if wanted == "done" and not walk.model.humans[name].groups & question.rule.groups and question.kind == "approval":
        walk.reached["answered by those who may later"] += 1
    await compare(walk, run)


async def dispatch(walk: Walk, action: Action) -> None:
    """b: which step, or the undo of the last. c: a change is tried twice at once when it divides by four.

    Twice at once is what a crash and a hasty restart would do. A look and an undo may be repeated, a change never.
    """
    run = pick(live(walk.model), action.a)
    if run is None:
        return
    last = len(run.changing) - 1
    step, undo = (last, True) if action.b % 7 == 6 else (action.b % (last + 1), False)
    twice = action.c % 4 == 0 and run.changing[step] and not undo
    wanted = walk.model.starting(run, step, undo=undo)
    before = len(walk.stage.acts)
    words = await asyncio.gather(*(walk.stage.dispatch(run.id, step, undo=undo) for _ in range(1 + twice)))
    acted(walk, run, step, undo, wanted, words, len(walk.stage.acts) - before)
    await compare(walk, run)


def acted(
    walk: Walk, run: RunState, step: int, undo: bool, wanted: frozenset[str], words: Sequence[str], acts: int
) -> None:
    """Judge a dispatch: as many acts as there should be, and the answer that belongs to it."""
    should = int(wanted == {"acted"})
    if acts != should:
        walk.told.append(f"start of step {step} of {run.id}: {acts} acts, should be {should} ({', '.join(words)})")
        return
    if should:
        walk.dispatches += 1
        walk.reached[f"started at {run.place}"] += 1
        walk.model.started(run, step, undo=undo)
        wanted = frozenset({"done"})
    elif wanted == {"replayed"}:
        walk.reached["start: replayed"] += 1
        wanted = frozenset({"done"})
    if len(words) == 1:
        answered(walk, "start", words[0], wanted)
    elif should and "done" not in words:
        walk.told.append(f"two at once: {', '.join(words)}")


async def carry(walk: Walk, action: Action) -> None:
    """The engine goes on with a run whose questions are answered or too late."""
    ready = [run for run in live(walk.model) if due(walk.model, run)]
    run = pick(ready, action.a)
    if run is None:
        return
    before = len(walk.stage.acts)
    should = 0
    closed = next((q for q in gates(run) if q.state not in ("approved", "consumed")), None)
    if closed is not None:
        if closed.state == "pending":
            closed.state = "expired"
        outcome = "expired" if closed.state == "expired" else "refused"
    else:
        outcome = "succeeded"
        for step in range(len(run.changing)):
            may = walk.model.starting(run, step)
            if may == {"acted"}:
                should += 1
                walk.model.started(run, step)
            elif may != {"replayed"}:
                outcome = "stopped" if may == {"stopped"} else "refused"
                break
    walk.model.ended(run)
    got = await walk.stage.carry_out(run.id)
    walk.dispatches += should
    walk.reached[f"started at {run.place}"] += should
    walk.reached[f"run {got}"] += 1
    check(walk, f"acts of {run.id}", len(walk.stage.acts) - before, should)
    check(walk, f"outcome of {run.id}", got, outcome)
    await compare(walk, run)


def gates(run: RunState) -> list[Question]:
    """The questions of a run in the order in which the engine waits for them."""
    return sorted(run.questions, key=lambda question: question.kind != "confirmation")


def due(model: Model, run: RunState) -> bool:
    """Whether the engine has anything to do: the first question without a yes is answered, or its time is over."""
    first = next((q for q in gates(run) if q.state not in ("approved", "consumed")), None)
    return first is None or first.state != "pending" or first.expires <= model.now


async def expire(walk: Walk, action: Action) -> None:
    """The timer of one question fires, a moment after its end."""
    found = question_of(walk, action.a)
    if found is None or found[1].expires > walk.model.now:
        return
    run, question = found
    if question.state == "pending":
        question.state = "expired"
        walk.reached["expired by its timer"] += 1
    await walk.stage.expire(question.id)
    await compare(walk, run)


async def clock(walk: Walk, action: Action) -> None:
    """Time goes by, to the very end of a question as well, or was set back a little."""
    ends = sorted({q.expires for run in live(walk.model) for q in run.questions if q.expires > walk.model.now})
    tick = timedelta(microseconds=1)
    moves = [timedelta(seconds=1), timedelta(seconds=20), timedelta(minutes=2), -timedelta(seconds=90)]
    moves += [end - walk.model.now + nudge for end in ends[:2] for nudge in (timedelta(0), -tick, tick)]
    walk.model.now = walk.stage.now = walk.model.now + moves[action.a % len(moves)]


async def group(walk: Walk, action: Action) -> None:
    """Somebody enters or leaves a group."""
    walk.model.humans[PEOPLE[action.a % len(PEOPLE)]].groups ^= {GROUPS[action.b % len(GROUPS)]}
    walk.stage.bend()


async def role(walk: Walk, action: Action) -> None:
    """Somebody gets or loses the role that may ask."""
    human = walk.model.humans[PEOPLE[action.a % len(PEOPLE)]]
    human.responder = not human.responder
    walk.stage.bend()


async def leave(walk: Walk, action: Action) -> None:
    """Somebody leaves the directory, or is back."""
    human = walk.model.humans[PEOPLE[action.a % len(PEOPLE)]]
    human.active = not human.active
    walk.stage.bend()


async def change(walk: Walk, action: Action) -> None:
    """Another policy, runbook or catalogue; later perhaps the former one again."""
    part = action.a % 3
    walk.model.key[part] = walk.stage.key[part] = 1 - walk.model.key[part]
    walk.stage.bend()


async def damage(walk: Walk, action: Action) -> None:
    """The stored plan of a run is changed."""
    run = pick(live(walk.model), action.a)
    if run is not None:
        run.damaged = True
        await walk.stage.damage(run.id, f"another reason {action.b}")


async def stop(walk: Walk, action: Action) -> None:
    """The kill switch for all, one place or one service is engaged, or lifted again."""
    place = list(PLACES)[action.a % len(PLACES)]
    level = [("all", ""), ("environment", place), ("service", f"at-{place}")][action.b % 3]
    if level in walk.model.stops:
        walk.model.stops.remove(level)
        await walk.stage.equipment.kill_switch.lift(*level, "over", "p0")
    else:
        walk.model.stops.add(level)
        await walk.stage.equipment.kill_switch.engage(*level, "storm", "p0")


async def over(walk: Walk, action: Action) -> None:
    """The monitor says that the trouble is over, or that it is back."""
    walk.model.over = not walk.model.over
    walk.stage.over(walk.model.over)


async def blind(walk: Walk, action: Action) -> None:
    """Slack can no longer be asked who is in a group; or it can again."""
    walk.model.blind = walk.stage.blind = not walk.model.blind
    walk.stage.bend()


async def jump(walk: Walk, action: Action) -> None:
    """Somebody turned the clock, or it has been right for long enough."""
    walk.model.jumped = walk.stage.jumped = not walk.model.jumped


async def restart(walk: Walk, action: Action) -> None:
    """The bot is started again over the same database."""
    await walk.stage.restart()
    for run in live(walk.model):
        await compare(walk, run)


ACTIONS: dict[str, Callable[[Walk, Action], Coroutine[Any, Any, None]]] = {
    each.__name__: each
    for each in (
        ask, click, dispatch, carry, expire, clock, group, role, leave, change, damage, stop, over, blind, jump, restart
    )
}  # fmt: skip
