from __future__ import annotations

from trust.saboteur import B1
from trust.saboteurs_asking import SABOTEURS

RULES = {"autonomy", "exclusive", "kill_switch", "known_environment", "matrix", "require_role", "scopes", "standing"}


def test_every_rule_of_these_has_a_saboteur_and_the_oracle_is_the_gate() -> None:
    files = {each.file.removeprefix("guards/").removesuffix(".py") for each in SABOTEURS}
    assert files >= RULES
    # what a valid policy cannot say is out of the oracle's reach, and so are decorators that only operations carry
    assert [each.name for each in SABOTEURS if each.gate != B1] == [
        "matrix: the risk forbidden is a matter of the file",
        "allowed envs: one that is not listed will do",
        "forbidden: it is only asked about",
    ]
