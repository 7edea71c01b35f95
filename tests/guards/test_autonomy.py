"""guards/autonomy.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

import guards
from guards.testing import frozen

QUESTION = guards.RequireApproval(any_of=("leads",))
BOT = guards.Actor("bot", is_bot=True)
PERSON = guards.Actor("ann")


def code(ceiling: str, question: guards.RequireApproval | None = QUESTION, **changes: object) -> str:
    decision = guards.decide([guards.Autonomy(ceiling=ceiling, question=question)], frozen(**changes))
    return decision.denials[0].code if decision.denials else decision.outcome


# the two levels, what the bot hears, what a person hears
@pytest.mark.parametrize(
    ("ceiling", "own", "bot", "person"),
    [
        ("shadow", "auto", "shadow", "shadow"),
        ("auto", "shadow", "shadow", "shadow"),
        ("shadow", "", "shadow", "shadow"),
        ("suggest", "auto", "autonomy", "allow"),
        ("auto", "suggest", "autonomy", "allow"),
        ("auto", "", "autonomy", "allow"),
        ("approve", "auto", "ask", "allow"),
        ("auto", "approve", "ask", "allow"),
        ("approve", "suggest", "autonomy", "allow"),
        ("auto", "auto", "allow", "allow"),
        ("auto", "AUTO", "autonomy", "autonomy"),
        ("auto", "auto ", "autonomy", "autonomy"),
        ("shadow", "god", "autonomy", "autonomy"),
    ],
)
def test_the_lower_of_the_two_counts(ceiling: str, own: str, bot: str, person: str) -> None:
    assert code(ceiling, autonomy=own, actor=BOT) == bot
    assert code(ceiling, autonomy=own, actor=PERSON) == person
    assert code(ceiling, autonomy=own, actor=BOT, risk="read") == "allow"
    assert code(ceiling, None, autonomy=own, actor=BOT) == ("forbidden" if bot == "ask" else bot)
    nobody = "missing_context" if person == "allow" else person
    assert code(ceiling, autonomy=own, actor=None) == code(ceiling, autonomy=own, actor=guards.Actor("")) == nobody


def test_the_trace_says_which_level_counted() -> None:
    guard = guards.Autonomy(ceiling="approve", question=QUESTION)
    assert guard.inputs(frozen(autonomy="auto", actor=BOT)) == {
        "actor": "bot",
        "is_bot": True,
        "ceiling": "approve",
        "runbook": "auto",
        "level": "approve",
    }
    assert guard.inputs(frozen(autonomy="x", actor=None))["level"] == ""
    context = frozen(autonomy="auto", actor=BOT)
    assert guards.decide([guard], context).questions == (QUESTION.check(context),)


def test_the_decorator_makes_the_same_guard() -> None:
    (guard,) = guards.guards_of(guards.autonomy(ceiling="approve")(lambda: 1))
    assert isinstance(guard, guards.Autonomy)
    assert replace(guard, question=None) == guards.Autonomy(ceiling="approve")
    for wrong in ("", "AUTO", "*"):
        with pytest.raises(ValueError, match="autonomy"):
            guards.autonomy(ceiling=wrong)


def test_nobody_is_no_bot_in_the_trace() -> None:
    assert guards.Autonomy(ceiling="auto").inputs(frozen(actor=None))["is_bot"] is False
