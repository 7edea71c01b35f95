"""A started program with real ones: its end is noticed with and without pidfd, and nothing of it is left behind."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.process import OpenPidfd, Process

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


def refusing(_pid: int) -> int:
    raise OSError(38, "this kernel does not know the call")


def found(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not on this machine")
    return path


def start(*argv: str, **changes: Any) -> Process:
    given: dict[str, Any] = {"cwd": "/", "environment": ENVIRONMENT, "limit": 1_000_000, **changes}
    return Process.start([found(argv[0]), *argv[1:]], **given)


WATCHES: list[tuple[str, OpenPidfd | None]] = [("refused", refusing), ("missing", None)]
if hasattr(os, "pidfd_open"):
    WATCHES.append(("there", os.pidfd_open))


@pytest.mark.parametrize("watch", [way for _, way in WATCHES], ids=[name for name, _ in WATCHES])
async def test_the_end_is_noticed_and_the_output_is_whole(watch: OpenPidfd | None) -> None:
    process = start("seq", "1000", pidfd_open=watch)
    assert await process.until_end(10)
    process.close()
    assert process.code == 0
    assert process.capture.total == len("".join(f"{n}\n" for n in range(1, 1001)))


@pytest.mark.parametrize("watch", [way for _, way in WATCHES], ids=[name for name, _ in WATCHES])
async def test_T52_an_ended_group_is_reaped_and_says_by_which_signal(watch: OpenPidfd | None) -> None:
    process = start("sleep", "600", pidfd_open=watch)
    assert process.code is None
    assert not await process.until_end(0.05)
    await process.end_group(1)
    process.close()
    assert process.code == -15
    with pytest.raises(ProcessLookupError):
        os.kill(process._program.pid, 0)


async def test_T47_too_much_output_ends_the_wait_and_is_no_longer_read(tmp_path: Path) -> None:
    process = start("yes", limit=10_000)
    assert not await process.until_end(10)
    taken = process.capture.total
    await asyncio.sleep(0.02)
    assert process.overflowed
    assert process.capture.total == taken
    await process.end_group(1)
    process.close()


async def test_what_cannot_be_started_says_why(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Process.start([str(tmp_path / "missing")], cwd="/", environment=ENVIRONMENT, limit=1)
    with pytest.raises(FileNotFoundError):
        start("true", cwd=str(tmp_path / "missing"))
    with pytest.raises(PermissionError):
        Process.start([str(tmp_path)], cwd="/", environment=ENVIRONMENT, limit=1)


async def test_no_file_descriptor_is_left_open() -> None:
    folder = Path("/proc/self/fd")
    if not folder.exists():
        pytest.skip("no /proc on this machine")
    counts = []
    for _ in range(10):
        process = start("true")
        assert await process.until_end(10)
        process.close()
        counts.append(len(list(folder.iterdir())))
    assert counts[-1] == counts[0]
