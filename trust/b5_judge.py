"""B5: whether a race came out as if the clicks had been made one after the other, in the order of their commits.

Used by trust/b5_race.py and trust/b5_processes.py. Pure: it is given what was answered and what is stored, and plays the
commits on the model of trust/b2_model.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trust.b2_model import Model, Question, RunState

Event = tuple[str, str, bool]
"""Kind of an entry, its actor, and whether a vote was a yes."""
ANSWERS = frozenset({"done", "already", "not_approver", "self_approval"})
STARTS = frozenset({"done", "unknown", "already_started", "approval_void", "expired", "stopped"})


@dataclass(frozen=True, slots=True)
class Click:
    """One click. user: the account. person: who it is. late: how often everything else may run first."""

    user: str
    person: str
    approve: bool
    late: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a race. answers: of the clicks, in their order. starts: of those who tried to start the step, the last
    of them when all clicks were answered. state, votes, stop_asked, intents: what is stored. acts: carried out.
    """

    answers: Sequence[str]
    starts: Sequence[str]
    state: str
    votes: dict[str, bool]
    stop_asked: bool
    intents: int
    acts: int
    events: Sequence[Event]


def judge(model: Model, run: RunState, clicks: Sequence[Click], out: Outcome, prepared: int = 0) -> list[str]:
    """What is wrong with the outcome; empty when nothing is.

    prepared: how many events are from before the race, in which the first step was started; 0: nothing was.
    """
    question, last = run.questions[0], len(run.changing) - 1
    _, begun = replayed(model, run, question, 0, out.events[:prepared], [])
    told = []
    if len(out.answers) != len(clicks) or set(out.answers) - ANSWERS:
        told.append(f"{len(clicks)} clicks were answered {sorted(out.answers)}")
    if set(out.starts) - STARTS:
        told.append(f"starts were answered {sorted(out.starts)}")
    if out.acts > 1 or out.intents > 1 + begun:
        told.append(f"{out.acts} acts of {out.intents} intents")
    for click, answer in zip(clicks, out.answers, strict=False):
        refused = model.may_answer(run, question, click.person)
        if answer not in ("already", refused or "done"):
            told.append(f"{click.user} was answered {answer}, should be {refused or 'done'}")
    commits, acts = replayed(model, run, question, last, out.events[prepared:], told)
    if commits != list(out.answers).count("done"):
        told.append(f"{list(out.answers).count('done')} clicks were told that they count, {commits} were written")
    if acts != out.acts:
        told.append(f"{acts} starts were written, {out.acts} acts carried out")
    surplus = {who for who, yes in out.votes.items() if run.stop_asked and not yes and who not in question.votes}
    if any(model.may_answer(run, question, who) for who in surplus):
        told.append(f"votes of {sorted(surplus)} are stored")
    # a no after the run was asked to stop is stored, and told as "already": nothing comes of it
    real = (out.state, {who: yes for who, yes in out.votes.items() if who not in surplus}, out.stop_asked)
    wanted = (question.state, question.votes, run.stop_asked)
    if real != wanted:
        told.append(f"stored is {real}, one after the other gives {wanted}")
    if out.acts + out.intents == begun and question.state in ("approved", "consumed") and not run.stop_asked:
        told.append("approved, and nothing was started in the end")
    return told


def replayed(
    model: Model, run: RunState, question: Question, step: int, events: Sequence[Event], told: list[str]
) -> tuple[int, int]:
    """Play the commits on the model; how many clicks counted, and how many starts."""
    commits = acts = 0
    taken = False  # the decline that follows a no is the same click
    for kind, actor, approve in events:
        if kind == "started":
            if model.starting(run, step) != {"acted"}:
                asked = ", after it was asked to stop" if run.stop_asked else ""
                told.append(f"started when it was {question.state} with {question.votes}{asked}")
            model.started(run, step)
            acts += 1
        elif kind == "voted" or (kind == "declined" and not taken) or kind == "stopped":
            answer = model.click(run, question, actor, approve=kind == "voted" and approve, own_card=True)
            commits += 1
            if answer != "done":
                told.append(f"{kind} by {actor} was written, and should have been answered {answer}")
        taken = kind == "voted" and not approve
    return commits, acts
