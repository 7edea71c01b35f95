"""What the tests of `guards/` run when nothing is changed: which of them a mutant concerns, and how long they take.

Used by trust/mutation_session.py and trust/mutation.py. Must not make or run a mutant.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

import coverage
import hypothesis
import pytest

from trust.mutants import ROOT, units

# Tests that start another Python or mypy: these read the unchanged files and could never see a mutant.
ELSEWHERE = ("tests/guards/test_script.py", "tests/guards/test_typing.py")
SCRIPT = "tests/guards/test_public_names.py::test_the_script_in_the_docstring_runs"
WORDS = (
    "-q",
    "-x",
    "-s",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "-p",
    "no:cov",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
)


@dataclass(frozen=True, slots=True)
class Known:
    """What the tests run when nothing is changed.

    seconds: of each test. tests: module -> line -> the tests that run it. imported: module -> lines that run before any test.
    """

    seconds: Mapping[str, float]
    tests: Mapping[str, Mapping[int, Sequence[str]]]
    imported: Mapping[str, frozenset[int]]


def words(*more: str) -> list[str]:
    """The command line of pytest for every run here. more: files and folders of tests, below the root."""
    ignored = [word for file in ELSEWHERE for word in ("--ignore", str(ROOT / file))]
    return [
        *WORDS,
        "--rootdir",
        str(ROOT),
        "-c",
        str(ROOT / "pyproject.toml"),
        *ignored,
        *(str(ROOT / file) for file in more),
    ]


def steady() -> None:
    """Hypothesis draws the same examples in every run and remembers none."""
    hypothesis.settings.register_profile("mutation", derandomize=True, database=None, deadline=None)
    hypothesis.settings.load_profile("mutation")


class _Watching:
    """Notes how long each test takes and what it runs."""

    def __init__(self, watched: coverage.Coverage) -> None:
        self.watched = watched
        self.seconds: dict[str, float] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """One test."""
        self.watched.switch_context(item.nodeid)
        began = time.process_time()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = time.process_time() - began


def look(place: Path) -> None:
    """Run the unchanged tests and write what they run into that file. Ends the process with pytest's exit code."""
    watched = coverage.Coverage(data_file=None, source=[str(ROOT / "guards")], config_file=False)
    watching = _Watching(watched)
    watched.start()
    code = int(pytest.main(words("tests/guards"), plugins=[watching]))
    watched.stop()
    data = watched.get_data()
    made = {
        str(Path(file).relative_to(ROOT)): {str(line): names for line, names in data.contexts_by_lineno(file).items()}
        for file in data.measured_files()
    }
    place.write_text(json.dumps({"seconds": watching.seconds, "lines": made}), encoding="utf-8")
    os._exit(code)


def known(place: Path) -> Known:
    """What `look` wrote."""
    read = json.loads(place.read_text(encoding="utf-8"))
    lines = {module: {int(line): names for line, names in each.items()} for module, each in read["lines"].items()}
    return Known(
        read["seconds"],
        {
            module: {line: [name for name in names if name] for line, names in each.items()}
            for module, each in lines.items()
        },
        {module: frozenset(line for line, names in each.items() if "" in names) for module, each in lines.items()},
    )


def chosen(of: Known, module: str, lines: Iterable[range]) -> list[str]:
    """The tests that run any of these lines, the tests of the module itself first, then the quick ones."""
    own = f"tests/guards/test_{Path(module).stem}.py::"
    names = {name for span in lines for line in span for name in of.tests.get(module, {}).get(line, ())}
    return sorted(names, key=lambda name: (not name.startswith(own), of.seconds.get(name, 0.0), name))


def spans(module: str, firsts: Iterable[int]) -> list[range]:
    """The lines inside the functions that begin at these lines, without the line of the `def`."""
    code = compile((ROOT / module).read_text(encoding="utf-8"), module, "exec", dont_inherit=True)
    found = units(code)
    return [range(first + 1, 1 + max(_lines(found[first]))) for first in firsts]


def _lines(code: CodeType) -> Iterator[int]:
    yield code.co_firstlineno
    yield from (line for _, _, line in code.co_lines() if line is not None)
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _lines(part)
