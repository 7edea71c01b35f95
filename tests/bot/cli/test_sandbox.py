"""Ctrl-C, kill and a closed terminal end the sandbox in order, and a second one does not disturb that."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
import typer

from bot.cli.sandbox import INTERRUPTED, SIGNALS, texts, until_told


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


def test_the_visitors_own_runbooks_are_read_or_named_with_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("id: one\n", encoding="utf-8")
    (tmp_path / "notes.md").write_text("no runbook", encoding="utf-8")
    assert texts(tmp_path) == {"one.yaml": "id: one\n"}
    (tmp_path / "two.yaml").write_bytes(b"\xff")
    with pytest.raises(typer.Exit):
        texts(tmp_path)
