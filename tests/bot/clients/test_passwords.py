"""Passwords of targets: by the name of their variable, at the moment they are needed."""

from __future__ import annotations

import pytest

from bot.clients.passwords import password
from bot.errors import Permanent


def test_no_variable_means_no_password_and_nothing_is_read() -> None:
    def never(name: str) -> str:
        raise AssertionError(name)

    assert password(never, "", "Redis'") == ""


def test_the_variable_is_read_when_it_is_asked_for() -> None:
    held = {"REDIS_PASSWORD": "first"}
    assert password(lambda name: held.get(name, ""), "REDIS_PASSWORD", "Redis'") == "first"
    held["REDIS_PASSWORD"] = "second"
    assert password(lambda name: held.get(name, ""), "REDIS_PASSWORD", "Redis'") == "second"


def test_a_variable_that_is_named_and_not_set_is_an_error_that_names_it() -> None:
    with pytest.raises(Permanent, match="REDIS_PASSWORD for Redis' password is not set"):
        password(lambda _: "", "REDIS_PASSWORD", "Redis'")
