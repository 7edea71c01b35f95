"""Does a well-formed runbook make sense: conditions compile, patterns are RE2, parameters are closed and used whole.

Called by runbooks/load.py after the model accepted the data. One function per part, each yields Mistakes. What only CI
needs to complain about is in runbooks/lint. Must not know which operations or facts exist.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from runbooks import cases, expression, pattern
from runbooks.model import MEMBERS, SIZE, Match, Parameter, Runbook, Safety, Step, Verify
from runbooks.parameters import accept, describe, reference
from runbooks.shape import Mistake
from runbooks.strict import Path
from runbooks.units import REST

LOWER_ENVIRONMENTS = frozenset({"dev", "staging"})
_FIELDS = {
    "target": ("kind",),
    "enum": ("values", "default"),
    "integer": ("min", "max", "default"),
    "duration": ("min", "max", "default"),
    "identifier": ("default",),
}


def mistakes(runbook: Runbook) -> Iterator[Mistake]:
    """Everything that cannot be right in this runbook, each with its path."""
    yield from _match(runbook.match)
    for i, adapter in enumerate(runbook.waits_for):
        if not pattern.is_identifier(adapter):
            yield Mistake(
                ("waits_for", i),
                f"{ascii(adapter)[:60]} is not the name of an adapter.",
                "write for example kubernetes.",
            )
        elif adapter in runbook.waits_for[:i]:
            yield Mistake(("waits_for", i), f"{adapter} stands twice.", "keep one.")
    for name, parameter in runbook.params.items():
        yield from _parameter(name, parameter)
    seen: set[str] = set()
    for i, step in enumerate(runbook.steps):
        here = ("steps", i)
        if step.id in seen:
            yield Mistake((*here, "id"), f"the step id {step.id} is used twice.", "give each step its own id.")
        seen.add(step.id)
        yield from _step(runbook, step, here)
        yield from _increments(runbook, step, here)
        yield from _waves(runbook, step, here)
        yield from _on_failure(step, here)
    if runbook.short_form:
        yield from _short(runbook.steps[0])
    yield from cases.mistakes(runbook)


def _match(match: Match) -> Iterator[Mistake]:
    yield from _condition(match.when, ("match", "when"))
    for i, phrase in enumerate(match.symptoms):
        if not phrase.strip():
            yield Mistake(("match", "symptoms", i), "an empty symptom.", "remove it.")
    for i, signature in enumerate(match.signatures):
        here: Path = ("match", "signatures", i)
        try:
            anything = pattern.matches_anything(signature)
        except pattern.PatternError as error:
            yield Mistake(here, f"the signature is wrong: {error}", "write an RE2 pattern.")
        else:
            if anything:  # it would recognise every alert there is
                yield Mistake(here, f"{ascii(signature)[:60]} fits any text.", "write what only this error says.")


def _on_failure(step: Step, here: Path) -> Iterator[Mistake]:
    """Going on after a failure is for looking. That the action only reads is asked where operations are known."""
    if step.on_failure == "continue" and (
        step.rollback or step.irreversible or step.waves or step.increments is not None
    ):
        yield Mistake(
            (*here, "on_failure"), "a change that failed is not passed over.", "drop on_failure: only a look may fail."
        )


def _waves(runbook: Runbook, step: Step, here: Path) -> Iterator[Mistake]:
    """Every wave is proved before the next, `rest` ends them, and they choose the members by themselves."""
    if not step.waves:
        return
    path = (*here, "waves")
    for i, size in enumerate(step.waves[:-1]):
        if size == REST:
            yield Mistake((*path, i), "after rest there is nothing left.", "put rest last.")
    if step.verify is None:
        yield Mistake(path, "waves without a proof after each.", "add verify, or drop waves.")
    if step.increments is not None:
        yield Mistake(path, "waves and increments cannot stand together.", "keep one of the two.")
    if MEMBERS in step.with_:
        yield Mistake(path, f"waves choose the members, and {MEMBERS} names them.", "keep one of the two.")
    yield from _numbered(runbook, step, path, "waves")


def _numbered(runbook: Runbook, step: Step, path: Path, parts: str) -> Iterator[Mistake]:
    """Parts of a step are called `<step>-1`, `<step>-2`; no other step may be."""
    for other in runbook.steps:
        if other.id.startswith(f"{step.id}-") and other.id.removeprefix(f"{step.id}-").isdecimal():
            yield Mistake(path, f"its {parts} would be called like the step {other.id}.", "rename one.")


def _increments(runbook: Runbook, step: Step, here: Path) -> Iterator[Mistake]:
    """Only a change of size has increments; each is proved, and takes the step's name and a number."""
    if step.increments is None:
        return
    path = (*here, "increments")
    if SIZE not in step.with_:
        yield Mistake(
            path, "increments of something that has no size.", f"give `{SIZE}` under with, or drop increments."
        )
    if step.verify is None:
        yield Mistake(path, "increments without a proof after each.", "add verify, or drop increments.")
    yield from _numbered(runbook, step, path, "increments")


def _action(name: str, here: Path) -> Iterator[Mistake]:
    """Whether it could be the name of an operation; whether there is such a one is asked where operations are known."""
    if not pattern.is_operation(name):
        yield Mistake(
            (*here, "action"),
            f"{ascii(name)[:60]} is not the name of an operation.",
            "write one, such as supervisor.restart.",
        )


