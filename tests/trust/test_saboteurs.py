from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from trust.saboteur import B1, Saboteur
from trust.saboteurs import SABOTEURS, apply, named

ROOT = Path(__file__).resolve().parents[2]


def test_there_are_at_least_forty_and_each_has_a_name_of_its_own() -> None:
    assert len(SABOTEURS) >= 40
    assert max(Counter(each.name for each in SABOTEURS).values()) == 1


@pytest.mark.parametrize("saboteur", SABOTEURS, ids=lambda each: each.name)
def test_a_saboteur_knows_the_source_as_it_is(saboteur: Saboteur) -> None:
    text = (ROOT / saboteur.file).read_text(encoding="utf-8")
    assert text.count(saboteur.old) == 1
    compile(text.replace(saboteur.old, saboteur.new), saboteur.file, "exec")
    for gate in saboteur.gate:
        assert (ROOT / gate.partition("::")[0]).is_file()


# What each bar of reference/trust.md must catch, by the gate of that bar.
MUST_CATCH = {
    "b2": ("the unique index of votes is dropped",),
    "b5": ("transactions read before they take the write lock",),
    "b6": ("the digest leaves out the request", "the digest leaves out the target"),
    "b16": ("the file is looked at once, at the start", "the last look before the act is left out"),
    "b17": ("freezes are looked at only at plan time", "a restart forgets open breakers"),
}


@pytest.mark.parametrize(("claim", "names"), MUST_CATCH.items(), ids=MUST_CATCH)
def test_what_a_bar_must_catch_is_there_with_its_own_gate(claim: str, names: tuple[str, ...]) -> None:
    assert {named(name).gate for name in names} == {(f"tests/trust/test_{claim}.py",)}


def test_every_rule_has_a_saboteur() -> None:
    rules = {path for path in (ROOT / "guards").glob("*.py") if "    rule: ClassVar[str]" in path.read_text("utf-8")}
    assert sorted(path.stem for path in rules - {ROOT / each.file for each in SABOTEURS}) == []
    assert len({each.file for each in SABOTEURS if each.gate == B1}) > len(rules) - 2


def test_a_change_is_made_once_or_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("x = 1\ny = 1\n")
    apply(Saboteur("a", "a.py", "x = 1", "x = 2"), tmp_path)
    assert file.read_text() == "x = 2\ny = 1\n"
    with pytest.raises(ValueError, match="0 times"):
        apply(Saboteur("a", "a.py", "x = 1", "x = 2"), tmp_path)
    file.write_text("x = 1\nx = 1\n")
    with pytest.raises(ValueError, match="2 times"):
        apply(Saboteur("a", "a.py", "x = 1", "x = 2"), tmp_path)


def test_saboteurs_are_found_by_name() -> None:
    assert named(SABOTEURS[0].name) is SABOTEURS[0]
    with pytest.raises(ValueError, match="nobody"):
        named("nobody")
