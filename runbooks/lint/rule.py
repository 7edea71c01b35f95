"""What a rule is: one function with its name, its severity and its page (what, why, an example of each kind).

Every file of rules uses `@rule`; `runbookctl lint --rules`, `--explain` and docs/lint.md read it. Must not judge.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from runbooks.lint.finding import Finding, Severity
from runbooks.lint.subject import Outline, Subject

Check = Callable[[Subject], Iterable[Finding]]
CheckMany = Callable[[Sequence[Outline]], Iterator[tuple[int, Finding]]]


@dataclass(frozen=True, slots=True)
class Rule:
    """severity: the worst that it says. what: what it finds. bad, good: parts of a runbook (runbooks/lint/example.py).

    mends: what `--fix` does about it, empty when only a person can. check: over one runbook; check_many: over all of
    them, giving the number of the runbook that is meant.
    """

    id: str
    severity: Severity
    what: str
    why: str
    bad: str
    good: str
    mends: str = ""
    check: Check | None = None
    check_many: CheckMany | None = None


def rule(name: str, severity: Severity, *, why: str, bad: str, good: str, mends: str = "") -> Callable[[Check], Rule]:
    """The rule of a function; its docstring says what it finds."""
    return lambda check: Rule(
        name, severity, _what(check.__doc__), _one_line(why), _block(bad), _block(good), _one_line(mends), check=check
    )


def rule_of_all(name: str, severity: Severity, *, why: str, bad: str, good: str) -> Callable[[CheckMany], Rule]:
    """Like `rule`, for a function over all runbooks together."""
    return lambda check: Rule(
        name, severity, _what(check.__doc__), _one_line(why), _block(bad), _block(good), check_many=check
    )


def _what(doc: str | None) -> str:
    return _one_line(inspect.cleandoc(doc or ""))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _block(text: str) -> str:
    return textwrap.dedent(text).strip("\n") + "\n"
