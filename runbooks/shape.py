"""From what an author writes to what the model holds: durations, samples, `rollback: none`, the short form (R1, R2).

Called by runbooks/load.py between the strict YAML and the model. Collects every mistake with its path, so that one look
at the output mends the whole file. Must not check meaning: that is runbooks/sense.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from runbooks.spelling import did_you_mean
from runbooks.strict import Path
from runbooks.units import UnitError, percent, samples, seconds, wave

STEP_KEYS = ("expect", "safety", "verify", "rollback", "rollback_note", "irreversible", "deadline")
SHORT_KEYS = frozenset(
    {
        *("id", "title", "owner", "review_every", "description", "match", "command", "escalate"),
        *("meaning", "impact", "diagnosis", "waits_for", "tests"),
        *STEP_KEYS,
    }
)
MAX_WORDS = 64
METACHARACTERS = frozenset(";|&$`<>(){}[]*?~'\"\\!#^%")
KNOWN_COMMANDS: dict[tuple[str, ...], tuple[str, str]] = {
    ("redis-cli", "FLUSHDB"): ("redis.flush_database", "redis_database")
}
NOT_WRITTEN = ("source", "short_form")
NO_ROLLBACK = "none"


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong at a path of the file."""

    path: Path
    message: str
    fix: str


@dataclass(slots=True)
class Shaped:
    """data: ready for Runbook; short: whether it was the short form; mistakes: empty when all went well."""

    data: dict[str, Any]
    short: bool = False
    mistakes: list[Mistake] = field(default_factory=list)

    def wrong(self, path: Path, message: str, fix: str) -> None:
        """Note one mistake at a path of the shaped data."""
        self.mistakes.append(Mistake(original_path(path, short=self.short), message, fix))


def shape(data: Mapping[str, Any]) -> Shaped:
    """The model's data for a long or short runbook. Never raises; see Shaped.mistakes."""
    made = Shaped(dict(data), short="command" in data)
    for key in NOT_WRITTEN:
        if key in data:
            made.wrong((key,), f"{key} is not a key of a runbook.", "remove it.")
            del made.data[key]
    if "command" in data and "steps" in data:
        made.wrong(
            ("command",), "command and steps cannot stand together.", "move the command into a step, or drop steps."
        )
    elif "command" in data:
        _short(made)
    elif "steps" not in data:
        made.wrong(("steps",), "neither steps nor command.", "write steps (long form) or command (short form).")
    _common(made)
    steps = made.data.get("steps")
    if isinstance(steps, list):
        made.data["steps"] = [_step(made, step, ("steps", i)) for i, step in enumerate(steps)]
    return made


def original_path(path: Path, *, short: bool) -> Path:
    """Where a path of the shaped data was written: the step of the short form is the file itself."""
    if not short or path[:2] != ("steps", 0):
        return path
    return ("command",) if path[2:3] in (("with",), ("action",)) else path[2:]


def _common(made: Shaped) -> None:
    data = made.data
    _convert(made, data, "review_every", ("review_every",), seconds)
    params = data.get("params")
    if isinstance(params, dict):
        data["params"] = {name: _parameter(made, value, ("params", name)) for name, value in params.items()}


def _parameter(made: Shaped, value: Any, path: Path) -> Any:
    if not isinstance(value, dict) or value.get("type") != "duration":
        return value
    value = dict(value)
    for key in ("min", "max", "default"):
        _convert(made, value, key, (*path, key), _whole_seconds)
    return value


def _whole_seconds(text: object) -> int:
    number = seconds(text)
    if number != int(number):
        raise UnitError(f"{ascii(text)[:60]} is not a whole number of seconds.", "write for example 30s.")
    return int(number)


def _step(made: Shaped, step: Any, path: Path) -> Any:
    if not isinstance(step, dict):
        return step
    step = dict(step)
    _refuse_field_name(made, step, path)
    _convert(made, step, "deadline", (*path, "deadline"), seconds)
    _convert(made, step, "increments", (*path, "increments"), percent)
    if step.get("waves") == []:
        made.wrong((*path, "waves"), "waves is empty.", "write [1, 25%, rest], or drop it; empty never means all.")
    if isinstance(step.get("waves"), list):
        step["waves"] = [_wave(made, size, (*path, "waves", i)) for i, size in enumerate(step["waves"])]
    if isinstance(step.get("verify"), dict):
        step["verify"] = _verify(made, dict(step["verify"]), (*path, "verify"))
    if "rollback" in step:
        _rollback(made, step, path)
    if isinstance(step.get("safety"), dict):
        step["safety"] = _safety(made, dict(step["safety"]), (*path, "safety"))
    return step


