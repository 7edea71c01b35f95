"""A context as JSON and back, so that a decision can be explained and replayed later (mission G12).

Used by bot/store/decisions.py and by `runbookctl explain` and `backtest`. The asker is left out: a replay asks nobody. The
history is left out as well (`with_history` puts it back): it is the same for many decisions and is kept once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from guards.context import (
    Actor,
    BreakGlass,
    Calendar,
    Change,
    Context,
    Inventory,
    OpenBreaker,
    PastAct,
    Period,
    Stop,
)
from guards.decision import Allow, Ask, Decision, Deny, Finding

PLAIN = (
    "action",
    "environment",
    "service",
    "tier",
    "risk",
    "run",
    "runbook",
    "incident",
    "autonomy",
    "cost",
    "budget_burned",
)
LEFT_OUT = ("ask", "history")


def to_data(context: Context) -> dict[str, Any]:
    """The context as JSON values; fields that have their usual value are left out."""
    data: dict[str, Any] = {name: value for name in PLAIN if (value := getattr(context, name)) not in ("", None)}
    if context.now is not None:
        data["now"] = context.now.isoformat()
    if context.actor is not None:
        actor = context.actor
        data["actor"] = [actor.id, actor.name, sorted(actor.roles), actor.is_bot]
    if context.targets:
        data["targets"] = list(context.targets)
    if context.members:
        data["members"] = list(context.members)
    if context.members_in_all:
        data["members_in_all"] = list(context.members_in_all)
    if context.scopes:
        data["scopes"] = list(context.scopes)
    if context.holders:
        data["holders"] = dict(context.holders)
    if context.stops:
        data["stops"] = [[stop.level, stop.name, stop.reason, stop.by] for stop in context.stops]
    if context.calendar is not None:
        data["calendar"] = {
            "periods": [
                [p.kind, p.name, list(p.environments), list(p.services), p.start.isoformat(), p.end.isoformat()]
                for p in context.calendar.periods
            ],
            "problems": [list(problem) for problem in context.calendar.problems],
        }
    if context.breakers:
        data["breakers"] = [[b.key, b.opened_at.isoformat(), b.trial_run] for b in context.breakers]
    if context.inventory is not None:
        found = context.inventory
        data["inventory"] = [found.total, found.healthy, dict(found.domains)]
    if context.change is not None:
        data["change"] = [context.change.current, context.change.wanted, context.change.unit]
    if context.break_glass is not None:
        broken = context.break_glass
        data["break_glass"] = [broken.reason, broken.by, broken.until.isoformat()]
    return data


def from_data(data: Mapping[str, Any]) -> Context:
    """The context that `to_data` described, without history and asker.

    Raises ValueError for a field that is not known: a newer program's record is not half understood.
    """
    unknown = set(data) - KNOWN
    if unknown:
        raise ValueError(f"a recorded context has unknown fields: {', '.join(sorted(unknown))}")
    made: dict[str, Any] = {name: data[name] for name in PLAIN if name in data}
    for name, read in READERS.items():
        if name in data:
            made[name] = read(data[name])
    return Context(**made)


def with_history(context: Context, acts: tuple[PastAct, ...]) -> Context:
    """The same context with these past acts, newest last."""
    return replace(context, history=acts)


def decision_data(decision: Decision) -> list[dict[str, Any]]:
    """The trace as JSON: one {rule, verdict, reason, inputs} per finding; a refusal with code and remedy, a question with
    kind, seconds, count and groups.
    """
    return [finding_data(finding) for finding in decision.trace]


def finding_data(finding: Finding) -> dict[str, Any]:
    """One finding as JSON values."""
    verdict = finding.verdict
    data: dict[str, Any] = {"rule": finding.rule, "inputs": plain(finding.inputs)}
    if isinstance(verdict, Allow):
        return data | {"verdict": "allow", "reason": verdict.reason}
    if isinstance(verdict, Deny):
        return data | {"verdict": "deny", "reason": verdict.reason, "code": verdict.code, "remedy": verdict.remedy}
    return data | {"verdict": "ask", "reason": verdict.message} | _question(verdict)


def _question(asked: Ask) -> dict[str, Any]:
    data: dict[str, Any] = {"kind": asked.kind, "seconds": asked.timeout_seconds}
    if asked.approvers is not None:
        who = asked.approvers
        data |= {"count": who.count, "any_of": list(who.any_of), "all_of": list(who.all_of)}
    return data


def plain(value: object) -> Any:
    """A value of `Finding.inputs` as JSON: mappings, lists, text, numbers; anything else as its text."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        parts = [plain(part) for part in value]
        return sorted(parts, key=str) if isinstance(value, set | frozenset) else parts
    return str(value)


def _actor(value: list[Any]) -> Actor:
    return Actor(value[0], value[1], frozenset(value[2]), bool(value[3]))


def _calendar(value: Mapping[str, Any]) -> Calendar:
    return Calendar(
        tuple(
            Period(kind, name, tuple(environments), tuple(services), _time(start), _time(end))
            for kind, name, environments, services, start, end in value["periods"]
        ),
        tuple((environment, problem) for environment, problem in value["problems"]),
    )


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value)


READERS: Mapping[str, Any] = {
    "now": _time,
    "actor": _actor,
    "targets": tuple,
    "scopes": tuple,
    "members": tuple,
    "members_in_all": tuple,
    "holders": dict,
    "stops": lambda value: tuple(Stop(*stop) for stop in value),
    "calendar": _calendar,
    "breakers": lambda value: tuple(OpenBreaker(key, _time(at), trial) for key, at, trial in value),
    "inventory": lambda value: Inventory(value[0], value[1], dict(value[2])),
    "change": lambda value: Change(*value),
    "break_glass": lambda value: BreakGlass(value[0], value[1], _time(value[2])),
}
KNOWN = frozenset({field.name for field in fields(Context)}) - frozenset(LEFT_OUT)
