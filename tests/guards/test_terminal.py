"""guards/terminal.py: only `y` or `yes` in time is a yes."""

from __future__ import annotations

import io
import os
import pty
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import pytest

import guards
from guards.terminal import ask
from guards.testing import frozen

QUESTION = guards.Ask("confirmation", "Clear cache?", 5.0)


@contextmanager
def typed(text: bytes, *, close: bool = True) -> Iterator[TextIO]:
    """A pipe with this text in it; with close=False it stays open, as a silent terminal does."""
    reading, writing = os.pipe()
    os.write(writing, text)
    if close:
        os.close(writing)
    with os.fdopen(reading) as source:
        yield source
    if not close:
        os.close(writing)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"y\n", True),
        (b"yes\n", True),
        (b" YES \r\n", True),
        (b"\ty\n", True),
        (b"y" + b" " * 63 + b"\n", True),
        (b"y" + b" " * 64 + b"\n", False),
        (b"n\n", False),
        (b"\n", False),
        (b"yeah\n", False),
        (b"y y\n", False),
        (b"true\n", False),
        (b"", False),
        (b"y", False),
        ("ｙ\n".encode(), False),
        (b"\xff\n", False),
        (b"y" * 100 + b"\n", False),
    ],
)
def test_only_a_clear_yes_is_a_yes(text: bytes, expected: bool) -> None:
    sink = io.StringIO()
    with typed(text) as source:
        assert ask(QUESTION, frozen(), source=source, sink=sink) is expected
    assert sink.getvalue().startswith("Clear cache? [demo.restart dev] (y/N, 5 s) ")


def test_silence_is_a_no_and_leaves_nothing_behind() -> None:
    sink = io.StringIO()
    with typed(b"y", close=False) as source:
        quick = guards.Ask("confirmation", "Clear cache?", 0.02)
        assert ask(quick, guards.Context(), source=source, sink=sink) is False
    assert sink.getvalue() == "Clear cache? (y/N, 0.02 s) no answer; refused.\n"


def test_the_clock_counts_while_typing() -> None:
    times = iter([0.0, 1.0, 9.0])
    with typed(b"y\n") as source:
        assert ask(QUESTION, frozen(), source=source, sink=io.StringIO(), clock=lambda: next(times)) is False


def test_a_second_question_gets_the_second_line() -> None:
    with typed(b"y\nn\n") as source:
        answers = [ask(QUESTION, frozen(), source=source, sink=io.StringIO()) for _ in range(2)]
    assert answers == [True, False]


def test_T01_an_approval_is_never_taken_here() -> None:
    sink = io.StringIO()
    question = guards.Ask("approval", "Scale?", 5.0, guards.Approvers(1, ("leads",)))
    with typed(b"y\n") as source:
        assert ask(question, frozen(), source=source, sink=sink) is False
    assert "another person" in sink.getvalue()


def test_without_a_terminal_it_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = io.StringIO()
    assert ask(QUESTION, frozen(), source=io.StringIO("y\n"), sink=sink) is False
    with typed(b"y\n") as source:
        source.close()
        assert ask(QUESTION, frozen(), source=source, sink=sink) is False
        (reading, writing) = os.pipe()  # the descriptor the block closes
        os.close(writing)
        os.close(reading)
    monkeypatch.setattr(sys, "stdin", None)
    assert ask(QUESTION, frozen(), sink=sink) is False
    assert sink.getvalue().count("nobody to ask") == 3


def test_T31_the_question_cannot_play_tricks_on_the_terminal() -> None:
    sink = io.StringIO()
    question = guards.Ask("confirmation", "Clear\x1b[2J\n\u202ecache?", 5.0)
    with typed(b"n\n") as source:
        ask(question, frozen(environment="de\x07v"), source=source, sink=sink)
    assert sink.getvalue().startswith("Clear?[2J??cache? [demo.restart de?v]")


def test_a_real_terminal() -> None:
    master, slave = pty.openpty()
    with os.fdopen(slave, "r") as source:
        os.write(master, b"yes\n")
        assert ask(QUESTION, frozen(), source=source, sink=io.StringIO()) is True
    os.close(master)


@pytest.mark.parametrize(
    ("later", "expected"),
    [(0.0, True), (4.5, True), (5.0, False), (5.5, False)],
    ids=["at once", "just in time", "when the time is up", "afterwards"],
)
def test_the_time_is_up_at_the_very_moment(later: float, expected: bool) -> None:
    times = iter([0.0, *[later] * 3])
    with typed(b"y\n") as source:
        assert ask(QUESTION, frozen(), source=source, sink=io.StringIO(), clock=lambda: next(times)) is expected


@pytest.mark.parametrize(
    ("kind", "expected"), [("confirmation", True), ("approval", False), ("wish", False), ("", False)]
)
def test_T01_only_a_confirmation_is_taken_here(kind: str, expected: bool) -> None:
    question = guards.Ask("".join(list(kind)), "Clear cache?", 5.0)
    with typed(b"y\n") as source:
        assert ask(question, frozen(), source=source, sink=io.StringIO()) is expected


def test_where_it_reads_and_writes_is_always_named() -> None:
    with typed(b"y\n") as source, pytest.raises(TypeError):
        ask(QUESTION, frozen(), source)  # type: ignore[misc]  # reason: wrong on purpose
