"""The mutants of `guards/`: one small change each, as Cosmic Ray's operators make them, and what kind of change it is.

Used by trust/mutation.py and trust/mutation_session.py. Must not run a test or write a file.
"""

from __future__ import annotations

import ast
import functools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Literal

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).resolve().parents[1]
Kind = Literal["unmade", "invalid", "idle", "outside", "body"]


@dataclass(frozen=True, slots=True)
class Mutant:
    """module: below the root (`guards/chain.py`). operator: its name in Cosmic Ray. number: which place of the module
    it changes, counted from 0. line, column: where.
    """

    module: str
    operator: str
    number: int
    line: int
    column: int

    @property
    def name(self) -> str:
        """What finds this mutant again in the same source."""
        return f"{self.module}:{self.operator.removeprefix('core/')}:{self.number}"


@dataclass(frozen=True, slots=True)
class Change:
    """kind: `unmade` (the operator failed), `invalid` (no Python), `idle` (the compiled program is the same),
    `outside` (something that runs while the module is imported), `body` (only these functions are other ones).

    tree: the mutant, ready to be compiled. units: the first line of each changed function, in the unchanged source.
    """

    kind: Kind
    text: str = ""
    tree: ast.Module | None = None
    units: tuple[int, ...] = ()


class _WithoutAnnotations(ast.NodeTransformer):
    """Nothing executes an annotation in `guards/` (`from __future__ import annotations`, and nobody reads them)."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.returns = None
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.returns = None
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        self.generic_visit(node)
        node.annotation = ast.copy_location(ast.Constant("any"), node.annotation)
        return node


def modules(root: Path = ROOT) -> list[str]:
    """Every module of `guards/`, none left out."""
    return sorted(str(file.relative_to(root)) for file in (root / "guards").rglob("*.py"))


def mutants(module: str, root: Path = ROOT) -> Iterator[Mutant]:
    """Every mutant of a module that an operator without parameters makes."""
    tree = get_ast((root / module).read_text(encoding="utf-8"))
    nodes = list(ast_nodes(tree))
    for name in sorted(operator_names()):
        kind = get_operator(name)
        if kind.arguments():
            continue
        operator = kind()
        places = (place for node in nodes for place in operator.mutation_positions(node))
        for number, ((line, column), _) in enumerate(places):
            yield Mutant(module, name, number, line, column)


@functools.lru_cache(maxsize=64)
def _unchanged(module: str, root: Path) -> tuple[str, str, CodeType]:
    text = (root / module).read_text(encoding="utf-8")
    tree = _WithoutAnnotations().visit(ast.parse(text))
    return text, ast.dump(tree), compile(tree, module, "exec", dont_inherit=True)


def change(mutant: Mutant, root: Path = ROOT) -> Change:
    """Make the mutant and tell what kind of change it is."""
    text, dumped, code = _unchanged(mutant.module, root)
    try:
        made = mutate_code(text, get_operator(mutant.operator)(), mutant.number)
    except AttributeError:  # Cosmic Ray 8.7 fails on `except (a.b, c)`
        return Change("unmade")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `x is 1` is a warning, not a verdict
        try:
            tree = ast.parse(made)
            compile(tree, mutant.module, "exec", dont_inherit=True)
        except SyntaxError:
            return Change("invalid", made)
        bare = _WithoutAnnotations().visit(ast.parse(made))
        if ast.dump(bare) == dumped:
            return Change("idle", made)
        other = compile(bare, mutant.module, "exec", dont_inherit=True)
    if signature(other) == signature(code):
        return Change("idle", made)
    old, new = units(code), units(other)
    if signature(code, deep=False) != signature(other, deep=False) or list(old) != list(new):
        return Change("outside", made, tree)
    changed = tuple(first for first, unit in old.items() if signature(unit) != signature(new[first]))
    return Change("body", made, tree, changed)


def signature(code: CodeType, *, deep: bool = True) -> tuple[object, ...]:
    """What a code object does, without the places in the text it came from. deep: with the functions in it."""
    parts: list[object] = []
    for part in code.co_consts:
        if not isinstance(part, CodeType):
            parts.append((type(part).__name__, repr(part)))
        elif deep or not _is_function(part):
            parts.append(signature(part, deep=deep))
    return (
        code.co_name,
        code.co_code,
        tuple(parts),
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        code.co_flags,
        code.co_exceptiontable,
    )


def units(code: CodeType) -> dict[int, CodeType]:
    """The functions that stand directly in a module or class, by their first line."""
    found: dict[int, CodeType] = {}
    for part in code.co_consts:
        if isinstance(part, CodeType):
            if _is_function(part):
                found[part.co_firstlineno] = part
            else:
                found |= units(part)
    return found


def _is_function(code: CodeType) -> bool:
    """Whether it is the body of a function and not of a class or a module."""
    return bool(code.co_flags & 0x1)  # CO_OPTIMIZED (inspect)


def shown(mutant: Mutant, made: str, root: Path = ROOT) -> tuple[str, str]:
    """The line that the mutant changes, before and after, without indentation."""
    old = (root / mutant.module).read_text(encoding="utf-8").splitlines()
    if mutant.operator == "core/RemoveDecorator":
        return old[mutant.line - 1].strip(), ""
    new = made.splitlines()
    for before, after in zip(old, new, strict=False):
        if before != after:
            return before.strip(), after.strip()
    return old[mutant.line - 1].strip(), ""
