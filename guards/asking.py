"""Puts the open questions of a decision to the context's asker, and lets one guarded call hand its answers down.

Called by guards/chain.py only. Must not decide: it only turns anything but a clear yes in time into a refusal.

Answers are handed down because a foreign decorator may stand between two guards: the outer guard asks everything, the
foreign code runs, and the inner guard must not ask the same question again. An answer is good for one use, for the
same function and the same context; the innermost function is called with no answers at all (single use: case T11).
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from guards.context import Context
from guards.decision import Ask, Decision, Deny
from guards.errors import Declined, Denied, Refused, TimedOut


@dataclass(frozen=True, slots=True)
class Answers:
    """Questions that were answered yes for one call. slot: one element until somebody takes it."""

    function: object
    context: Context
    slot: list[tuple[Ask, ...]]


_handed_down: ContextVar[Answers | None] = ContextVar("guards_answers", default=None)


@contextmanager
def handing_down(answers: Answers | None) -> Iterator[None]:
    """Run a block in which the guards beneath find these answers; None takes every earlier answer away."""
    token = _handed_down.set(answers)
    try:
        yield
    finally:
        _handed_down.reset(token)


def take_answers(function: object, context: Context) -> tuple[Ask, ...]:
    """The answers an outer guard of the same function got in the same context, once; otherwise nothing."""
    answers = _handed_down.get()
    if answers is None or answers.function is not function or answers.context is not context:
        return ()
    try:
        return answers.slot.pop()
    except IndexError:
        return ()


def refuse(decision: Decision, code: str, reason: str, remedy: str) -> Denied:
    """The exception for a refusal that no guard gave: the decision with one denial put in front."""
    denial = Deny(code=code, reason=reason, remedy=remedy)
    return Denied(replace(decision, outcome="deny", denials=(denial, *decision.denials)))


def ask_all(decision: Decision, answered: tuple[Ask, ...], context: Context) -> None:
    """Ask every question not answered yet, in trace order. Returns when all were answered yes, else raises Refused."""
    for question in decision.questions:
        if question not in answered:
            with _refusing(question, decision):
                answer = _put(question, decision, context)
            if inspect.iscoroutine(answer):
                answer.close()  # an async asker under a sync function: nobody will ever await it
            _accept(answer, question, decision)


async def ask_all_awaiting(decision: Decision, answered: tuple[Ask, ...], context: Context) -> None:
    """As `ask_all`, for async functions: an asker may also return an awaitable, which is given `timeout_seconds`."""
    for question in decision.questions:
        if question not in answered:
            with _refusing(question, decision):
                answer = _put(question, decision, context)
                if inspect.isawaitable(answer):
                    answer = await asyncio.wait_for(answer, question.timeout_seconds)
            _accept(answer, question, decision)


def _put(question: Ask, decision: Decision, context: Context) -> object:
    if context.ask is None:
        raise refuse(decision, "nobody_to_ask", "This needs a yes and there is nobody to ask.", "Give an asker.")
    return context.ask(question, context)


def _accept(answer: object, question: Ask, decision: Decision) -> None:
    if answer is not True:
        raise Declined(decision, question)


@contextmanager
def _refusing(question: Ask, decision: Decision) -> Iterator[None]:
    """Turn whatever the asker does wrong, and any answer that comes too late, into a refusal (fail closed)."""
    started = time.monotonic()
    try:
        yield
    except TimeoutError as error:
        raise TimedOut(decision, question) from error
    except Refused:
        raise
    except Exception as error:  # an asker is anyone's code: every failure of it must refuse
        name = type(error).__name__
        raise refuse(decision, "asker_error", f"The question could not be asked ({name}).", "Ask again.") from error
    if time.monotonic() - started >= question.timeout_seconds:
        raise TimedOut(decision, question)
