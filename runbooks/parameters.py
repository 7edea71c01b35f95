"""What people may fill in: closed parameter types, and placing values whole into a step (trust cases T30-T34).

Called by bot/stages/plan.py, which turns a ParameterError into a refusal, and by the loader. Must not put a value
inside a text: `${name}` stands for one whole argument or JSON value, so nothing a person typed is ever parsed again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runbooks import pattern
from runbooks.model import Parameter, Rollback, Runbook, Step
from runbooks.units import UnitError, seconds

Value = str | int


class ParameterError(ValueError):
    """A value that the runbook does not allow. name: the parameter; remedy: what would be accepted, one sentence."""

    def __init__(self, reason: str, *, name: str, remedy: str) -> None:
        super().__init__(f"{reason} {remedy}")
        self.reason = reason
        self.name = name
        self.remedy = remedy


def validate(runbook: Runbook, given: Mapping[str, object]) -> dict[str, Value]:
    """The value of every declared parameter. Raises ParameterError that names the first wrong one.

    given: name -> value as received. Nothing is converted: a number is not text, true is not 1, a look-alike letter is
    not the letter. A parameter that is not given takes its declared default; targets never have one.
    """
    for name in given:
        if name not in runbook.params:
            known = ", ".join(sorted(runbook.params)) or "none"
            raise ParameterError(
                f"{runbook.id} has no parameter {_quoted(name)}.", name=_quoted(name), remedy=f"Use only: {known}."
            )
    values: dict[str, Value] = {}
    for name, parameter in runbook.params.items():
        if name in given:
            value: object = given[name]
        elif parameter.default is not None and parameter.type != "target":
            value = parameter.default
        else:
            raise ParameterError(
                f"The parameter {name} of {runbook.id} is missing.", name=name, remedy=f"Give {describe(parameter)}."
            )
        accepted = accept(parameter, value)
        if accepted is None:
            raise ParameterError(
                f"The parameter {name} of {runbook.id} cannot be {_quoted(value)}.",
                name=name,
                remedy=f"Give {describe(parameter)}.",
            )
        values[name] = accepted
    return values


def accept(parameter: Parameter, value: object) -> Value | None:
    """The value when the parameter's type allows it, else None. A duration may be `90s` and becomes whole seconds."""
    if parameter.type == "integer":
        return value if type(value) is int and _within(parameter, value) else None
    if parameter.type == "duration":
        return _duration(parameter, value)
    if type(value) is not str:
        return None
    if parameter.type == "enum":
        return value if value in parameter.values and pattern.is_choice(value) else None
    if parameter.type == "target":
        return value if pattern.is_target_name(value) and value not in _NOT_NAMES else None
    return value if pattern.is_identifier(value) and value not in _NOT_NAMES else None


_NOT_NAMES = frozenset({"null", "none", "undefined", "all", "any", "None"})  # case T34: never "everything" by accident


def describe(parameter: Parameter) -> str:
    """The accepted values in words, for a refusal or a form."""
    match parameter.type:
        case "enum":
            return "one of " + ", ".join(parameter.values)
        case "integer":
            return f"a whole number from {parameter.min} to {parameter.max}"
        case "duration":
            return f"a duration from {parameter.min} to {parameter.max} seconds, such as 30s"
        case "target":
            return f"the name of a {parameter.kind} in the catalogue"
        case "identifier":
            return "a short name of a-z, 0-9, dot, dash and underscore that begins with a letter or digit"


def bind(what: Step | Rollback | Mapping[str, Any], parameters: Mapping[str, Value]) -> dict[str, Any]:
    """A `with`, each `${name}` replaced by the whole value; a new dict of new containers.

    what: a step, a rollback action, or its `with`. Raises ParameterError for a name without a value.
    """
    given = what if isinstance(what, Mapping) else what.with_
    return {key: _bind(item, parameters) for key, item in given.items()}


def reference(text: str) -> str | None:
    """The name in `${name}` when that is the whole text, else None."""
    if text.startswith("${") and text.endswith("}") and pattern.is_parameter_name(text[2:-1]):
        return text[2:-1]
    return None


def _bind(value: Any, parameters: Mapping[str, Value]) -> Any:
    if isinstance(value, Mapping):
        return {key: _bind(item, parameters) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_bind(item, parameters) for item in value]
    name = reference(value) if isinstance(value, str) else None
    if name is None:
        return value
    if name not in parameters:
        raise ParameterError(f"The parameter {name} has no value.", name=name, remedy="Give it one.")
    return parameters[name]


def _duration(parameter: Parameter, value: object) -> int | None:
    if type(value) is str:
        try:
            number = seconds(value)
        except UnitError:
            return None
        if number != int(number):
            return None
        value = int(number)
    return value if type(value) is int and _within(parameter, value) else None


def _within(parameter: Parameter, number: int) -> bool:
    if parameter.min is None or parameter.max is None:
        return False  # an integer without bounds is not a closed type; the loader refuses it too
    return parameter.min <= number <= parameter.max


def _quoted(value: object) -> str:
    """The offending value, escaped and cut, so that a refusal cannot carry the attack further (case T31)."""
    return ascii(value)[:60]
