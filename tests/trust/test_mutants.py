from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from trust.mutants import Change, Mutant, change, modules, mutants, shown, units

SOURCE = '''"""A module."""

from __future__ import annotations

from dataclasses import dataclass

LIMIT = 3


@dataclass(frozen=True)
class Value:
    """A value."""

    size: int | None = None

    def small(self, limit: int | str = LIMIT) -> bool:
        """Whether it is."""
        return [part for part in (self.size,) if part is not None and part < LIMIT] != []


def run(given: int | None) -> int:
    """Anything."""
    try:
        return int(given or 0) + 1
    except (ValueError, TypeError):
        return -LIMIT
'''


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "guards").mkdir()
    (tmp_path / "guards" / "sample.py").write_text(SOURCE)
    return tmp_path


def made(root: Path) -> dict[Mutant, Change]:
    return {mutant: change(mutant, root) for mutant in mutants("guards/sample.py", root)}


def test_no_module_of_the_room_is_left_out() -> None:
    assert "guards/chain.py" in modules()
    assert "guards/__init__.py" in modules()
    assert modules() == sorted(str(file) for file in Path("guards").rglob("*.py"))


def test_each_mutant_is_of_one_kind(root: Path) -> None:
    kinds = {
        (mutant.operator, shown(mutant, found.text, root)[1]): found
        for mutant, found in made(root).items()
        if found.text
    }
    by_line = {line: found for (_, line), found in kinds.items()}
    removed = [shown(mutant, found.text, root) for mutant, found in made(root).items() if "Decorator" in mutant.name]
    assert removed == [("@dataclass(frozen=True)", "")]
    assert by_line["LIMIT = 4"].kind == "outside"
    assert by_line["@dataclass(frozen=False)"].kind == "outside"
    assert by_line["def run(given: int & None) -> int:"].kind == "idle"
    assert by_line["return int(given or 0) - 1"].kind == "body"
    assert by_line["return int(given and 0) + 1"].units == (21,)
    assert by_line["return +LIMIT"].kind == "body"


def test_a_change_inside_a_comprehension_is_one_of_its_function(root: Path) -> None:
    nested = [found for mutant, found in made(root).items() if "part <= LIMIT" in found.text]
    assert [(found.kind, found.units) for found in nested] == [("body", (16,))]


def test_the_names_find_a_mutant_again_and_are_unique(root: Path) -> None:
    names = Counter(mutant.name for mutant in mutants("guards/sample.py", root))
    assert max(names.values()) == 1
    assert "guards/sample.py:ReplaceOrWithAnd:0" in names


def test_what_does_not_compile_is_no_mutant(root: Path) -> None:
    (root / "guards" / "sample.py").write_text("def run(a: int, *, b: int = -1) -> int:\n    return a\n")
    kinds = {found.kind for found in made(root).values()}
    assert "invalid" in kinds
    assert "unmade" not in kinds


def test_the_functions_of_a_module_and_its_classes_are_found_by_their_first_line() -> None:
    code = compile(SOURCE, "sample.py", "exec", dont_inherit=True)
    assert {first: unit.co_qualname for first, unit in units(code).items()} == {16: "Value.small", 21: "run"}
