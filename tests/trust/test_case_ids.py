"""Every case of the threat model that issue 3 names has a test that carries its id, in its name or in its parameters.

Reads the source of the tests, so that an id in a comment or a docstring counts for nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
RANGES = ((1, 15), (34, 37), (41, 43), (53, 57), (65, 65))
CASES = tuple(f"T{number:02}" for first, last in RANGES for number in range(first, last + 1))
ID = re.compile(r"(?<![A-Za-z0-9])T\d\d(?![0-9A-Za-z])")
Carried = dict[str, set[str]]


def ids(text: str) -> set[str]:
    """The ids in a name or a text; in a name they stand between underscores."""
    return set(ID.findall(text.replace("_", " ")))


def constants(tree: ast.AST) -> Iterator[str]:
    """Every text below a node."""
    return (n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str))


def values(module: ast.Module) -> dict[str, ast.expr]:
    """What the module assigns to its names."""
    found: dict[str, ast.expr] = {}
    for statement in module.body:
        if isinstance(statement, ast.Assign):
            found |= {target.id: statement.value for target in statement.targets if isinstance(target, ast.Name)}
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
            found[statement.target.id] = statement.value
    return found


def carried(text: str) -> Carried:
    """The tests of a module with the ids that each carries."""
    module = ast.parse(text)
    assigned = values(module)
    found: Carried = {}
    for node in ast.walk(module):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test_"):
            continue
        mine = ids(node.name)
        for decorator in node.decorator_list:
            if "parametrize" not in ast.unparse(decorator):
                continue
            named = [assigned[n.id] for n in ast.walk(decorator) if isinstance(n, ast.Name) and n.id in assigned]
            for tree in (decorator, *named):
                mine |= {each for words in constants(tree) for each in ids(words)}
        found[node.name] = mine
    return found


@pytest.fixture(scope="module")
def everything() -> dict[str, list[str]]:
    """Each id with the tests that carry it."""
    found: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        for name, its in carried(path.read_text(encoding="utf-8")).items():
            for each in its:
                found.setdefault(each, []).append(f"{path.relative_to(TESTS)}::{name}")
    return found


@pytest.mark.parametrize("case", CASES)
def test_a_case_has_a_test_that_carries_its_id(case: str, everything: dict[str, list[str]]) -> None:
    others = [test for test in everything.get(case, []) if not test.startswith("trust/test_case_ids.py")]
    assert others, f"no test carries {case}"


SAMPLE = '''
"""T01 in the docstring of the module."""
WALKS: dict[str, str] = {"T02 in a key": "x"}
OTHER = {"T03 is not used": 1}

@pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS)
def test_walks(walk):
    """T04 in the docstring of a test."""

@pytest.mark.parametrize("a", [pytest.param(1, id="T05 as an id")])
async def test_T06_in_its_name(a):  # T07 in a comment
    T08 = "not here"

def helper_T09(): ...
'''


def test_only_names_and_parameters_carry_an_id() -> None:
    assert carried(SAMPLE) == {"test_walks": {"T02"}, "test_T06_in_its_name": {"T05", "T06"}}


@pytest.mark.parametrize(
    ("text", "found"), [("test_T12_x", {"T12"}), ("T123", set()), ("xT12", set()), ("T01 T02", {"T01", "T02"})]
)
def test_an_id_is_a_word(text: str, found: set[str]) -> None:
    assert ids(text) == found