def _wave(made: Shaped, written: Any, path: Path) -> str:
    """`1`, `25%` or `rest` as the model keeps it: text, so that all three are one type."""
    try:
        return wave(written)
    except UnitError as error:
        made.wrong(path, str(error), error.fix)
        return "1"  # a stand-in, as in _convert


def _rollback(made: Shaped, step: dict[str, Any], path: Path) -> None:
    """`none` is kept as a note, so that saying it and forgetting it stay two different things (mission R3)."""
    rollback = step["rollback"]
    if rollback == "none":
        step["rollback"] = []
        step.setdefault("rollback_note", NO_ROLLBACK)
    elif not isinstance(rollback, list) or not rollback:
        made.wrong(
            (*path, "rollback"),
            "rollback is neither none nor a list of actions.",
            "write `rollback: none` or `rollback: [{action: ..., with: {...}}]`.",
        )
        step["rollback"] = []
    else:
        for i, action in enumerate(rollback):
            if isinstance(action, dict):
                _refuse_field_name(made, action, (*path, "rollback", i))


def _refuse_field_name(made: Shaped, data: dict[str, Any], path: Path) -> None:
    """The model's own spelling of `with` is no second spelling for authors."""
    if "with_" in data:
        made.wrong((*path, "with_"), "with_ is not a key.", "write `with`.")


def _verify(made: Shaped, verify: dict[str, Any], path: Path) -> dict[str, Any]:
    for key in ("required", "of"):
        if key in verify:
            made.wrong((*path, key), f"{key} is not written alone.", "write `samples: 3 of 4`.")
            del verify[key]
    for key in ("within", "every"):
        _convert(made, verify, key, (*path, key), seconds)
    if "samples" in verify:
        try:
            verify["required"], verify["of"] = samples(verify.pop("samples"))
        except UnitError as error:
            made.wrong((*path, "samples"), str(error), error.fix)
    return verify


def _safety(made: Shaped, safety: dict[str, Any], path: Path) -> dict[str, Any]:
    limits = safety.get("limits")
    if isinstance(limits, list):
        safety["limits"] = [dict(limit) if isinstance(limit, dict) else limit for limit in limits]
        for i, limit in enumerate(safety["limits"]):
            if isinstance(limit, dict):
                _convert(made, limit, "window", (*path, "limits", i, "window"), seconds)
    return safety


def _convert(made: Shaped, data: dict[str, Any], key: str, path: Path, read: Callable[[object], float]) -> None:
    if key not in data:
        return
    try:
        data[key] = read(data[key])
    except UnitError as error:
        made.wrong(path, str(error), error.fix)
        data[key] = 1  # a stand-in, so that the model does not report the same key a second time


def _short(made: Shaped) -> None:
    """The short form: one command becomes one step on one target."""
    data = made.data
    for key in [key for key in data if key not in SHORT_KEYS]:
        fix = did_you_mean(key, SHORT_KEYS) or "remove it, or write the long form with steps."
        made.wrong((key,), f"{key} is not a key of the short form.", fix)
        del data[key]
    words = _words(made, data.pop("command"))
    action, kind = KNOWN_COMMANDS.get(tuple(words), ("command.run", "command_host"))
    given: dict[str, Any] = {"target": "${target}"}
    if action == "command.run":
        given["argv"] = words
    step: dict[str, Any] = {"id": "run", "action": action, "with": given}
    for key in STEP_KEYS:
        if key in data:
            step[key] = data.pop(key)
    if "safety" not in step:
        made.wrong(("command",), "the short form needs safety.scopes.", 'write `safety: {scopes: ["staging"]}`.')
    name = data.get("id")
    if "title" not in data and isinstance(name, str):
        data["title"] = name.replace("-", " ").capitalize()
    step["title"] = data.get("title", "") if isinstance(data.get("title"), str) else ""
    data["params"] = {"target": {"type": "target", "kind": kind}}
    data["steps"] = [step]
    data["short_form"] = True


def _words(made: Shaped, command: Any) -> list[str]:
    """The plain words of a command. There is no quoting: what needs a shell cannot be written (trust rule 1, T30)."""
    fix = (
        "write plain words; for anything else use the long form with an operation, or `command.run` with an argv list."
    )
    if not isinstance(command, str) or not command.strip(" "):
        made.wrong(("command",), "command is not a text of plain words.", fix)
        return []
    bad = sorted({c for c in command if c in METACHARACTERS or not c.isascii() or (c != " " and not c.isprintable())})
    if bad:
        shown = " ".join(ascii(c)[1:-1] for c in bad)
        made.wrong(("command",), f"the command contains {shown}, and no shell reads it.", fix)
        return []
    words = command.split()
    if len(words) > MAX_WORDS or not words[0][0].isalnum():
        made.wrong(("command",), f"a command is a program name and at most {MAX_WORDS - 1} words.", fix)
        return []
    return words
