"""Scenarios from YAML files: a whole one, or every mistake with its file, line, column and fix.

Called by bot/cli/gameday.py. Strict YAML (runbooks/strict.py), then the model, then what the model cannot know: whether
the parts fit together. Must not start anything; reading files is its job.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import re2
from pydantic import ValidationError

from bot.sandbox.gameday import sense
from bot.sandbox.gameday.scenario import Scenario
from bot.sandbox.gameday.sense import Mistake
from runbooks.folder import Problem, read_file
from runbooks.strict import Document, StrictError, parse
from runbooks.units import UnitError

SHIPPED = Path(__file__).parent / "scenarios"
_WORDS = {
    "extra_forbidden": ("{key} is not a known key.", "remove it or correct its spelling."),
    "missing": ("{key} is missing.", "write it."),
    "bool_type": ("{key} must be true or false.", "write true or false, without quotes."),
    "int_type": ("{key} must be a whole number.", "write a decimal number, without quotes."),
    "string_type": ("{key} must be text.", "put it in quotes."),
    "tuple_type": ("{key} must be a list.", "write [one, two]."),
    "dict_type": ("{key} must be a mapping.", "write it as `key: value` lines."),
    "model_type": ("{key} must be a mapping.", "write it as `key: value` lines."),
    "too_short": ("{key} is empty.", "write at least one."),
    "string_too_short": ("{key} is empty.", "write it."),
    "string_pattern_mismatch": ("{key} has characters that are not allowed.", "use a-z, 0-9 and dash."),
}
_KNOWN_PARTS = ("function-before", "function-after")
"""How pydantic's names of a converter begin; they are no keys of the file."""


class ScenarioError(ValueError):
    """A text that is no scenario. problems: every mistake found, in the order of the file; never empty."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def load_scenario(text: str, source: str) -> Scenario:
    """One scenario. source: the file's name, for messages. Raises ScenarioError, nothing else."""
    try:
        document = parse(text)
    except StrictError as error:
        raise ScenarioError([Problem(source, error.line, error.column, error.message, error.fix)]) from error
    if document.data is None:
        raise ScenarioError([Problem(source, 1, 1, "the file is empty.", "write a scenario (docs/gameday.md).")])
    if not isinstance(document.data, dict):
        raise ScenarioError([Problem(source, 1, 1, "a scenario is a mapping.", "begin with `id: ...`.")])
    if "source" in document.data:
        raise ScenarioError(
            _located(document, source, [Mistake(("source",), "source is not a known key.", "remove it.")])
        )
    try:
        # Through JSON, because there strict means strict: "yes" is no truth value and "5" is no number.
        scenario = Scenario.model_validate_json(json.dumps(document.data), strict=True)
    except ValidationError as error:
        raise ScenarioError(_located(document, source, _model_mistakes(error))) from error
    found = sense.mistakes(scenario)
    if found:
        raise ScenarioError(_located(document, source, found))
    return scenario.model_copy(update={"source": source})


def read_scenario(path: Path) -> Scenario:
    """The scenario in a file, and its runbooks beside it. Raises ScenarioError, nothing else."""
    try:
        found = read_file(path, path.parent.resolve())
    except OSError as error:  # such as a name that is too long
        found = Problem(str(path), 1, 1, f"cannot be read ({error.strerror}).", "correct the file's name.")
    if isinstance(found, Problem):
        raise ScenarioError([found])
    scenario = load_scenario(found[1], str(path))
    document = parse(found[1])
    missing = [
        Mistake(("setup", "runbooks", i), f"there is no file {name} beside the scenario.", "correct the name.")
        for i, name in enumerate(scenario.setup.runbooks)
        if not (path.parent / name).is_file()
    ]
    if missing:
        raise ScenarioError(_located(document, str(path), missing))
    return scenario


def shipped() -> list[Path]:
    """The files of the scenarios that come with the bot, in the order of their names."""
    return sorted(SHIPPED.glob("*.yaml"), key=_order)


def _order(path: Path) -> tuple[int, str]:
    """`x2-…` before `x10-…`; what is no worked example comes last."""
    found = re2.match(r"x([0-9]{1,2})-", path.stem)
    return (int(found.group(1)) if found else 99, path.stem)


def _model_mistakes(error: ValidationError) -> Iterator[Mistake]:
    places = [tuple(part for part in one["loc"] if not str(part).startswith(_KNOWN_PARTS)) for one in error.errors()]
    for one, path in zip(error.errors(include_url=False), places, strict=True):
        if one["type"] == "too_short" and any(other[: len(path)] == path != other for other in places):
            continue  # the list is only short because its items are wrong, and those are told by themselves
        key = _name(path)
        cause = (one.get("ctx") or {}).get("error")
        if isinstance(cause, UnitError):
            yield Mistake(path, f"{key}: {cause}", cause.fix)
            continue
        plain = one["msg"].removesuffix(".")
        message, fix = _WORDS.get(one["type"], ("{key}: " + plain.replace("{", "(").replace("}", ")") + ".", ""))
        yield Mistake(path, message.format(key=key), fix or "correct the value.")


def _name(path: tuple[int | str, ...]) -> str:
    """The last key in words: `rounds[1]` for an item of a list."""
    if not path:
        return "the scenario"
    if isinstance(path[-1], int) and len(path) > 1:
        return f"{path[-2]}[{path[-1]}]"
    return str(path[-1]).replace("{", "(").replace("}", ")")


def _located(document: Document, source: str, found: Iterable[Mistake]) -> list[Problem]:
    problems = []
    for mistake in found:
        place = document.nearest(mistake.path)
        problems.append(Problem(source, place.line, place.column, mistake.message, mistake.fix))
    return sorted(problems, key=lambda p: (p.line, p.column, p.message))
