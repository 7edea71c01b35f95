"""Facts on the command line and in files."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import ConfigurationError
from bot.simulation.given import as_options, facts_from, given_facts, parse_facts


def test_values_are_json_where_they_are_json() -> None:
    texts = ["health.status=503", "health.ok=false", "state.state=EXITED", 'pool={"running": 2}', 'pool.names=["a"]']
    assert parse_facts([*texts, "deep.a.b=x=y"]) == {
        "health": {"status": 503, "ok": False},
        "state": {"state": "EXITED"},
        "pool": {"running": 2, "names": ["a"]},
        "deep": {"a": {"b": "x=y"}},
    }


@pytest.mark.parametrize("text", ["health", "health=503", "=1", ".a=1", "a.=1", "a.b.c.d.e.f=1", ""])
def test_what_is_no_fact_is_told_with_how_to_write_one(text: str) -> None:
    with pytest.raises(ConfigurationError, match="--fact"):
        parse_facts([text])


@pytest.mark.parametrize(
    "text",
    [
        "a.b=NaN",
        "a.b=1e999",
        "a.b=99999999999999999999",
        'a.b="\\ud800"',
        "a b.c=1",
        "a\x1b[31m.c=1",
        "é.c=1",
        f"a.b={'x' * 300_000}",
    ],
)
def test_what_the_bot_could_not_keep_is_refused_without_echoing_it(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_facts([text])
    said = str(caught.value)
    assert said.isascii() and said.isprintable() and len(said) < 400


def test_a_field_below_a_value_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="goes below a value"):
        parse_facts(["a.b=1", "a.b.c=2"])


def test_a_file_holds_a_mapping_of_mappings(tmp_path: Path) -> None:
    file = tmp_path / "facts.yaml"
    file.write_text("health: {status: 503}\n")
    assert facts_from(file) == {"health": {"status": 503}}
    file.write_text('{"health": {"status": 500}}')
    assert facts_from(file) == {"health": {"status": 500}}
    file.write_text("health: 503\n")
    with pytest.raises(ConfigurationError, match="health"):
        facts_from(file)


def test_a_hint_can_be_copied_into_a_shell() -> None:
    facts = {"health": {"status": 503}, "state": {"state": "it's $HOME"}, "pool": {"names": ["a", "b"]}}
    assert as_options(facts) == (
        "--fact health.status=503 --fact 'state.state=it'\"'\"'s $HOME' --fact 'pool.names=[\"a\", \"b\"]'"
    )


def test_the_command_line_goes_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "facts.yaml"
    file.write_text("health: {status: 200, ok: true}\ndisk: {used_percent: 91}\n")
    told = given_facts(file, ["health.status=503", "state.state=EXITED"])
    assert told == {"health": {"status": 503, "ok": True}, "disk": {"used_percent": 91}, "state": {"state": "EXITED"}}
    assert given_facts(None, []) == {}
