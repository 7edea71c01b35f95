"""Lint rules about what an action is given: its operation takes these parameters, and every value that people may choose.

Called by runbooks/lint. The operation's own model decides, the same that decides when a plan is made; must not know which
operations there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from runbooks.lint.finding import Finding
from runbooks.lint.rule import rule
from runbooks.lint.subject import Action, Subject
from runbooks.model import MEMBERS, Parameter, Runbook
from runbooks.parameters import reference
from runbooks.spelling import did_you_mean

_STEP = """
steps:
  - id: look
    action: supervisor.tail_log
"""


@rule(
    "wrong-parameter",
    "error",
    why="The operation refuses it when the plan is made, and that is in the middle of an incident.",
    bad=_STEP + '    with: {target: "${target}", line: 50}\n',
    good=_STEP + '    with: {target: "${target}", lines: 50}\n',
)
def wrong_parameter(subject: Subject) -> Iterator[Finding]:
    """An action is given a parameter that its operation does not take, lacks one, or may be given a value out of bounds."""
    for action in subject.actions:
        model = action.operation.parameters if action.operation is not None else None
        if model is None:
            continue
        told: set[str] = set()
        for given in _samples(subject.runbook, action):
            try:
                model.model_validate(given)
            except ValidationError as error:
                for one in error.errors(include_url=False, include_context=False):
                    key = str(one["loc"][0]) if one["loc"] else ""
                    if key not in told:
                        told.add(key)
                        yield _finding(action, model, key, one["type"], one["msg"], given.get(key))


def _samples(runbook: Runbook, action: Action) -> Iterator[dict[str, Any]]:
    """What the operation could be given: with every parameter at its least, and at its most."""
    written = {key: value for key, value in action.given.items() if key != "target"}
    step = runbook.steps[action.path[1]] if isinstance(action.path[1], int) and len(action.path) == 2 else None
    if step is not None and step.waves:
        written.setdefault(MEMBERS, ["group:member"])
    least, most = (_sample(runbook, written, largest=largest) for largest in (False, True))
    yield least
    if most != least:
        yield most


def _sample(runbook: Runbook, value: Any, *, largest: bool) -> Any:
    if isinstance(value, Mapping):
        return {key: _sample(runbook, item, largest=largest) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_sample(runbook, item, largest=largest) for item in value]
    name = reference(value) if isinstance(value, str) else None
    parameter = runbook.params.get(name) if name else None
    return value if parameter is None else _value(parameter, largest=largest)


def _value(parameter: Parameter, *, largest: bool) -> str | int | None:
    if parameter.type in ("integer", "duration"):
        return parameter.max if largest else parameter.min
    if parameter.type == "enum":
        return parameter.values[-1 if largest else 0]
    return "example"


def _finding(action: Action, model: type[BaseModel], key: str, kind: str, told: str, given: Any) -> Finding:
    path = (*action.path, "with", key) if key in action.given else (*action.path, "with")
    known = (*model.model_fields, "target")
    if kind == "extra_forbidden":
        fix = did_you_mean(key, known) or f"it takes {', '.join(sorted(known))}."
        return Finding("wrong-parameter", "error", f"{action.name} takes no {key}.", fix, path)
    if kind == "missing":
        return Finding("wrong-parameter", "error", f"{action.name} needs {key}.", f"write {key} under with.", path)
    words = told.removeprefix("Value error, ").replace("Input should be", "it should be")
    return Finding(
        "wrong-parameter",
        "error",
        f"{action.name} cannot take {key} {ascii(given)[:40]}: {words}.",
        "correct the value or its bounds.",
        path,
    )
