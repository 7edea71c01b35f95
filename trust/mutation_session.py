"""Runs the tests of `guards/` against one mutant after the other, each in a forked process.

Used by trust/mutation.py. Two ways: a mutant of function bodies is put into the functions of a process that has already
collected the tests, and only the tests that run these functions follow; a mutant of what runs at import is imported by a
process that has not imported `guards` yet. Nothing is written into the tree, so others may work in it meanwhile.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import pytest

from trust.mutants import ROOT, Change, Mutant, change, units
from trust.mutation_known import Known, chosen, spans, words

SURVIVED, KILLED, INVALID, IDLE, UNMADE, OUTSIDE = range(6)
VERDICTS = ("survived", "killed", "invalid", "idle", "unmade", "outside")
TIMEOUT = "timeout"
LONGEST = 600.0  # seconds of wall clock for one mutant; the limit of processor time is what usually ends one
RED = (1, 2, 3)  # of pytest: a test failed, the tests could not be collected, pytest itself broke; 4 and 5 say nothing
NEAR = 1.0  # seconds that a file of tests may take to be tried early
MEMORY = 4 << 30  # bytes


CONTROL = "control"


def control() -> Mutant:
    """No mutant at all: everything that is done to one must leave the tests green, else red would prove nothing."""
    return Mutant("guards/__init__.py", CONTROL, 0, 1, 0)


def confine(seconds: float) -> None:
    """A process of its own for one mutant: silent, a group of its own, bounded in processor time and memory."""
    os.setsid()
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(quiet, stream)
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 2))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def each_forked(
    mutants: Iterable[Mutant], processes: int, work: Callable[[Mutant], int]
) -> Iterator[tuple[Mutant, str, float]]:
    """What became of each mutant. work: runs in a process of its own; what it returns is the place in VERDICTS."""
    waiting = iter(mutants)
    running: dict[int, tuple[Mutant, float]] = {}
    more = True
    while more or running:
        while more and len(running) < processes:
            mutant = next(waiting, None)
            if mutant is None:
                more = False
                break
            child = os.fork()
            if child == 0:
                code = KILLED  # whatever breaks is a mutant that was seen
                try:
                    code = work(mutant)
                finally:
                    os._exit(code)
            running[child] = mutant, time.monotonic()
        for child, (mutant, began) in list(running.items()):
            took = time.monotonic() - began
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                del running[child]
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(child, signal.SIGKILL)  # whatever it left behind
                yield mutant, _verdict(os.waitstatus_to_exitcode(status)), took
            elif took > LONGEST:
                os.kill(child, signal.SIGKILL)
        time.sleep(0.005)


def _verdict(code: int) -> str:
    """code: as `os.waitstatus_to_exitcode` gives it."""
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return TIMEOUT
    return VERDICTS[code] if 0 <= code < len(VERDICTS) else VERDICTS[KILLED]


class Collected:
    """A plugin of pytest: when the tests are collected, runs them against the mutants instead of as they are."""

    def __init__(
        self, mutants: Sequence[Mutant], of: Known, processes: int, told: Callable[[Mutant, str, float], None]
    ) -> None:
        self.mutants = mutants
        self.known = of
        self.processes = processes
        self.told = told

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of running the tests once."""
        items = {item.nodeid: item for item in session.items}
        functions: dict[str, list[FunctionType]] = {}
        for each in gc.get_objects():
            if isinstance(each, FunctionType) and each.__code__.co_filename.startswith(str(ROOT / "guards")):
                functions.setdefault(each.__code__.co_filename, []).append(each)
        gc.freeze()

        def tests_of(names: Sequence[str]) -> int:
            seconds = sum(self.known.seconds.get(name, 0.0) for name in names)
            end = int(time.process_time() + 3 + 5 * seconds)
            resource.setrlimit(resource.RLIMIT_CPU, (end, end + 2))
            tests = [items[name] for name in names]
            for item, following in zip(tests, [*tests[1:], None], strict=True):
                session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if session.shouldfail:
                    return KILLED
            return SURVIVED

        def work(mutant: Mutant) -> int:
            confine(120)
            if mutant.operator == CONTROL:
                return tests_of(list(self.known.seconds))
            made = change(mutant)
            if made.kind != "body":
                return VERDICTS.index(made.kind)
            inside = spans(mutant.module, made.units)
            if any(line in self.known.imported.get(mutant.module, ()) for span in inside for line in span):
                return OUTSIDE  # it has already run while the tests were collected
            names = chosen(self.known, mutant.module, inside)
            exchange(functions.get(str(ROOT / mutant.module), []), mutant, made)
            return tests_of(names)

        for mutant, verdict, seconds in each_forked(self.mutants, self.processes, work):
            self.told(mutant, verdict, seconds)
        return True


