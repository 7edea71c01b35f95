from __future__ import annotations

import json
from pathlib import Path

from trust.mutation_known import ELSEWHERE, Known, chosen, known, spans, words

KNOWN = Known(
    seconds={
        "tests/guards/test_chain.py::a": 5.0,
        "tests/guards/test_policy.py::b": 0.1,
        "tests/guards/test_policy.py::c": 2.0,
    },
    tests={
        "guards/chain.py": {
            10: ["tests/guards/test_policy.py::c", "tests/guards/test_policy.py::b"],
            11: ["tests/guards/test_chain.py::a"],
        }
    },
    imported={},
)


def test_the_tests_of_the_module_come_first_then_the_quick_ones() -> None:
    assert chosen(KNOWN, "guards/chain.py", [range(9, 12)]) == [
        "tests/guards/test_chain.py::a",
        "tests/guards/test_policy.py::b",
        "tests/guards/test_policy.py::c",
    ]
    assert chosen(KNOWN, "guards/chain.py", [range(10, 11)]) == [
        "tests/guards/test_policy.py::b",
        "tests/guards/test_policy.py::c",
    ]
    assert chosen(KNOWN, "guards/chain.py", []) == chosen(KNOWN, "guards/other.py", [range(9, 12)]) == []


def test_what_was_written_is_read(tmp_path: Path) -> None:
    place = tmp_path / "known.json"
    lines = {"guards/chain.py": {"3": [""], "4": ["", "t::a"], "5": ["t::a", "t::b"]}}
    place.write_text(json.dumps({"seconds": {"t::a": 1.0, "t::b": 2.0}, "lines": lines}))
    assert known(place) == Known(
        {"t::a": 1.0, "t::b": 2.0},
        {"guards/chain.py": {3: [], 4: ["t::a"], 5: ["t::a", "t::b"]}},
        {"guards/chain.py": frozenset({3, 4})},
    )


def test_the_lines_of_a_function_do_not_hold_its_def() -> None:
    source = Path("guards/missing.py").read_text().splitlines()
    first = next(number for number, line in enumerate(source, 1) if line.startswith("def missing"))
    (span,) = spans("guards/missing.py", [first])
    assert (span.start, span.stop) == (first + 1, len(source) + 1) or span.stop <= len(source) + 1
    assert first not in span


def test_tests_that_start_another_python_are_left_out() -> None:
    told = words("tests/guards")
    assert all(any(file in word for word in told) for file in ELSEWHERE)
    assert told[-1].endswith("tests/guards")
