"""The difference between two plans in words, for the person whose approval no longer fits (mission P3, trust case T09).

Called by bot/stages/precheck.py when the plan made from fresh facts is not the approved one, and by bot/stages/asking.py
when a step is asked for again. Pure; must not judge whether a difference matters: any does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bot.plan import Plan

SHOWN = 8
LONGEST = 100
DIGEST = 12
"""Characters of a digest that people see, as Plan.short_digest."""

NAMES = {
    "act.shown": "the exact act",
    "act.target": "the target",
    "act.resize": "the size",
    "act.request": "the request",
    "act.operation": "the action",
    "act.cost": "the cost",
    "check": "the proof of success",
    "rollback": "the undo",
    "rollback_note": "the undo",
    "risk": "the risk",
    "precheck": "the pre-check",
    "expect": "the expected output",
    "title": "the title",
    "act.planned_from": "what was observed",
    "act.leaves": "what it leaves",
    "act.deadline_seconds": "the deadline in seconds",
    "parameters": "parameter",
    "runbook_digest": "the runbook's text",
    "policy_digest": "the policy",
    "tier": "the tier",
    "requester": "who asks",
    "why": "why it is proposed",
    "break_glass": "the reason to break the glass",
    "created_at": "when it was made",
    "expires_at": "when it ends",
}
"""What people call the parts of a step and of a plan, the most telling first."""

OF_ASKING = ("requester", "why", "break_glass", "created_at", "expires_at")
"""What is of the asking and not of the plan: always another when somebody asks again."""


def difference(approved: Plan, now: Plan) -> tuple[str, ...]:
    """What is different, most telling first, at most eight lines and a count; empty only for equal plans.

    approved: the plan that people said yes to; now: the same request planned again.
    """
    if approved.digest == now.digest:
        return ()
    lines = list(_lines(approved, now)) or ["something that is not shown here"]
    more = len(lines) - SHOWN
    return tuple(lines[:SHOWN] + ([f"and {more} more"] if more > 0 else []))


def since_asked(before: Plan, now: Plan) -> tuple[str, ...]:
    """The same for a step that is asked for again: who asks, why and when do not count, what would be done does."""
    return difference(before, now.model_copy(update={name: getattr(before, name) for name in OF_ASKING}))


def _lines(approved: Plan, now: Plan) -> Iterator[str]:
    before = {step.id: step.model_dump(mode="json") for step in approved.steps}
    after = {step.id: step.model_dump(mode="json") for step in now.steps}
    for name in (name for name in before if name not in after):
        yield f"step {name} is gone"
    for name in (name for name in after if name not in before):
        yield f"step {name} is new: {_short(after[name]['act']['shown'])}"
    if list(before) != list(after) and before.keys() == after.keys():
        yield f"the order of the steps: {', '.join(before)} → {', '.join(after)}"
    for name in (name for name in before if name in after):
        yield from (f"step {name}, {line}" for line in _changes(before[name], after[name]))
    rest = {"steps"}
    yield from _changes(approved.model_dump(mode="json", exclude=rest), now.model_dump(mode="json", exclude=rest))


def _changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """One line per innermost place that differs, in the order of NAMES."""
    found = sorted(_places(old, new), key=lambda each: _rank(each[0]))
    return [f"{_named(path)}: {_said(path, before)} → {_said(path, after)}" for path, before, after in found]


def _places(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _places(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
    elif old != new:
        yield path, old, new


def _known(path: str) -> str:
    """The entry of NAMES that this place belongs to, empty for none."""
    return next((start for start in NAMES if path == start or path.startswith(f"{start}.")), "")


def _rank(path: str) -> int:
    known = _known(path)
    return list(NAMES).index(known) if known else len(NAMES)


def _named(path: str) -> str:
    known = _known(path)
    if not known:
        return path
    return NAMES[known] if path == known else f"{NAMES[known]} ({path.removeprefix(f'{known}.')})"


def _said(path: str, value: Any) -> str:
    return str(value)[:DIGEST] if path.endswith("_digest") else _short(_words(value))


def _words(value: Any) -> str:
    """A value of a plan as people read it: an act by its command, a proof by what it expects, a list by its items."""
    if value is None or value in ("", [], {}):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return "; ".join(_words(each) for each in value)
    if isinstance(value, Mapping):
        if {"fact", "expect", "required", "of", "within_seconds"} <= value.keys():
            looks = f"{value['required']} of {value['of']} looks within {value['within_seconds']:g} s"
            return f"{value['fact']}: {value['expect']}, {looks}"
        known = next((name for name in ("shown", "pattern") if name in value), "")
        return str(value[known]) if known else ", ".join(f"{key} {_words(each)}" for key, each in value.items())
    return str(value)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
