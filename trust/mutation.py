"""The mutation score of `guards/`: each small change of its source must turn a test of `tests/guards` red (`make mutation`).

Run by trust/__main__.py as the section `mutation`. A mutant that no test can tell from the source is in
trust/mutation_judged.py with its reason; it is the only thing that is left out of the score. Only reads the tree.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trust.mutants import Mutant, change, modules, mutants, shown
from trust.mutation_judged import JUDGED, Judged
from trust.mutation_known import known, look, steady
from trust.mutation_session import control, each_forked, fresh, inside
from trust.order import Order
from trust.report import Figure

BAR = 0.95
QUICK = ("guards/kill_switch.py",)
# Loaded before anything is forked; not one of them imports `guards`.
PRELOADED = ("_hypothesis_pytestplugin", "pytest_asyncio.plugin", "pytest_timeout", "yaml")
SEEN = ("killed", "timeout")
REAL = (*SEEN, "survived")


@dataclass(frozen=True, slots=True)
class Result:
    """verdict: one of trust.mutation_session.VERDICTS, or `timeout`. seconds: of wall clock."""

    mutant: Mutant
    verdict: str
    seconds: float


def try_all(chosen: Sequence[Mutant], processes: int, say: Callable[[str], object]) -> list[Result]:
    """What became of each mutant. Raises RuntimeError when the tests are red without any."""
    if "guards" in sys.modules:
        raise RuntimeError("guards is imported already: a mutant would come too late")
    for name in PRELOADED:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)
    steady()
    done: dict[Mutant, Result] = {}
    with tempfile.TemporaryDirectory(prefix="countersign-mutation-") as folder:
        place = Path(folder) / "known.json"
        _apart(lambda: look(place))
        of = known(place)
        say(f"  {len(chosen)} mutants, {len(of.seconds)} tests in {sum(of.seconds.values()):.0f} s")
        written = Path(folder) / "results.jsonl"
        _apart(lambda: inside([control(), *chosen], of, processes, written))
        by_name = {mutant.name: mutant for mutant in [control(), *chosen]}
        for line in written.read_text(encoding="utf-8").splitlines():
            name, verdict, seconds = json.loads(line)
            done[by_name[name]] = Result(by_name[name], verdict, seconds)
        say(f"  {_counted(done[mutant] for mutant in chosen)}")
        _check(done[control()])
        left = [mutant for mutant in chosen if done[mutant].verdict == "outside"]
        for mutant, verdict, seconds in each_forked([control(), *left], processes, lambda each: fresh(each, of)):
            done[mutant] = Result(mutant, verdict, seconds)
            if mutant == control():
                _check(done[mutant])
    say(f"  {_counted(done[mutant] for mutant in chosen)}")
    return [done[mutant] for mutant in chosen]


def _check(result: Result) -> None:
    if result.verdict != "survived":
        raise RuntimeError(f"without a mutant the tests of guards/ are {result.verdict}: red would prove nothing")


def _apart(work: Callable[[], object]) -> None:
    """Do something in a process of its own, silently. Raises RuntimeError when it ends with anything but 0."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            quiet = os.open(os.devnull, os.O_RDWR)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            work()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError("tests/guards is red without any mutant (or was stopped): make it green first")


def _counted(results: Iterable[Result]) -> str:
    counts = Counter(result.verdict for result in results)
    return ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))


@dataclass(frozen=True, slots=True)
class Survivor:
    """A mutant that no test saw. why: the judgement, empty when there is none."""

    mutant: Mutant
    was: str
    now: str
    why: str

    def __str__(self) -> str:
        return f"{self.mutant.name}, line {self.mutant.line}: {self.was}  ->  {self.now}"


def survivors(results: Iterable[Result], judged: Sequence[Judged] = JUDGED) -> list[Survivor]:
    """Those that no test saw, each with its judgement."""
    known = {(each.module, each.was, each.now): each.why for each in judged}
    found = []
    for result in results:
        if result.verdict == "survived":
            was, now = shown(result.mutant, change(result.mutant).text)
            found.append(Survivor(result.mutant, was, now, known.get((result.mutant.module, was, now), "")))
    return found


