"""What a guard may answer: a verdict that can be acted on, and inputs that can be printed in the trace.

Called by guards/chain.py for every answer, where whatever is raised becomes a refusal (safety rule 4). Must not decide.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import cast

from guards.decision import Allow, Approvers, Ask, Deny, Finding, Verdict

_PLAIN = frozenset({str, bool, float, type(None)})
_LARGE = 10**18  # Python refuses to print a whole number of some thousand digits


def check_answer(verdict: object, inputs: Mapping[str, object]) -> None:
    """Raises TypeError or ValueError for an answer that is none, and whatever printing raises.

    Printing costs more than the rest of a finding, so what is known to be printable is not printed here.
    """
    kind = type(verdict)
    if kind is Allow:
        allowed = cast("Allow", verdict)
        worded = type(allowed.reason) is str and type(allowed.standing) is str
    elif kind is Deny:
        denial = cast("Deny", verdict)
        worded = type(denial.code) is str and type(denial.reason) is str and type(denial.remedy) is str
    elif kind is Ask:
        question = cast("Ask", verdict)
        _check_question(question)
        worded = type(question.message) is str
    else:
        raise TypeError("a guard must answer Allow, Deny or Ask")
    if not worded:
        raise TypeError("a guard must answer in words")
    for name, value in inputs.items():
        if type(name) is not str or not (type(value) in _PLAIN or _printable(value)):
            repr((name, value))


def in_order(found: list[Finding]) -> list[Finding]:
    """Findings of one rule in the same order whatever the stacking: by the text of the verdict, then of the inputs."""
    if len(found) == 1:
        return found
    by_words: dict[str, list[Finding]] = {}
    for finding in found:
        by_words.setdefault(_words(finding.verdict), []).append(finding)
    for alike in by_words.values():
        if len(alike) > 1:
            alike.sort(key=lambda finding: repr(finding.inputs))
    return [finding for words in sorted(by_words) for finding in by_words[words]]


def _words(verdict: Verdict) -> str:
    if isinstance(verdict, Allow):
        return f"Allow {verdict.reason} {verdict.standing}"
    if isinstance(verdict, Deny):
        return f"Deny {verdict.code} {verdict.reason} {verdict.remedy}"
    return repr(verdict)


def _check_question(question: Ask) -> None:
    if not math.isfinite(question.timeout_seconds) or question.timeout_seconds <= 0:
        raise ValueError("a question must end")
    if question.kind == "confirmation" and question.approvers is None:
        return
    who = question.approvers
    if question.kind != "approval" or not isinstance(who, Approvers):
        raise ValueError("a question is a confirmation, or an approval with approvers")
    if type(who.count) is not int or type(who.any_of) is not tuple or type(who.all_of) is not tuple:
        raise TypeError("approvers are a number and tuples of groups")
    for group in (*who.any_of, *who.all_of):
        if type(group) is not str:
            raise TypeError("a group of approvers is a name")


def _printable(value: object) -> bool:
    """Whether the value is a plain one, or a tuple or dictionary of such: then printing it cannot fail."""
    kind = type(value)
    if kind is int:
        return -_LARGE < cast("int", value) < _LARGE
    if kind is tuple:
        return _all_plain(cast("tuple[object, ...]", value))
    if kind is dict:
        pairs = cast("dict[object, object]", value)
        return _all_plain(pairs) and _all_plain(pairs.values())
    return False


def _all_plain(values: Iterable[object]) -> bool:
    for value in values:
        if type(value) not in _PLAIN and not (type(value) is int and -_LARGE < value < _LARGE):
            return False
    return True
