"""Every story of the sandbox, played to its end by the command that a visitor would type. Exit code 0 or it did not happen."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bot.sandbox.stories import STORIES

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 240
GRACE = 30

pytestmark = [
    pytest.mark.timeout(SECONDS + GRACE + 10),
    pytest.mark.skipif(importlib.util.find_spec("supervisor") is None, reason="supervisor is not installed"),
]


def play(*words: str, seconds: float = SECONDS) -> tuple[int, str]:
    """Run `python -m bot sandbox ...`; when it hangs it is told to stop, so that it takes its processes with it."""
    environ = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "sandbox", *words],
        cwd=ROOT,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
        try:
            output, _ = process.communicate(timeout=GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
        return 124, f"{output}\nno end within {seconds} s"
    return process.returncode, output


@pytest.mark.parametrize("name", list(STORIES))
def test_story(name: str, tmp_path: Path) -> None:
    code, output = play("--story", name, "--exit", "--folder", str(tmp_path / "sandbox"))
    assert code == 0, output
    assert f"{name}: as it should be" in output


def test_a_story_there_is_not_exits_2_and_names_those_there_are() -> None:
    code, output = play("--story", "no-such-story", "--exit", seconds=60)
    assert code == 2
    assert "service-crash" in output