def scores(results: Iterable[Result], left_out: Iterable[Mutant]) -> dict[str, Any]:
    """mutants: that change what the program does. score: of those that are not judged; raw_score: of all."""
    judged, counts = len(list(left_out)), Counter(result.verdict for result in results)
    seen, real = sum(counts[word] for word in SEEN), sum(counts[word] for word in REAL)
    return {
        "mutants": real,
        **{word: counts[word] for word in REAL},
        "equivalent": judged,
        "score": round(seen / (real - judged), 4) if real > judged else 1.0,
        "raw_score": round(seen / real, 4) if real else 1.0,
    }


def needless(results: Iterable[Result], found: Iterable[Survivor], judged: Sequence[Judged] = JUDGED) -> list[Judged]:
    """Judgements of the modules that were tried which are about no survivor."""
    tried = {result.mutant.module for result in results}
    used = {(each.mutant.module, each.was, each.now) for each in found}
    return [each for each in judged if each.module in tried and (each.module, each.was, each.now) not in used]


def figure(results: Sequence[Result], seconds: float, processor: float, judged: Sequence[Judged] = JUDGED) -> Figure:
    """What came out. processor: seconds of processor time."""
    found = survivors(results, judged)
    left_out = [each.mutant for each in found if each.why]
    open_ones, stale = [each for each in found if not each.why], needless(results, found, judged)
    by_module = {name: [each for each in results if each.mutant.module == name] for name in modules()}
    whole = scores(results, left_out)
    unseen = Counter(each.verdict for each in results)
    return Figure(
        claim="mutation",
        name="mutants of guards/ seen by tests/guards",
        run="every mutant of Cosmic Ray's operators, each against the tests that run what it changes",
        cases=whole["mutants"],
        violations=len(open_ones) + len(stale),
        seconds=seconds,
        reached={"killed": whole["killed"]},
        examples=[
            *(f"no test sees {each}" for each in open_ones),
            *(f"judged, but no mutant survives there: {each.module}: {each.was}  ->  {each.now}" for each in stale),
        ],
        extra={
            **whole,
            "bar": BAR,
            "bar_reached": whole["score"] >= BAR,
            # Not counted: what does not compile, what compiles to the same program, what an operator cannot make.
            "not_counted": {word: unseen[word] for word in ("invalid", "idle", "unmade")},
            "processor_seconds": round(processor),
            "modules": {
                name: scores(tried, [mutant for mutant in left_out if mutant.module == name])
                for name, tried in by_module.items()
                if tried
            },
            "survivors": [str(each) for each in open_ones],
            "equivalents": [
                {
                    "mutant": each.mutant.name,
                    "line": each.mutant.line,
                    "was": each.was,
                    "now": each.now,
                    "why": each.why,
                }
                for each in found
                if each.why
            ],
        },
    )


def measure(order: Order) -> list[Figure]:
    """Every mutant of every module; the short form takes one module."""
    began, spent = time.monotonic(), _processor()
    chosen = [mutant for module in (QUICK if order.quick else modules()) for mutant in mutants(module)]
    results = try_all(chosen, order.processes, order.say)
    made = figure(results, time.monotonic() - began, _processor() - spent)
    order.say(f"  score {made.extra['score']:.1%}, raw {made.extra['raw_score']:.1%}")
    return [made]


def replay(seed: int, case: str) -> str:
    """One mutant by its name (`guards/chain.py:AddNot:0`), and what became of it. Raises ValueError for no such mutant."""
    module, _, _ = case.partition(":")
    found = [each for each in (mutants(module) if module in modules() else ()) if each.name == case]
    if not found:
        raise ValueError(f"{case} is no mutant")
    (result,) = try_all(found, 1, print)
    was, now = shown(result.mutant, change(result.mutant).text)
    return f"line {result.mutant.line}\n- {was}\n+ {now}\n{result.verdict}"


def _processor() -> float:
    """Seconds of processor time of this process and of those that it has waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
