"""Settings of facts: closed and strict, and a mistake names its key."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import Field

from bot.errors import Permanent
from bot.facts.settings import VARIABLE_NAME, FactSettings, settings_of


class Example(FactSettings):
    """Settings of an invented fact."""

    url: str
    port: int = 80
    password_env: str = Field(default="", pattern=VARIABLE_NAME)


def test_deadline_belongs_to_gather_and_is_left_out() -> None:
    assert settings_of(Example, {"url": "x", "deadline": 2}) == Example(url="x")


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({}, "url"),
        ({"url": 1}, "url"),
        ({"url": "x", "port": "80"}, "port"),
        ({"url": "x", "port": True}, "port"),
        ({"url": "x", "prot": 80}, "prot"),
        ({"url": "x", "password_env": "secret itself"}, "password_env"),
        ({"url": "x", "password_env": "A\n"}, "password_env"),
    ],
)
def test_a_mistake_is_permanent_and_names_its_key(settings: dict[str, Any], place: str) -> None:
    with pytest.raises(Permanent, match=rf"services\.yaml: {place}: "):
        settings_of(Example, settings)
