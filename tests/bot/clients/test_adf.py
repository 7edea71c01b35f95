"""Atlassian documents made of plain text: nothing in it is parsed, and the end survives shortening."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.clients import adf
from bot.sandbox.adf import problems

HOSTILE = "*bold* [link|https://evil.example] <b>x</b> {panel}y{panel} @here"


def test_lines_paragraphs_and_fences_keep_their_shape() -> None:
    made = adf.from_text("one\ntwo\n\nthree\n```\nkept  as is\n```\nfour", end="cs-7")
    assert [block["type"] for block in made["content"]] == [
        "paragraph",
        "paragraph",
        "codeBlock",
        "paragraph",
        "paragraph",
    ]
    assert [node["type"] for node in made["content"][0]["content"]] == ["text", "hardBreak", "text"]
    assert adf.plain(made) == "onetwo\nthree\nkept  as is\nfour\ncs-7\n\n"


def test_T40_markup_from_outside_stays_text() -> None:
    made = adf.from_text(HOSTILE)
    assert made["content"] == [{"type": "paragraph", "content": [{"type": "text", "text": HOSTILE}]}]


@pytest.mark.parametrize("href", ["javascript:alert(1)", "ftp://x.example", "", "//evil.example"])
def test_an_address_that_is_not_http_is_no_link(href: str) -> None:
    assert adf.link("words", href) == [{"type": "text", "text": "words"}]


def test_a_link_is_a_mark_on_text() -> None:
    (node,) = adf.link("the incident", "https://x.example/1")
    assert node["marks"] == [{"type": "link", "attrs": {"href": "https://x.example/1"}}]


def test_shortening_says_so_and_keeps_the_beginning_the_end_and_the_marker() -> None:
    made = adf.from_text("begin " + "x" * 40_000 + " finish", end="cs-7")
    said = adf.plain(made)
    assert said.startswith("begin")
    assert "[shortened]" in said
    assert "finish" in said
    assert said.rstrip().endswith("cs-7")
    assert len(said) <= adf.MAX_CHARACTERS


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300), st.sampled_from(["", "cs-12"]))
def test_whatever_the_text_jira_takes_the_document(words: str, end: str) -> None:
    made = adf.from_text(words, end=end)
    assert problems(made) == []
    assert json.dumps(made)
    assert adf.plain(made).rstrip().endswith(end)


@pytest.mark.parametrize("odd", [None, "text", 3, [], {"content": "x"}, {"type": "doc", "content": [None, 1]}])
def test_documents_that_came_back_odd_have_no_text(odd: object) -> None:
    assert adf.plain(odd).strip() == ""
