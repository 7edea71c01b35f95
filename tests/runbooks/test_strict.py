"""Strict YAML: only what was written, or an error with its place (T38)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbooks.strict import MAX_BYTES, MAX_NODES, StrictError, load_strict, parse

KEPT_AS_TEXT = [
    "no",
    "yes",
    "on",
    "off",
    "010",
    "0x1f",
    "0o7",
    "12:30:00",
    "2026-01-02",
    "1_000",
    "+5",
    ".5",
    "1.",
    "~",
]
KEPT_AS_TEXT += ["True", "NULL", "Null", ".inf", ".nan", "-", "a b", "1e", "08", "1.2.3", "=", "null null"]


@pytest.mark.parametrize("text", KEPT_AS_TEXT)
def test_T38_what_yaml_would_convert_stays_text(text: str) -> None:
    assert load_strict(f"key: '{text}'\nplain: {text if text != '-' else 'x-'}\n")["key"] == text
    if text != "-":
        assert load_strict(f"key: {text}\n") == {"key": text}


TYPED = [
    ("true", True),
    ("false", False),
    ("null", None),
    ("0", 0),
    ("-7", -7),
    ("42", 42),
    ("1.5", 1.5),
    ("1e3", 1000.0),
]


@pytest.mark.parametrize(("text", "value"), TYPED)
def test_only_plain_words_and_decimal_numbers_get_a_type(text: str, value: object) -> None:
    got = load_strict(f"key: {text}")["key"]
    assert got == value
    assert type(got) is type(value)
    assert load_strict(f'key: "{text}"') == {"key": text}


def test_keys_are_always_text() -> None:
    assert load_strict("1: a\ntrue: b\nnull: c\n") == {"1": "a", "true": "b", "null": "c"}


def test_block_text_quotes_and_windows_line_ends_are_fine() -> None:
    assert load_strict("a: |\r\n  one\r\n  two\r\nb: 'x y'\r\n") == {"a": "one\ntwo\n", "b": "x y"}


def test_an_empty_document_is_none() -> None:
    assert load_strict("") is None
    assert load_strict("# only a comment\n") is None


REFUSED = [
    ("a: &x 1", 1, "anchor"),
    ("a: 1\nb: *a", 2, "alias"),
    ("a: !!int 1", 1, "tag"),
    ("a: ! 'x'", 1, "tag"),
    ("- !x {}", 1, "tag"),
    ("a: 1\na: 2", 2, "twice"),
    ("'a': 1\n\"a\": 2", 2, "twice"),
    ("a: 1\n---\nb: 2", 2, "second document"),
    ("%YAML 1.1\n---\na: 1", 1, "directives"),
    ("a:\n", 1, "without a value"),
    ("a:\n  -\n", 2, "without a value"),
    ("<<: {a: 1}", 1, "merge"),
    ("? {a: 1}\n: 2", 1, "plain word"),
    ("'': 1", 1, "empty key"),
    ("[" * 21 + "]" * 21, 1, "deeper"),
    ("a: 9007199254740993", 1, "too large"),
    ("a: 1e999", 1, "too large"),
    ("a: [1, 2", 1, "not YAML"),
    ("a: b: c", 1, "not YAML"),
    ("ok: 1\nbad: \x00", 2, "U+0000"),
    ("a: \ud800", 1, "U+D800"),
    ('a: "\\u200b"', 1, "U+200B"),
    ("a: \u2028", 1, "U+2028"),
    ("\ufeffa: 1", 1, "U+FEFF"),
    ("a: \u3164", 1, "U+3164"),
    ("a: 1\rb: 2", 1, "U+000D"),
]


@pytest.mark.parametrize(("text", "line", "words"), REFUSED)
def test_T38_everything_clever_is_refused_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(StrictError) as caught:
        load_strict(text)
    assert words in caught.value.message
    assert caught.value.line == line
    assert caught.value.column >= 1
    assert caught.value.fix


def test_T38_twenty_levels_are_the_most() -> None:
    assert load_strict("[" * 20 + "]" * 20) is not None


def test_T38_size_and_number_of_values_are_bounded() -> None:
    with pytest.raises(StrictError, match="KiB"):
        load_strict("a: " + "x" * MAX_BYTES)
    with pytest.raises(StrictError, match="KiB"):
        load_strict("a: " + "ä" * (MAX_BYTES - 10))
    with pytest.raises(StrictError, match="values"):
        load_strict("- 1\n" * (MAX_NODES + 1))


def test_places_name_keys_and_items() -> None:
    document = parse("a: 1\nb:\n  - x\n  - c: 2\n")
    assert (document.nearest(("b", 1, "c")).line, document.nearest(("b", 1, "c")).column) == (4, 5)
    assert document.nearest(("b", 1, "unknown", 3)).line == 4
    assert document.nearest(()).line == 1


YAMLISH = st.text(alphabet=st.sampled_from(list("ab01:-[]{}&*!|>'\"#%@`,? \n\t.~<\\x")), max_size=60)


@given(st.one_of(st.text(max_size=200), YAMLISH))
def test_T38_any_text_gives_data_or_a_strict_error(text: str) -> None:
    try:
        data = load_strict(text)
    except StrictError as error:
        assert error.line >= 1
    else:
        assert _plain(data)


def _plain(data: object) -> bool:
    if isinstance(data, dict):
        return all(isinstance(key, str) and _plain(value) for key, value in data.items())
    if isinstance(data, list):
        return all(_plain(value) for value in data)
    return data is None or type(data) in (str, int, float, bool)


SYNTAX = [
    ("title: Demo: again\n", 1, "in quotes"),
    ("title: @demo\n", 1, "in quotes"),
    ("a:\n\tb: 1\n", 2, "never with tabs"),
    ("a: [1, 2\nb: 3\n", 2, "close the bracket"),
    ("a: {x: 1\nb: 2\n", 2, "close the bracket"),
    ("a: 1\nb: 'x\nc: 2\nd: 3\n", 2, "close the quote that begins here"),
    ('a: "x\\q"\n', 1, "backslash twice"),
    ("a: - b\n", 1, "a line of its own"),
    ("- a\nb: 1\n", 2, "indent the key"),
    ("a: 'it's'\n", 1, "quotes"),
    (" a: 1\nb: 2\n", 2, "same indentation"),
    ("a: [1,,2]\n", 1, "remove the bracket or comma"),
    ("a: >>\n", 1, "correct the syntax"),
]


@pytest.mark.parametrize(("text", "line", "fix"), SYNTAX, ids=[text[:14] for text, _, _ in SYNTAX])
def test_a_syntax_error_says_what_is_mostly_the_matter(text: str, line: int, fix: str) -> None:
    with pytest.raises(StrictError) as caught:
        parse(text)
    assert caught.value.line == line
    assert fix in caught.value.fix
