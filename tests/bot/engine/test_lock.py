"""The process lock: one process per state folder, also after kill -9 (pitfall 1)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bot.engine.lock import ProcessLock
from bot.errors import ConfigurationError

ROOT = Path(__file__).resolve().parents[3]
HOLD = """
import sys, time
from pathlib import Path
from bot.engine.lock import ProcessLock
ProcessLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
time.sleep(60)
"""
TRY = """
import sys
from pathlib import Path
from bot.engine.lock import ProcessLock
from bot.errors import ConfigurationError
try:
    ProcessLock(Path(sys.argv[1])).acquire()
except ConfigurationError as error:
    print(error)
    sys.exit(2)
"""


def attempt(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", TRY, str(path)], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )


def test_pitfall_1_a_second_process_on_the_same_folder_is_refused_until_the_first_is_dead(tmp_path: Path) -> None:
    path = tmp_path / "state" / "countersign.lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        second = attempt(path)
        assert second.returncode == 2
        assert str(path) in second.stdout
        assert "Fix:" in second.stdout
        assert path.read_text() == f"{holder.pid}\n"
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.communicate()
    assert attempt(path).returncode == 0


def test_pitfall_1_the_lock_holds_within_a_process_too(tmp_path: Path) -> None:
    first, second = (ProcessLock(tmp_path / "lock") for _ in range(2))
    first.acquire()
    with pytest.raises(ConfigurationError, match="another Countersign process"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_giving_back_twice_is_harmless(tmp_path: Path) -> None:
    lock = ProcessLock(tmp_path / "lock")
    lock.release()
    lock.acquire()
    lock.release()
    lock.release()
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600


def test_pitfall_1_a_child_process_does_not_inherit_the_lock(tmp_path: Path) -> None:
    """Else an act that outlives the bot would keep the next bot from starting."""
    lock = ProcessLock(tmp_path / "lock")
    lock.acquire()
    script = "import time; print('up', flush=True); time.sleep(30)"
    child = subprocess.Popen([sys.executable, "-c", script], close_fds=False, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        lock.release()
        again = ProcessLock(tmp_path / "lock")
        again.acquire()
        again.release()
    finally:
        child.kill()
        child.communicate()
    assert child.returncode == -signal.SIGKILL
