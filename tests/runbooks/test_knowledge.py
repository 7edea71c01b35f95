"""Pages become entries; what stands in them stays data."""

from __future__ import annotations

import pytest

from runbooks.folder import Problem
from runbooks.knowledge import MOST_BYTES, Entry, entry_text, parse_entry, read_page

PAGE = """# Restart the billing worker

## Symptoms
- billing queue grows
- `worker not responding` in the log.

## What to do

```shell
$ supervisorctl tail billing
# a comment
kubectl get pods | grep billing
```

    df -h /var

```yaml
not: a command
```
"""


def test_a_procedure_has_title_symptoms_commands_and_what_needs_a_shell() -> None:
    page = read_page(PAGE, "page")
    assert (page.entry.id, page.entry.kind) == ("restart-the-billing-worker", "procedure")
    assert page.entry.symptoms == ("billing queue grows", "worker not responding in the log")
    assert [(c.argv, c.line) for c in page.commands] == [
        (("supervisorctl", "tail", "billing"), 10),
        (("df", "-h", "/var"), 15),
    ]
    (broken,) = page.unreadable
    assert (broken.line, broken.reason) == (12, "it contains |, and no shell reads it here")
    assert all(PAGE.splitlines()[c.line - 1].strip().endswith(c.argv[-1]) for c in page.commands)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("echo $(id)", "$ ( )"),
        ("rm -rf /tmp/*", "*"),
        ("a && b", "&"),
        ('say "unclosed', "quotes do not close"),
        ("echo `id`", "`"),
        ("echo prüf", "plain ASCII"),
    ],
)
def test_T30_what_needs_a_shell_is_left_out_with_the_reason(line: str, reason: str) -> None:
    page = read_page(f"# A\n\n```\n{line}\n```\n", "page")
    assert page.commands == ()
    assert reason in page.unreadable[0].reason


def test_a_postmortem_is_known_by_its_words() -> None:
    assert read_page("# Outage\n\nRoot cause: a leak.", "x").entry.kind == "postmortem"


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "empty"), ("  \n", "empty"), ("x" * (MOST_BYTES + 1), "larger than"), ("ü", "can become an id")],
)
def test_what_is_no_page_is_said(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_page(text, "ü")


def test_an_entry_is_kept_and_read_again() -> None:
    entry = read_page(PAGE, "page").entry
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
