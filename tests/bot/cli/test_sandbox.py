"""Ctrl-C, kill and a closed terminal end the sandbox in order, and a second one does not disturb that."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from bot.cli.sandbox import INTERRUPTED, SIGNALS, until_told


@pytest.mark.parametrize("number", SIGNALS)
async def test_a_signal_ends_it_and_everything_is_stopped(number: signal.Signals) -> None:
    stopped: list[str] = []

    async def work() -> int:
        try:
            os.kill(os.getpid(), number)
            await asyncio.sleep(30)
        finally:
            os.kill(os.getpid(), number)
            await asyncio.sleep(0.05)
            stopped.append("everything")
        return 0

    assert await until_told(work()) == INTERRUPTED
    assert stopped == ["everything"]


async def test_what_ends_by_itself_keeps_its_code() -> None:
    async def work() -> int:
        return 7

    assert await until_told(work()) == 7