def inside(mutants: Sequence[Mutant], of: Known, processes: int, place: Path) -> None:
    """Collect the tests and try the mutants in this process; a line of JSON for each goes into that file."""
    with place.open("w", encoding="utf-8", buffering=1) as file:

        def told(mutant: Mutant, verdict: str, seconds: float) -> None:
            file.write(json.dumps([mutant.name, verdict, round(seconds, 2)]) + "\n")

        pytest.main(words("tests/guards"), plugins=[Collected(mutants, of, processes, told)])


def exchange(functions: Iterable[FunctionType], mutant: Mutant, made: Change) -> None:
    """Put the mutant's code into the functions of this process, also into those that its functions have made already."""
    if made.tree is None:
        raise ValueError(f"{mutant.name} cannot be compiled")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code = compile(made.tree, str(ROOT / mutant.module), "exec", dont_inherit=True)
    new: dict[tuple[str, int, str], CodeType] = {}
    for unit in (units(code)[first] for first in made.units):
        for each in (unit, *_inside(unit)):
            new[each.co_qualname, each.co_firstlineno, " ".join(each.co_freevars)] = each
    for function in functions:
        old = function.__code__
        other = new.get((old.co_qualname, old.co_firstlineno, " ".join(old.co_freevars)))
        if other is not None:
            function.__code__ = other


def _inside(code: CodeType) -> Iterator[CodeType]:
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield part
            yield from _inside(part)


class _Mutated(SourceFileLoader):
    def __init__(self, name: str, path: str, code: CodeType) -> None:
        super().__init__(name, path)
        self.code = code

    def get_code(self, fullname: str) -> CodeType:
        """The mutant instead of what the file holds."""
        return self.code


class Importing:
    """A finder of `sys.meta_path` that gives one module as a mutant."""

    def __init__(self, name: str, path: Path, code: CodeType) -> None:
        self.name = name
        self.path = path
        self.code = code

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The mutant, or nothing for every other module."""
        if name != self.name:
            return None
        found = PathFinder.find_spec(name, path, target)
        if found is not None:
            loader: Loader = _Mutated(name, str(self.path), self.code)
            found.loader = loader
        return found


def fresh(mutant: Mutant, of: Known) -> int:
    """Import the mutant in this process, which must not have imported `guards` yet, and run the tests: own ones first."""
    confine(30 + 6 * sum(of.seconds.values()))
    if mutant.operator != CONTROL:
        made = change(mutant)
        if made.tree is None:
            return VERDICTS.index(made.kind)
        name = mutant.module.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(made.tree, str(ROOT / mutant.module), "exec", dont_inherit=True)
        sys.meta_path.insert(0, Importing(name, ROOT / mutant.module, code))
    sys.dont_write_bytecode = True
    for files in passes(of, mutant.module):
        if int(pytest.main(words(*files))) in RED:
            return KILLED
    return SURVIVED


def passes(of: Known, module: str) -> Iterator[Sequence[str]]:
    """The files of tests, those first that are most likely to see a change of that module; in the end all of them."""
    own = f"tests/guards/test_{Path(module).stem}.py"
    yield [*([own] if (ROOT / own).is_file() else []), "tests/guards/test_public_names.py"]
    names = {name for line in of.tests.get(module, {}).values() for name in line}
    seconds: Counter[str] = Counter()
    for name in of.seconds:
        seconds[name.partition("::")[0]] += of.seconds[name]
    near = sorted({name.partition("::")[0] for name in names} - {own}, key=lambda file: (seconds[file], file))
    if quick := [file for file in near if seconds[file] < NEAR][:5]:
        yield quick
    yield ["tests/guards"]