def _step(runbook: Runbook, step: Step, here: Path) -> Iterator[Mistake]:
    yield from _action(step.action, here)
    yield from _condition(step.when, (*here, "when"))
    yield from _condition(step.precheck, (*here, "precheck"))
    for i, expected in enumerate(step.expect):
        try:
            pattern.check(expected.pattern)
        except pattern.PatternError as error:
            yield Mistake((*here, "expect", i, "pattern"), f"the pattern is wrong: {error}", "write an RE2 pattern.")
    if step.verify is not None:
        yield from _verify(step.verify, (*here, "verify"))
    if step.safety is not None:
        yield from _safety(step.safety, (*here, "safety"))
    if step.irreversible and step.rollback:
        yield Mistake((*here, "irreversible"), "irreversible, and yet with a rollback.", "keep one of the two.")
    yield from _given(runbook, step.with_, (*here, "with"))
    for i, undo in enumerate(step.rollback):
        yield from _action(undo.action, (*here, "rollback", i))
        yield from _given(runbook, undo.with_, (*here, "rollback", i, "with"))


def _condition(text: str, path: Path) -> Iterator[Mistake]:
    if not text:
        return
    try:
        expression.check(text)
    except expression.ExpressionError as error:
        yield Mistake(path, f"the condition is wrong: {error}", "write a CEL condition that is true or false.")


def _verify(verify: Verify, here: Path) -> Iterator[Mistake]:
    if not verify.expect:
        yield Mistake((*here, "expect"), "verify without a condition.", 'write for example expect: "status == 200".')
    yield from _condition(verify.expect, (*here, "expect"))
    if not pattern.is_identifier(verify.fact):
        yield Mistake((*here, "fact"), "not the name of a fact.", "write the name of one fact, such as health.")
    needed = (verify.required - 1) * verify.every
    if needed > verify.within:
        yield Mistake(
            (*here, "within"),
            f"{verify.required} samples every {verify.every:g} s take {needed:g} s, longer than {verify.within:g} s.",
            "allow more time, or fewer samples.",
        )


def _safety(safety: Safety, here: Path) -> Iterator[Mistake]:
    for i, scope in enumerate(safety.scopes):
        if not pattern.is_environment(scope) or scope in ("all", "any"):
            yield Mistake((*here, "scopes", i), f"{scope!a} is not one environment.", "name each environment.")
        elif scope in safety.scopes[:i]:
            yield Mistake((*here, "scopes", i), f"{scope} stands twice.", "keep one.")
    for i, limit in enumerate(safety.limits):
        if limit.env and limit.env not in safety.scopes:
            yield Mistake(
                (*here, "limits", i, "env"), f"{limit.env} is not one of the scopes.", "limit an environment in scopes."
            )


def _short(step: Step) -> Iterator[Mistake]:
    """Without a word about undoing it, a one-line action stays below production."""
    stated = bool(step.rollback or step.rollback_note or step.irreversible)
    above = sorted(set(step.safety.scopes) - LOWER_ENVIRONMENTS) if step.safety else []
    if above and not stated:
        yield Mistake(
            ("steps", 0, "safety", "scopes"),
            f"a short form without rollback cannot have the scope {', '.join(above)}.",
            "keep dev and staging, or say `rollback: none`, `rollback: [...]` or `irreversible: true`.",
        )


def _parameter(name: str, parameter: Parameter) -> Iterator[Mistake]:
    here: Path = ("params", name)
    if not pattern.is_parameter_name(name):
        yield Mistake(here, f"{name!a} is not a parameter name.", "use a-z, 0-9 and _, beginning with a letter.")
    for key in sorted(parameter.model_fields_set - {"type"} - set(_FIELDS[parameter.type])):
        yield Mistake((*here, key), f"{key} means nothing for the type {parameter.type}.", "remove it.")
    if parameter.type == "target" and not parameter.kind:
        yield Mistake(here, "a target without a kind.", "write `kind: supervisor_program`, or the like.")
    if parameter.type == "enum":
        yield from _enum(parameter, here)
    if parameter.type in ("integer", "duration"):
        low, high = parameter.min, parameter.max
        if low is None or high is None or low > high:
            yield Mistake(
                here, f"the type {parameter.type} needs min and max, min first.", "write for example min: 1, max: 30."
            )
            return
        if parameter.type == "duration" and low < 0:
            yield Mistake((*here, "min"), "a duration cannot be negative.", "begin at 0s or more.")
    if parameter.type != "target" and parameter.default is not None and accept(parameter, parameter.default) is None:
        yield Mistake((*here, "default"), "the default is not an allowed value.", f"write {describe(parameter)}.")


def _enum(parameter: Parameter, here: Path) -> Iterator[Mistake]:
    if not parameter.values:
        yield Mistake(here, "an enum without values.", "write `values: [...]`.")
    for i, value in enumerate(parameter.values):
        if not pattern.is_choice(value):
            yield Mistake(
                (*here, "values", i),
                f"{ascii(value)[:60]} cannot be offered.",
                "begin with a letter or digit, then letters, digits and ._:/+-",
            )
        elif value in parameter.values[:i]:
            yield Mistake((*here, "values", i), f"{value} stands twice.", "keep one.")


def _given(runbook: Runbook, value: Any, here: Path) -> Iterator[Mistake]:
    """`${name}` must be a whole value and a declared parameter; anything else would build text that is parsed again."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if "${" in key:
                yield Mistake((*here, key), "a parameter in the place of a key.", "use it as a value.")
            yield from _given(runbook, item, (*here, key))
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from _given(runbook, item, (*here, i))
    elif isinstance(value, str) and "${" in value:
        name = reference(value)
        if name is None:
            yield Mistake(
                here, f"{ascii(value)[:60]} puts a parameter inside a text.", 'use it as a whole value: "${name}".'
            )
        elif name not in runbook.params:
            yield Mistake(here, f"there is no parameter {name}.", f"declare {name} under params.")
