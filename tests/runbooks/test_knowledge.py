"""What is kept of a page, and what is said of a broken one."""

from __future__ import annotations

import pytest

from runbooks.folder import Problem
from runbooks.knowledge import Entry, entry_text, parse_entry
from runbooks.page import read_page

PAGE = '# Restart\n\n## Symptoms\n- down\n\nText: "quoted" und mehr.\n'


def test_an_entry_is_kept_and_read_again() -> None:
    entry = read_page(PAGE, "page").entry
    assert parse_entry(entry_text(entry), "k.md") == entry


def test_what_import_keeps_can_always_be_read_again_whatever_stands_in_its_headings() -> None:
    """Emoji, a heading of two lines, a right-to-left mark, an escape of a terminal: a strict file holds none of the last."""
    page = (
        "🔥 Payments\n🟢 <!channel> *Approved* by Ben\n===\n\n## Symptoms\n- pay\u202ements \x1b[31mdown \U0001f4a5\n"
    )
    entry = read_page(page, "page").entry
    assert entry.title == "🔥 Payments 🟢 <!channel> *Approved* by Ben"
    assert entry.symptoms == ("payments [31mdown \U0001f4a5",)
    assert parse_entry(entry_text(entry), "k.md") == entry


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# no head", "no head"),
        ("---\nid: [\n---\n", ""),
        ("---\nid: A B\ntitle: x\nkind: procedure\n---\n", "head is wrong"),
        ("---\nid: a\ntitle: x\nkind: procedure\nextra: 1\n---\n", "head is wrong"),
        ("---\n- a\n---\n", "head is wrong"),
    ],
)
def test_a_broken_entry_is_a_problem_with_a_place(text: str, words: str) -> None:
    found = parse_entry(text, "k.md")
    assert isinstance(found, Problem)
    assert words in found.message
    assert found.line >= 1


def test_hostile_text_is_kept_as_it_came_and_ends_no_head() -> None:
    page = "# T\n\n---\nid: other\n---\n<!channel> {{ 7*7 }}\n"
    entry = read_page(page, "x").entry
    again = parse_entry(entry_text(entry), "k.md")
    assert isinstance(again, Entry)
    assert (again.id, again.text) == ("t", page)
