"""guards/allowed_envs.py."""

from __future__ import annotations

import pytest

import guards
from guards.testing import frozen


@pytest.mark.parametrize(
    ("environment", "code"),
    [
        ("dev", None),
        ("staging", None),
        ("prod", "wrong_environment"),
        ("DEV", "wrong_environment"),
        ("dev ", "wrong_environment"),
        ("dеv", "wrong_environment"),
        ("*", "wrong_environment"),
        ("", "missing_context"),
        (None, "missing_context"),
    ],
)
def test_T35_only_the_listed_environments(environment: str, code: str | None) -> None:
    decision = guards.explain(
        guards.allowed_envs(["staging", "dev"])(lambda: 1), frozen(environment=environment, targets=())
    )
    assert [d.code for d in decision.denials] == ([code] if code else [])
    assert decision.trace[0].inputs == {"environment": environment, "envs": ("dev", "staging")}


@pytest.mark.parametrize("wrong", [[], ["*"], ["dev", "*"], [""]])
def test_T10_T34_empty_and_wildcard_are_errors_at_decoration(wrong: list[str]) -> None:
    with pytest.raises(ValueError, match="allowed_envs"):
        guards.allowed_envs(wrong)
    with pytest.raises(ValueError, match="allowed_envs"):
        guards.AllowedEnvs(tuple(wrong))


def test_a_bare_string_is_an_error() -> None:
    with pytest.raises(TypeError):
        guards.allowed_envs("dev")


def test_order_of_the_list_does_not_matter() -> None:
    assert guards.AllowedEnvs(("a", "b")) == guards.AllowedEnvs(("b", "a"))
