"""Runbooks as pages that people read: what a runbook says, in words, with the exact commands for the example service.

Called by `runbookctl pages`. Everything comes from the runbook and from the planners that the bot itself uses; the words around
it are in templates/runbook. Pure but for the templates; must not judge, and must not show anything of an installation.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

import re2
from pydantic import ValidationError

from bot.operations.base import PlanRequest
from bot.plan import Act
from bot.render import Renderer
from bot.roster import OPERATIONS
from bot.services import Service
from bot.simulation import examples
from bot.stages.gate import plan_with
from runbooks.model import MEMBERS, Limit, Parameter, Rollback, Runbook, Safety, Step
from runbooks.parameters import Value, bind, describe, reference
from runbooks.shape import NO_ROLLBACK

READ_ONLY = frozenset(name for name, operation in OPERATIONS.items() if operation.read_only)
RUNNING = 4
"""Workers that run in the example, so that waves can be shown."""
_ASKED = re2.compile(r"\bfacts\.([a-z_]+)\.([a-z_]+)")
_TEXT = re2.compile(r"'[^']*'|\"[^\"]*\"")
_FIELD = re2.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ID = re2.compile(r"[a-z0-9]+(?:-[a-z0-9]+)+")
_NAMED = re2.compile(r"^\{([a-z][a-z0-9_]*)\}$")
_BEGINS = frozenset("#>-+*=`~|")
_WORDS_OF_CEL = frozenset(
    ["true", "false", "null", "in", "size", "contains", "startsWith", "endsWith", "matches", "has"]
)


def page(renderer: Renderer, runbook: Runbook, beside: Collection[str] = ()) -> str:
    """The page of one runbook, as Markdown. beside: ids that have a page too. Raises Permanent when the template does not fit."""
    return renderer.document("page", prose=prose, **content(runbook, beside))


def index(renderer: Renderer, runbooks: Iterable[Runbook]) -> str:
    """The list of all pages by area, as Markdown. Raises Permanent when the template does not fit."""
    areas: dict[str, list[Runbook]] = {}
    for runbook in sorted(runbooks, key=lambda each: each.id):
        areas.setdefault(area(runbook), []).append(runbook)
    rows = [
        {"name": name, "runbooks": [_row(each) for each in sorted(some, key=lambda each: bool(each.waits_for))]}
        for name, some in sorted(areas.items())
    ]
    found = [each for some in areas.values() for each in some]
    facts = _facts(found)
    return renderer.document(
        "index",
        prose=prose,
        areas=rows,
        total=len(found),
        waiting=sum(bool(each.waits_for) for each in found),
        facts=[fact for fact in facts if fact["kind"] == "figures"],
    )


def area(runbook: Runbook) -> str:
    """The folder that a runbook's file is in."""
    return PurePath(runbook.source).parent.name or "other"


def prose(text: str) -> str:
    """A runbook's text as one line of Markdown that begins no heading, list or fence, and holds no HTML."""
    line = " ".join(text.split()).replace("<", "&lt;")
    return f"\\{line}" if line[:1] in _BEGINS else line


def content(runbook: Runbook, beside: Collection[str] = ()) -> dict[str, Any]:
    """What the page of a runbook says, as plain values. beside: ids that have a page too, and are linked."""
    values = _values(runbook)
    service = examples.service([runbook], environment="staging")
    return {
        "runbook": runbook,
        "area": area(runbook),
        "diagnosis": [_linked(prose(each), set(beside) - {runbook.id}) for each in runbook.diagnosis],
        "steps": [_step(runbook, step, values, service) for step in runbook.steps],
        "parameters": [_parameter(name, each) for name, each in runbook.params.items() if each.type != "target"],
        "targets": sorted({each.kind for each in runbook.params.values() if each.type == "target"}),
        "names": sorted({found.group(1) for word in _words(runbook) if (found := _NAMED.match(word))}),
        "programs": sorted({words[0] for words in _commands(runbook) if words}),
        "keys": _given(runbook, "settings.", "key"),
        "requests": [
            f"{'POST' if post else 'GET'} {path}" for post in (False, True) for path in _paths(runbook, post=post)
        ],
        "facts": _facts([runbook]),
        "running": RUNNING,
        "cases": [case.name for case in runbook.tests],
    }


def _linked(text: str, beside: Collection[str]) -> str:
    """The text with the ids of other runbooks as links to their pages."""
    return str(_ID.sub(lambda found: f"[{found[0]}]({found[0]}.md)" if found[0] in beside else found[0], text))


def _row(runbook: Runbook) -> dict[str, Any]:
    scopes = list(dict.fromkeys(scope for step in runbook.steps if step.safety for scope in step.safety.scopes))
    return {
        "id": runbook.id,
        "title": runbook.title,
        "waits_for": runbook.waits_for,
        "looks": all(step.action in READ_ONLY for step in runbook.steps),
        "scopes": scopes,
    }


# -- steps ----------------------------------------------------------------------------------------------------------------
def _step(runbook: Runbook, step: Step, values: Mapping[str, Value], service: Service) -> dict[str, Any]:
    looks = step.action in READ_ONLY
    act = _act(step, values, service)
    safety = step.safety
    return {
        "step": step,
        "title": step.title or step.id,
        "looks": looks,
        "shown": act.shown if act is not None else _unplanned(step, values),
        "conditions": [condition for condition in (step.when, step.precheck) if condition],
        "undo": _no_undo(step),
        "undo_shown": [_undo(each, step, values, service, act) for each in step.rollback],
        "note": step.rollback_note if step.rollback else "",
        "asked": _asked(safety) if safety and not looks else [],
        "limits": [_limit(each) for each in safety.limits] if safety else [],
    }


