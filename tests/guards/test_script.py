"""A plain script of anyone's, run for real: asks on a pipe and on a terminal, refuses outside a context."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

import guards

SCRIPT = """
import sys, threading
import guards

@guards.allowed_envs(["staging", "dev"])
@guards.require_confirmation(message="Clear cache?", timeout=float(sys.argv[2]))
def clear_cache():
    print("CLEARED")

try:
    if sys.argv[1] == "outside":
        clear_cache()
    with guards.use(environment=sys.argv[1], ask=guards.terminal.ask):
        clear_cache()
except guards.Refused as refusal:
    print(type(refusal).__name__, refusal.code)
print("threads", threading.active_count())
"""
ENVIRONMENT = {"PYTHONPATH": str(Path(guards.__file__).parent.parent)}


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "clear_cache.py"
    path.write_text(SCRIPT)
    return str(path)


@pytest.mark.parametrize(
    ("environment", "typed", "printed"),
    [
        ("staging", "y\n", "CLEARED"),
        ("staging", "n\n", "Declined declined"),
        ("staging", "", "Declined declined"),
        ("prod", "y\n", "Denied wrong_environment"),
        ("outside", "y\n", "Denied no_context"),
    ],
)
def test_T01_a_script_asks_on_a_pipe(script: str, environment: str, typed: str, printed: str) -> None:
    done = subprocess.run(
        [sys.executable, script, environment, "30"],
        input=typed,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env=ENVIRONMENT,
    )
    assert done.stdout.splitlines() == [printed, "threads 1"]
    assert ("Clear cache?" in done.stderr) == (environment == "staging"), "nobody is asked what is refused anyway"


@pytest.mark.parametrize(
    ("typed", "timeout", "printed"),
    [
        (b"y\n", "30", "CLEARED"),
        (b"n\n", "30", "Declined declined"),
        (b"\x04", "30", "Declined declined"),
        (b"", "0.2", "TimedOut timed_out"),
    ],
    ids=["yes", "no", "end-of-input", "silence"],
)
def test_a_script_asks_on_a_terminal(script: str, typed: bytes, timeout: str, printed: str) -> None:
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, script, "staging", timeout], stdin=slave, stdout=subprocess.PIPE, stderr=slave, env=ENVIRONMENT
    ) as process:
        os.close(slave)
        assert "Clear cache? [staging]" in read_until(master, b" s) ", seconds=20)
        if typed:
            os.write(master, typed)
        output, _ = process.communicate(timeout=20)
    os.close(master)
    assert output.decode().splitlines() == [printed, "threads 1"]
    assert process.returncode == 0


def read_until(descriptor: int, wanted: bytes, seconds: float) -> str:
    """What the terminal shows until the wanted bytes come; fails when they do not come in time."""
    shown, deadline = b"", time.monotonic() + seconds
    while wanted not in shown:
        ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"only {shown!r}"
        shown += os.read(descriptor, 1024)
    return shown.decode()
