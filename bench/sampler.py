"""A sampling profiler for the bot process: `python -m bench.sampler OUT serve --config …`.

Every few milliseconds a thread notes the stack of every other thread, weighed by the CPU time that thread used since the
last look. At the end it writes the dearest functions and lines, and the CPU time of each thread. Used with
`python -m bench --profile FOLDER`; never on when figures count. The time before the server listens is left out.
"""

from __future__ import annotations

import atexit
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import CodeType

INTERVAL = 0.003
TOP = 70
ROOT = str(Path(__file__).resolve().parents[1]) + "/"
BEGIN_AT = "run_forever"  # of asyncio: the program lives


class Sampler(threading.Thread):
    """Weighs stacks by CPU time. stacks: (thread, ((code, line), … innermost first)) -> seconds."""

    def __init__(self) -> None:
        super().__init__(name="sampler", daemon=True)
        self.stacks: defaultdict[tuple[str, tuple[tuple[CodeType, int], ...]], float] = defaultdict(float)
        self.ended = threading.Event()

    def run(self) -> None:
        """Until `ended` is set."""
        used: dict[int, int] = {}
        while not self.ended.wait(INTERVAL):
            frames = sys._current_frames()  # noqa: SLF001  # the documented way for debuggers
            for thread in threading.enumerate():
                number = thread.ident or 0
                frame = frames.get(number)
                if thread is self or frame is None:
                    continue
                now = cpu_nanoseconds(number)
                delta, used[number] = now - used.get(number, now), now
                if delta <= 0:
                    continue
                stack = []
                while frame is not None:
                    stack.append((frame.f_code, frame.f_lineno))
                    frame = frame.f_back
                self.stacks[thread.name.rstrip("0123456789_-"), tuple(stack)] += delta / 1e9
            del frames

    def report(self) -> str:
        """Per thread its share; then inclusive share per function, then own share per line."""
        threads: defaultdict[str, float] = defaultdict(float)
        inclusive: defaultdict[str, float] = defaultdict(float)
        own: defaultdict[str, float] = defaultdict(float)
        for (thread, stack), spent in self.stacks.items():
            named = [(short(code.co_filename), code.co_qualname, line) for code, line in stack]
            if thread == "MainThread" and not any(name.endswith(BEGIN_AT) for _, name, _ in named):
                continue  # starting
            threads[thread] += spent
            own[f"{named[0][0]}:{named[0][2]} {named[0][1]}"] += spent
            for place in {f"{file}:{name}" for file, name, _ in named}:
                inclusive[place] += spent
        total = sum(threads.values()) or 1.0
        parts = [
            ("CPU time by thread", threads),
            ("with everything below, by function", inclusive),
            ("own, by line", own),
        ]
        lines = [f"{total:.2f} s of CPU time since the loop began"]
        for title, counted in parts:
            lines += ["", title]
            lines += [f"{100 * n / total:5.1f} %  {n:7.3f} s  {name}" for name, n in dearest(counted)]
        return "\n".join(lines) + "\n"


def dearest(counted: dict[str, float]) -> list[tuple[str, float]]:
    """The TOP entries, dearest first."""
    return sorted(counted.items(), key=lambda item: -item[1])[:TOP]


def cpu_nanoseconds(thread: int) -> int:
    """Time on a processor so far of a thread by its `ident`; 0 for one that is gone."""
    try:
        return time.clock_gettime_ns(time.pthread_getcpuclockid(thread))
    except (OSError, ProcessLookupError):
        return 0


def short(file: str) -> str:
    """The path below the project, the packages or the standard library."""
    for mark in ("site-packages/", "lib/python3.11/", "lib/python3.12/", "lib/python3.13/"):
        if mark in file:
            return file.rpartition(mark)[2]
    return file.removeprefix(ROOT)


def begin(out: Path) -> Sampler:
    """Start sampling; the report is written when the process ends."""
    sampler = Sampler()

    def finish() -> None:
        sampler.ended.set()
        sampler.join()
        out.write_text(sampler.report(), encoding="utf-8")

    atexit.register(finish)
    sampler.start()
    return sampler


def main() -> None:
    """Profile the bot's command line."""
    out = Path(sys.argv[1])
    sys.argv = ["runbookctl", *sys.argv[2:]]
    from bot.cli import main as run

    begin(out)
    run()


if __name__ == "__main__":
    main()
