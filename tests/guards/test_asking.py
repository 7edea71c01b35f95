"""guards/asking.py: only a clear yes in time lets the function run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable

import pytest

import guards
from guards.asking import Answers, ask_all, handing_down, take_answers
from guards.testing import answer_no, answer_yes, frozen


def guarded_act(timeout: float = 5.0) -> tuple[list[int], object]:
    ran: list[int] = []
    return ran, guards.require_confirmation(message="Sure?", timeout=timeout)(lambda: ran.append(1))


def slow_yes(question: guards.Ask, context: guards.Context) -> bool:
    time.sleep(0.03)
    return True


def broken(question: guards.Ask, context: guards.Context) -> bool:
    raise ConnectionError("no terminal, token=secret")


def gave_up(question: guards.Ask, context: guards.Context) -> bool:
    raise TimeoutError


def declines(question: guards.Ask, context: guards.Context) -> bool:
    raise guards.Declined(guards.decide((), context), question)


async def later_yes(question: guards.Ask, context: guards.Context) -> bool:
    await asyncio.sleep(0)
    return True


async def never(question: guards.Ask, context: guards.Context) -> bool:
    await asyncio.sleep(60)
    return True


CASES = [
    (None, guards.Denied, "nobody_to_ask", 5.0),
    (answer_no, guards.Declined, "declined", 5.0),
    (lambda q, c: 1, guards.Declined, "declined", 5.0),
    (lambda q, c: "yes", guards.Declined, "declined", 5.0),
    (lambda q, c: None, guards.Declined, "declined", 5.0),
    (broken, guards.Denied, "asker_error", 5.0),
    (gave_up, guards.TimedOut, "timed_out", 5.0),
    (slow_yes, guards.TimedOut, "timed_out", 0.01),
    (declines, guards.Declined, "declined", 5.0),
]


@pytest.mark.parametrize(("ask", "error", "code", "timeout"), CASES)
def test_anything_but_a_clear_yes_in_time_refuses(
    ask: object, error: type[guards.Refused], code: str, timeout: float
) -> None:
    ran, act = guarded_act(timeout)
    with guards.use(frozen(ask=ask)), pytest.raises(error) as refusal:
        act()  # type: ignore[operator]  # reason: the pair is typed loosely
    assert refusal.value.code == code
    assert "secret" not in str(refusal.value)
    assert ran == []


@pytest.mark.parametrize(("ask", "error", "code", "timeout"), [*CASES, (never, guards.TimedOut, "timed_out", 0.01)])
async def test_async_anything_but_a_clear_yes_in_time_refuses(
    ask: object, error: type[guards.Refused], code: str, timeout: float
) -> None:
    ran: list[int] = []

    @guards.require_confirmation(message="Sure?", timeout=timeout)
    async def act() -> None:
        ran.append(1)

    with guards.use(frozen(ask=ask)), pytest.raises(error) as refusal:
        await act()
    assert refusal.value.code == code
    assert ran == []


@pytest.mark.parametrize("ask", [answer_yes, later_yes])
async def test_async_functions_take_plain_and_async_askers(ask: object) -> None:
    @guards.require_confirmation(message="Sure?")
    async def act() -> int:
        return 1

    with guards.use(frozen(ask=ask)):
        assert await act() == 1


def test_an_async_asker_under_a_plain_function_refuses() -> None:
    ran, act = guarded_act()
    with guards.use(frozen(ask=later_yes)), pytest.raises(guards.Declined):
        act()  # type: ignore[operator]  # reason: the pair is typed loosely
    assert ran == []


def test_an_interrupt_while_asking_goes_through() -> None:
    def interrupted(question: guards.Ask, context: guards.Context) -> bool:
        raise KeyboardInterrupt

    ran, act = guarded_act()
    with guards.use(frozen(ask=interrupted)), pytest.raises(KeyboardInterrupt):
        act()  # type: ignore[operator]  # reason: the pair is typed loosely
    assert ran == []


async def test_tasks_do_not_share_answers() -> None:
    asked: list[str] = []

    async def ask(question: guards.Ask, context: guards.Context) -> bool:
        asked.append(context.run)
        await asyncio.sleep(0)
        return True

    @guards.require_confirmation(message="Sure?")
    async def act() -> str:
        await asyncio.sleep(0)
        found = guards.current()
        assert found is not None
        return found.run

    async def one(run: str) -> str:
        with guards.use(frozen(run=run, ask=ask)):
            waiting: Awaitable[str] = act()
            return await waiting

    assert await asyncio.gather(one("a"), one("b")) == ["a", "b"]
    assert sorted(asked) == ["a", "b"]


def test_answers_are_for_one_function_one_context_and_one_use() -> None:
    context, question = frozen(), guards.Ask("confirmation", "Sure?", 5.0)
    answers = Answers(len, context, [(question,)])
    assert take_answers(len, context) == ()
    with handing_down(answers):
        assert take_answers(max, context) == ()
        assert take_answers(len, frozen()) == ()
        with handing_down(None):
            assert take_answers(len, context) == ()
        assert take_answers(len, context) == (question,)
        assert take_answers(len, context) == ()


class Alike:
    """Equal to every other one, as values of somebody else's class may be."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1

    def __call__(self) -> None:
        """Nothing."""


def test_T11_answers_for_an_equal_function_are_not_answers_for_this_one() -> None:
    one, other, context = Alike(), Alike(), frozen()
    asked = guards.Ask("confirmation", "Sure?", 5.0)
    with handing_down(Answers(one, context, [(asked,)])):
        assert take_answers(other, context) == ()
        assert take_answers(one, frozen()) == ()
        assert take_answers(one, context) == (asked,)


@pytest.mark.parametrize(
    ("readings", "in_time"), [((100.0, 104.9), True), ((100.0, 105.0), False), ((100.0, 203.0), False)]
)
def test_an_answer_at_the_very_end_comes_too_late(
    readings: tuple[float, float], in_time: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(readings)
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    decision = guards.Decision("ask", (), (guards.Ask("confirmation", "Sure?", 5.0),), ())
    if in_time:
        assert ask_all(decision, (), frozen(ask=answer_yes)) is None
        return
    with pytest.raises(guards.TimedOut):
        ask_all(decision, (), frozen(ask=answer_yes))
