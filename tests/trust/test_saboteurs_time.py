from __future__ import annotations

from trust.saboteur import B1
from trust.saboteurs_time import SABOTEURS

RULES = {"change_window", "circuit_breaker", "freeze", "rate_limit"}


def test_every_rule_of_these_has_a_saboteur_and_the_oracle_is_the_gate() -> None:
    files = {each.file.removeprefix("guards/").removesuffix(".py") for each in SABOTEURS}
    assert files >= RULES
    assert {each.gate for each in SABOTEURS} == {B1}
