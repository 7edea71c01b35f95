"""Asks a question on the terminal: the asker for plain scripts (`with guards.use(ask=guards.terminal.ask): ...`).

Waits with select, so nothing is left behind when the time is up: no thread, no alarm. Only a clear yes is a yes. An
approval needs a second person and is never taken from the terminal of the one who asks (case T01).
"""

from __future__ import annotations

import io
import os
import select
import sys
import time
from collections.abc import Callable
from typing import TextIO

from guards.context import Context
from guards.decision import Ask

LONGEST_ANSWER = 64
"""Bytes; a longer line is not an answer."""


def ask(
    question: Ask,
    context: Context,
    *,
    source: TextIO | None = None,
    sink: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> bool:
    """True only when somebody types `y` or `yes` and Enter within `question.timeout_seconds`.

    source: where the answer is read, standard input by default; needs a file descriptor. sink: where the question is
    shown, standard error by default, so that a script's output stays clean. End of input, time out, another answer, no
    terminal at all: False.
    """
    shown = sink or sys.stderr
    if question.kind != "confirmation":
        shown.write(f"{_plain(question.message)} This needs another person's approval; refused.\n")
        return False
    descriptor = _descriptor(source or sys.stdin)
    if descriptor is None:
        shown.write(f"{_plain(question.message)} There is nobody to ask here; refused.\n")
        return False
    about = " ".join(part for part in (context.action, context.environment) if part)
    place = f" [{_plain(about)}]" if about else ""
    shown.write(f"{_plain(question.message)}{place} (y/N, {question.timeout_seconds:g} s) ")
    shown.flush()
    answer = _line(descriptor, clock() + question.timeout_seconds, clock)
    if answer is None:
        shown.write("no answer; refused.\n")
        return False
    return answer.strip().lower() in (b"y", b"yes")


def _line(descriptor: int, deadline: float, clock: Callable[[], float]) -> bytes | None:
    """One line without its end, or None when the input or the time ends first.

    Reads byte by byte: what comes after the line belongs to the next question.
    """
    line = b""
    while len(line) <= LONGEST_ANSWER:
        left = deadline - clock()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            return None
        byte = os.read(descriptor, 1)
        if not byte:
            return None
        if byte == b"\n":
            return line
        line += byte
    return None


def _descriptor(source: TextIO | None) -> int | None:
    """The file descriptor behind a stream; None for a stream that has none or is closed."""
    if source is None:
        return None
    try:
        return source.fileno()
    except (io.UnsupportedOperation, ValueError):
        return None


def _plain(text: str) -> str:
    """The text with control characters, escapes and direction marks shown as `?` (cases T31, T48)."""
    return "".join(character if character.isprintable() else "?" for character in text)