def _act(step: Step | Rollback, values: Mapping[str, Value], service: Service, undoes: Act | None = None) -> Act | None:
    """What the operation would do to the example service; None when it does not exist yet."""
    operation = OPERATIONS.get(step.action)
    bound = bind(step.with_, values)
    entry = service.target(operation.target_kind, bound.get("target")) if operation else None
    if operation is None or entry is None:
        return None
    facts = {"pool": _pool(service)}
    if isinstance(step, Step) and step.waves and operation.members is not None:
        bound[MEMBERS] = list(operation.members(entry, facts)[:1])
    given = {key: value for key, value in bound.items() if key != "target"}
    deadline = step.deadline if isinstance(step, Step) else 60.0
    try:
        parameters = operation.parameters.model_validate(given)
        request = PlanRequest(service, service.resolve(entry), entry, parameters, facts, deadline, undoes)
        return plan_with(operation, request)
    except (ValidationError, ValueError):
        return None  # it takes what only an incident can say; then the page shows the operation and its parameters


def _pool(service: Service) -> dict[str, Any]:
    entry = service.target("supervisor_pool")
    pattern = str(entry.settings.get("pattern", "")) if entry else ""
    names = [pattern.replace("{number:02d}", f"{number:02d}") for number in range(RUNNING)]
    return {
        "running": RUNNING,
        "healthy": RUNNING,
        "total": entry.settings.get("most", 0) if entry else 0,
        "names": names,
    }


def _no_undo(step: Step) -> str:
    kind = "impossible" if step.irreversible else "none"
    return f"{kind}; {step.rollback_note}" if step.rollback_note and step.rollback_note != NO_ROLLBACK else kind


def _undo(each: Rollback, step: Step, values: Mapping[str, Value], service: Service, act: Act | None) -> str:
    made = _act(each, values, service, act)
    return made.shown if made is not None else _unplanned(each, values)


def _unplanned(step: Step | Rollback, values: Mapping[str, Value]) -> str:
    given = " ".join(f"{key}={_plain(value)}" for key, value in bind(step.with_, values).items())
    return f"{step.action} {given}".strip()


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _values(runbook: Runbook) -> dict[str, Value]:
    """Every parameter: its default, the example's target, or its smallest value."""
    service = examples.service([runbook], environment="staging")
    values: dict[str, Value] = {}
    for name, each in runbook.params.items():
        if each.type == "target":
            entry = service.target(each.kind)
            values[name] = entry.name if entry else each.kind
        elif each.default is not None:
            values[name] = each.default
        else:
            values[name] = f"<{name}>"  # no operation takes it, so the page shows the operation with this in its place
    return values


# -- who, when, what it needs -----------------------------------------------------------------------------------------------
def _asked(safety: Safety) -> list[dict[str, Any]]:
    """What the example policy asks, made stricter by the runbook, and in which environments."""
    found: dict[str, list[str]] = {}
    for scope in safety.scopes:
        verdict = examples.POLICY["matrix"].get(scope, {}).get(safety.risk, "approve")
        if safety.requires_approval and verdict in ("auto", "confirm"):
            verdict = "approve"
        found.setdefault(verdict, []).append(scope)
    return [{"verdict": verdict, "environments": scopes} for verdict, scopes in found.items()]


def _limit(limit: Limit) -> dict[str, Any]:
    return {"max": limit.max, "per": limit.per, "window": limit.window, "env": limit.env}


def _parameter(name: str, each: Parameter) -> dict[str, str]:
    default = "" if each.default is None else str(each.default)
    return {"name": name, "accepts": describe(each), "default": default}


def _commands(runbook: Runbook) -> list[Sequence[str]]:
    given = [each for step in runbook.steps for each in (step.with_, *(undo.with_ for undo in step.rollback))]
    return [each["argv"] for each in given if isinstance(each.get("argv"), list | tuple)]


def _words(runbook: Runbook) -> list[str]:
    return [word for words in _commands(runbook) for word in words if isinstance(word, str)]


def _given(runbook: Runbook, action: str, key: str) -> list[str]:
    """What steps give as `key` to operations of that name: as written, or everything that people may choose."""
    found: dict[str, None] = {}
    for step in runbook.steps:
        value = step.with_.get(key) if step.action.startswith(action) else None
        name = reference(value) if isinstance(value, str) else None
        each = runbook.params.get(name) if name else None
        chosen = (value,) if each is None else each.values or (each.default,)
        found.update(dict.fromkeys(str(one) for one in chosen if one is not None))
    return list(found)


def _paths(runbook: Runbook, *, post: bool) -> list[str]:
    return _given(runbook, "http.post" if post else "http.get", "path")


def _facts(runbooks: Iterable[Runbook]) -> list[dict[str, Any]]:
    """Every fact that conditions and proofs ask for, with its kind and its fields."""
    found: dict[str, set[str]] = {}
    for runbook in runbooks:
        conditions = [runbook.match.when, *(c for step in runbook.steps for c in (step.when, step.precheck))]
        for condition in conditions:
            for name, field in _ASKED.findall(condition):
                found.setdefault(name, set()).add(field)
        for step in runbook.steps:
            if step.verify is not None:
                fields = _FIELD.findall(_TEXT.sub("", step.verify.expect))
                found.setdefault(step.verify.fact, set()).update(set(fields) - _WORDS_OF_CEL)
    return [{"name": name, "kind": _kind(name), "fields": sorted(fields)} for name, fields in sorted(found.items())]


def _kind(fact: str) -> str:
    kind = examples.FACT_KINDS.get(fact, fact)
    return kind if kind in _OWN_KINDS else "figures"


_OWN_KINDS = frozenset({"http", "supervisor", "supervisor_pool", "disk", "tcp", "process", "changes"})
