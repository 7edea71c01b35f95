"""Conditions of runbooks in CEL: checked when a runbook is loaded, evaluated against plain JSON values.

Called by runbooks/load (check), match and next_step (when, precheck) and by bot/flow.py (verify). Every doubt is an
ExpressionError, which callers treat as "not proven" (trust rule 16). Must not give expressions a clock, a random number
or a function of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import cel
import re2

MAX_LENGTH = 500
MAX_MACROS = 2  # nested all/exists/map over the same list multiply; two levels stay far below a millisecond

_FUNCTIONS = frozenset({"size", "contains", "startsWith", "endsWith", "matches", "int", "uint", "double", "string"})
_MACRO = re2.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(")
_FACT = re2.compile(r"\bfacts\s*(?:\.\s*([A-Za-z_][A-Za-z0-9_]*)|\[\s*[\"']([^\"']*)[\"']\s*\])")
# What the library raises: parse errors, unknown names, missing keys, overloads, division, overflow.
_FAILURES = (ValueError, TypeError, RuntimeError, LookupError, ArithmeticError, AttributeError)


class ExpressionError(ValueError):
    """An expression that cannot be compiled, or that proves nothing with the given data."""


@lru_cache(maxsize=512)
def _compiled(expression: str) -> cel.Program:
    if len(expression) > MAX_LENGTH:
        raise ExpressionError(f"longer than {MAX_LENGTH} characters.")
    if len(_MACRO.findall(expression)) > MAX_MACROS:
        raise ExpressionError(f"more than {MAX_MACROS} of all, exists, exists_one, map and filter.")
    try:
        program = cel.compile(expression)
        functions = program.functions()
    except _FAILURES as error:
        raise ExpressionError(_first_line(str(error), expression)) from error
    for name in functions:
        if name[0].isalpha() and name not in _FUNCTIONS:
            raise ExpressionError(f"the function {name} is not available; there are {', '.join(sorted(_FUNCTIONS))}.")
    return program


def _first_line(message: str, expression: str) -> str:
    """The library repeats the whole expression before its finding and a drawing after it; people need the finding."""
    text = message.replace(f"Failed to parse expression '{expression}':", "").strip()
    lines = text.splitlines() or ["cannot be evaluated"]
    return lines[0].removeprefix("ERROR: ").strip()[:300]


def check(expression: str) -> None:
    """Raise ExpressionError when `expression` is not a condition that could ever be answered.

    At most 500 characters, the standard operators and a short list of functions. A constant must be a truth value.
    """
    if not _compiled(expression).variables():
        holds(expression, {})


def is_constant(expression: str) -> bool:
    """Whether the answer does not depend on any data (`true`), which proves nothing. Raises ExpressionError."""
    return not _compiled(expression).variables()


def holds(expression: str, variables: Mapping[str, Any]) -> bool:
    """Whether the condition is true for these JSON values.

    A null counts as missing, so `facts.health.status != 200` is not "proven" by an observation without a status.
    Raises ExpressionError for missing data, for an answer that is not true or false, and for any other failure.
    """
    try:
        answer = _compiled(expression).execute(_without_nulls(variables))
    except ExpressionError:
        raise
    except _FAILURES as error:
        what = f"there is no {error}" if isinstance(error, KeyError) else _first_line(str(error), expression)
        raise ExpressionError(f"cannot be answered: {what}") from error
    if not isinstance(answer, bool):
        raise ExpressionError(f"answers with {type(answer).__name__}, not with true or false.")
    return answer


def facts_named(expression: str) -> frozenset[str]:
    """Names of the facts the expression asks for as `facts.<name>`."""
    return frozenset(dotted or quoted for dotted, quoted in _FACT.findall(expression))


def proof_variables(fact: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """What a `verify.expect` sees: the fields of the fact at top level and as `facts.<fact>.<field>`."""
    return {**value, "facts": {fact: dict(value)}}


def condition_variables(incident: Mapping[str, Any], facts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What `when` and `precheck` see: `incident.<field>` and `facts.<name>.<field>`."""
    return {"incident": dict(incident), "facts": {name: dict(value) for name, value in facts.items()}}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [_without_nulls(v) for v in value]
    return value
