"""Starts workers quickly: everything is imported once here, and every worker is a fork of that. One word per line on
standard input: `start SEED` prints the pid of a new worker; `wait PID` prints its exit status.

Run by tests/scenarios/test_kill.py with the state folder as its argument. It never launches an engine itself, so it has
no threads that a fork could tear.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import traceback
from pathlib import Path

from tests.scenarios.kill.worker import live


def child(folder: Path, seed: int) -> None:
    """Become a worker; never returns."""
    status = 1
    try:
        log = os.open(folder / "worker.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        asyncio.run(live(folder, seed))
        status = 0
    except BaseException:  # noqa: BLE001 - a fork must never return into its parent's code, whatever happened
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def main(folder: Path) -> None:
    """Obey until standard input ends."""
    if threading.active_count() != 1:
        raise SystemExit("an import has started a thread, so forking is not safe")
    print("nursery", flush=True)
    for line in sys.stdin:
        word, _, value = line.strip().partition(" ")
        if word == "start":
            pid = os.fork()
            if pid == 0:
                child(folder, int(value))
            print(pid, flush=True)
        elif word == "wait":
            print(os.waitpid(int(value), 0)[1], flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
