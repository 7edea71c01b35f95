"""The demo's pool of workers: twelve tiny processes of one supervisor group, of which six run at first.

Used by bot/sandbox/supervisor.py, which runs them, and by bot/sandbox/configuration.py, which tells the bot about them.
Each is a `sleep` of this machine, so that the whole pool needs next to no memory. Must not start anything itself.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass

LONG = 10_000_000


@dataclass(frozen=True, slots=True)
class WorkerPool:
    """One group. total: how many there are; running: how many of them start with supervisord, the first ones.

    weak: numbers of those that end by themselves after `weak_seconds`. unit_cost: of one more worker.
    """

    group: str = "payments-workers"
    total: int = 12
    running: int = 6
    weak: tuple[int, ...] = ()
    weak_seconds: int = 3
    unit_cost: float = 0.4

    @property
    def pattern(self) -> str:
        """The names, as services.yaml has them."""
        return f"{self.group}:worker_{{number:02d}}"

    def name(self, number: int) -> str:
        """`group:worker_00` for the first."""
        return f"{self.group}:{self._program(number)}"

    def names(self, count: int) -> list[str]:
        """The first so many."""
        return [self.name(number) for number in range(count)]

    @staticmethod
    def _program(number: int) -> str:
        return f"worker_{number:02d}"

    def command(self, number: int, which: Callable[[str], str | None] = shutil.which) -> list[str]:
        """What runs as this worker: `sleep`, or where there is none this interpreter doing the same."""
        seconds = str(self.weak_seconds if number in self.weak else LONG)
        sleep = which("sleep")
        if sleep is not None:
            return [sleep, seconds]
        return [sys.executable, "-S", "-c", "import sys, time; time.sleep(int(sys.argv[1]))", seconds]

    def sections(self) -> dict[str, dict[str, object]]:
        """The sections of supervisord.conf, by name; a command is a list of arguments."""
        found: dict[str, dict[str, object]] = {
            f"program:{self._program(number)}": {
                "command": self.command(number),
                "autostart": str(number < self.running).lower(),
                "autorestart": "false",
                "startsecs": 1,
                "startretries": 0,
                "stdout_logfile": "NONE",
                "stderr_logfile": "NONE",
            }
            for number in range(self.total)
        }
        members = ",".join(self._program(number) for number in range(self.total))
        return {**found, f"group:{self.group}": {"programs": members}}
