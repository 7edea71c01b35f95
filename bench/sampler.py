"""A sampling profiler for the bot process: `python -m bench.sampler OUT serve --config …`.

Every millisecond of CPU time the kernel sends SIGPROF; the handler notes the main thread's stack. At the end it writes the
dearest lines and functions, and the CPU time of each thread. Used with `python -m bench --profile FOLDER`; never on when
figures count.
"""

from __future__ import annotations

import atexit
import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType

INTERVAL = 0.001
TOP = 60
ROOT = str(Path(__file__).resolve().parents[1]) + "/"


class Sampler:
    """Counts stacks of the main thread."""

    def __init__(self) -> None:
        self.stacks: Counter[tuple[tuple[CodeType, int], ...]] = Counter()
        self._busy = False

    def start(self) -> None:
        signal.signal(signal.SIGPROF, self._note)
        signal.siginterrupt(signal.SIGPROF, False)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)

    def stop(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _note(self, _number: int, frame: FrameType | None) -> None:
        if self._busy:  # the handler itself may be interrupted by the next signal
            return
        self._busy = True
        stack = []
        while frame is not None:
            stack.append((frame.f_code, frame.f_lineno))
            frame = frame.f_back
        self.stacks[tuple(stack)] += 1
        self._busy = False

    def report(self) -> str:
        """Inclusive share per function, then own share per line."""
        total = sum(self.stacks.values()) or 1
        inclusive: Counter[tuple[str, str]] = Counter()
        own: Counter[tuple[str, str, int]] = Counter()
        for stack, count in self.stacks.items():
            named = [(short(code.co_filename), code.co_qualname, line) for code, line in stack]
            own[named[0]] += count
            for place in {(file, name) for file, name, _ in named}:
                inclusive[place] += count
        lines = [f"{total} samples of CPU time", "", "share with everything below, per function"]
        lines += [f"{100 * n / total:5.1f} %  {file}:{name}" for (file, name), n in inclusive.most_common(TOP)]
        lines += ["", "own share, per line"]
        lines += [f"{100 * n / total:5.1f} %  {file}:{line} {name}" for (file, name, line), n in own.most_common(TOP)]
        return "\n".join(lines)


def short(file: str) -> str:
    """The path below the project, the packages or the standard library."""
    for mark in ("site-packages/", "lib/python3"):
        if mark in file:
            return file.rpartition(mark)[2].partition("/")[2] if mark.startswith("lib") else file.rpartition(mark)[2]
    return file.removeprefix(ROOT)


def threads() -> str:
    """CPU seconds of every thread of this process."""
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    found = []
    for task in Path("/proc/self/task").iterdir():
        fields = (task / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        found.append((int(fields[11]) + int(fields[12]), names.get(int(task.name), "(gone or native)")))
    return "\n".join(f"{ticks / 100:7.2f} s  {name}" for ticks, name in sorted(found, reverse=True)[:12])


def main() -> None:
    """Profile the bot's command line."""
    out, sampler = Path(sys.argv[1]), Sampler()
    sys.argv = ["runbookctl", *sys.argv[2:]]
    from bot.cli import main as run

    def finish() -> None:
        sampler.stop()
        out.write_text(f"{sampler.report()}\n\nCPU by thread\n{threads()}\n", encoding="utf-8")

    atexit.register(finish)
    sampler.start()
    run()


if __name__ == "__main__":
    main()
