"""Pages are read; what stands in them stays data."""

from __future__ import annotations

import pytest

from runbooks.page import MOST_BYTES, read_page

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
