"""Parameters: closed types, nothing converted, values placed whole."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbooks.model import Parameter, Runbook, Step
from runbooks.parameters import ParameterError, accept, bind, validate

TARGET = Parameter(type="target", kind="supervisor_program")
NAME = Parameter(type="identifier")
COUNT = Parameter(type="integer", min=1, max=100)
LEVEL = Parameter(type="enum", values=("low", "high"))
WAIT = Parameter(type="duration", min=10, max=60)

SHELL = ["; rm -rf /", "$(id)", "`id`", "a|b", "a&&b", "a b", "a'b", 'a"b', "${target}", "{{ 7*7 }}"]
HIDDEN = ["a\x00b", "a\nb", "a\n", "\x1b[31m", "a\u202eb", "a\u200bb", "\ufeffa"]
LOOKALIKE = ["w\u0435b-1", "\uff57\uff45\uff42", "\u0661", "we\u0301b"]
TRICKS = ["--all", "-rf", "@file", "a=b", ".hidden", "../etc", "/etc"]
NOTHING = ["", " ", "*", "null", "none", "all", None, True, False, 0, 5, 1.0, [], {}]


@pytest.mark.parametrize("value", SHELL)
@pytest.mark.parametrize("parameter", [TARGET, NAME, LEVEL])
def test_T30_shell_syntax_is_refused(parameter: Parameter, value: str) -> None:
    assert accept(parameter, value) is None


@pytest.mark.parametrize("value", HIDDEN)
@pytest.mark.parametrize("parameter", [TARGET, NAME, LEVEL])
def test_T31_hidden_characters_are_refused(parameter: Parameter, value: str) -> None:
    assert accept(parameter, value) is None


@pytest.mark.parametrize("value", LOOKALIKE)
@pytest.mark.parametrize("parameter", [TARGET, NAME, LEVEL])
def test_T32_confusables_are_refused_not_normalised(parameter: Parameter, value: str) -> None:
    assert accept(parameter, value) is None


@pytest.mark.parametrize("value", TRICKS)
@pytest.mark.parametrize("parameter", [TARGET, NAME, LEVEL])
def test_T33_leading_dashes_and_file_tricks_are_refused(parameter: Parameter, value: str) -> None:
    assert accept(parameter, value) is None


@pytest.mark.parametrize("value", NOTHING)
@pytest.mark.parametrize("parameter", [TARGET, NAME, LEVEL])
def test_T34_empty_wildcards_and_other_types_are_refused(parameter: Parameter, value: object) -> None:
    assert accept(parameter, value) is None


@pytest.mark.parametrize("value", [0, -1, 10**9, True, "5", 5.0, None, "", "*"])
def test_T34_integers_are_strict_and_bounded(value: object) -> None:
    assert accept(COUNT, value) is None
    assert accept(COUNT, 5) == 5


@pytest.mark.parametrize("value", ["9s", "61s", "2h", "30", True, 5, "30s\n", "1500ms", -30])
def test_T34_durations_are_strict_and_bounded(value: object) -> None:
    assert accept(WAIT, value) is None
    assert accept(WAIT, "30s") == 30
    assert accept(WAIT, 45) == 45


def test_T34_an_integer_without_bounds_accepts_nothing() -> None:
    assert accept(Parameter(type="integer"), 5) is None


def test_T32_validate_names_the_parameter_and_escapes_the_value(make: Callable[..., Runbook]) -> None:
    with pytest.raises(ParameterError) as caught:
        validate(make(), {"target": "w\u0435b\x1b[31m"})
    assert caught.value.name == "target"
    assert str(caught.value).isascii()
    assert "\x1b" not in str(caught.value)


def test_T34_a_target_is_never_defaulted(make: Callable[..., Runbook]) -> None:
    with pytest.raises(ParameterError, match="target of demo is missing"):
        validate(make(), {})
    assert validate(make(), {"target": "web-1"}) == {"target": "web-1", "lines": 50}


def test_unknown_parameters_are_refused(make: Callable[..., Runbook]) -> None:
    with pytest.raises(ParameterError, match="has no parameter"):
        validate(make(), {"target": "web-1", "force": True})


def test_bind_replaces_whole_values_and_keeps_the_runbook(make: Callable[..., Runbook]) -> None:
    runbook = make()
    assert bind(runbook.steps[0], {"target": "web-1", "lines": 7}) == {"target": "web-1", "lines": 7}
    assert bind(runbook.steps[0].with_, {"target": "web-1", "lines": 7}) == {"target": "web-1", "lines": 7}
    assert runbook.steps[0].with_["target"] == "${target}"
    with pytest.raises(ParameterError, match="has no value"):
        bind(runbook.steps[0], {"target": "web-1"})


@given(st.text(), st.lists(st.sampled_from(["${a}", "x", "--", "a ${a}", "$a", "${a}${a}", "${A}"]), max_size=6))
def test_T30_bind_never_splits_joins_or_reparses_an_argument(value: str, argv: list[str]) -> None:
    step = Step.model_validate({"id": "one", "action": "command.run", "with": {"argv": argv}})
    bound = bind(step, {"a": value})["argv"]
    assert bound == [value if word == "${a}" else word for word in argv]
