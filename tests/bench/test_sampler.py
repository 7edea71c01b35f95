"""The profiler finds the function that burns the time."""

from __future__ import annotations

import threading
import time

from bench.sampler import Sampler, cpu_nanoseconds, short


def burn_here(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(1000))


def test_a_busy_thread_is_seen_with_its_function() -> None:
    sampler = Sampler()
    sampler.start()
    busy = threading.Thread(target=burn_here, args=(0.2,), name="busy-1")
    busy.start()
    busy.join()
    sampler.ended.set()
    sampler.join()
    report = sampler.report()
    assert "busy" in report
    assert "burn_here" in report


def test_cpu_time_of_this_thread_grows_and_of_no_thread_is_nothing() -> None:
    me = threading.get_ident()
    before = cpu_nanoseconds(me)
    burn_here(0.02)
    assert cpu_nanoseconds(me) - before > 10_000_000


def test_paths_are_short() -> None:
    assert short("/x/.venv/lib/python3.11/site-packages/yaml/loader.py") == "yaml/loader.py"
    assert short("/usr/lib/python3.11/asyncio/events.py") == "asyncio/events.py"
