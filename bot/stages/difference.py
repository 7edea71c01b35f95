"""The difference between two plans in words, for the person whose approval no longer fits (mission P3, trust case T09).

Called by bot/stages/execute.py when the plan made from fresh facts is not the approved one. Pure; must not judge whether
a difference matters: any does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.plan import Plan

SHOWN = 8
LONGEST = 120
NAMES = {
    "runbook_digest": "the runbook's text",
    "policy_digest": "the policy",
    "parameters": "parameter",
    "act.shown": "the exact act",
    "act.target": "the target",
    "act.request": "the request",
    "act.deadline_seconds": "the deadline",
    "check": "the proof of success",
    "rollback": "the undo",
    "risk": "the risk",
}


def difference(approved: Plan, now: Plan) -> tuple[str, ...]:
    """What is different, most telling first, at most eight lines; empty only for equal plans.

    approved: the plan that people said yes to; now: the same request planned again.
    """
    if approved.digest == now.digest:
        return ()
    lines = list(_lines(approved, now)) or ["something that is not shown here"]
    more = len(lines) - SHOWN
    return tuple(lines[:SHOWN] + ([f"and {more} more"] if more > 0 else []))


def _lines(approved: Plan, now: Plan) -> Iterator[str]:
    before = {step.id: step.model_dump(mode="json") for step in approved.steps}
    after = {step.id: step.model_dump(mode="json") for step in now.steps}
    for name in before.keys() - after.keys():
        yield f"step {name} is gone"
    for name in after.keys() - before.keys():
        yield f"step {name} is new: {_short(after[name]['act']['shown'])}"
    if list(before) != list(after) and before.keys() == after.keys():
        yield f"the order of the steps: {', '.join(before)} → {', '.join(after)}"
    for name in (name for name in before if name in after):
        for path, old, new in _changes(before[name], after[name]):
            yield f"step {name}, {_named(path)}: {_short(old)} → {_short(new)}"
    rest = {"steps"}
    whole, fresh = approved.model_dump(mode="json", exclude=rest), now.model_dump(mode="json", exclude=rest)
    for path, old, new in _changes(whole, fresh):
        yield f"{_named(path)}: {_short(old)} → {_short(new)}"


def _changes(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """The innermost places that differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _changes(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
    elif old != new:
        yield path, old, new


def _named(path: str) -> str:
    known = next((name for start, name in NAMES.items() if path == start or path.startswith(f"{start}.")), "")
    last = path.rpartition(".")[2]
    return f"{known} ({last})" if known and path not in NAMES else known or path


def _short(value: Any) -> str:
    text = "nothing" if value in (None, "", [], {}) else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
