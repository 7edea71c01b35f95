"""Block Kit as text: every block that the templates use, nothing shortened, nothing left out."""

from __future__ import annotations

from typing import Any

import pytest

from bot.simulation.slack_text import WIDTH, boxed, columns, folded, plain


def mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}


def inside(*blocks: dict[str, Any]) -> list[str]:
    lines = boxed(blocks, lambda user: {"U1": "Ana"}.get(user, user)).splitlines()
    assert {columns(line) for line in lines} == {WIDTH + 2}
    return [line[2:-2].rstrip() for line in lines[1:-1]]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("*Owner* payments", "Owner payments"),
        ("*a* *b*", "a b"),
        ("2*3*4", "2*3*4"),
        ("<https://x.example/a?b=1&amp;c=2|Open (x.example)>", "Open (x.example) <https://x.example/a?b=1&c=2>"),
        ("<!date^1763460000^{time_secs}|10:00:00Z>", "10:00:00Z"),
        ("<@U1> and <@U9>", "@Ana and @U9"),
        ("1 &lt; 2 &amp;&amp; 3 &gt; 2", "1 < 2 && 3 > 2"),
        ("&amp;lt;", "&lt;"),
        ("`status == 200`", "`status == 200`"),
    ],
)
def test_mrkdwn_is_read_as_people_read_it(written: str, read: str) -> None:
    assert plain(written, lambda user: {"U1": "Ana"}.get(user, user)) == read


def test_every_block_of_the_templates_is_shown() -> None:
    assert inside(
        {"type": "header", "text": {"type": "plain_text", "text": "🔴 Critical"}},
        {"type": "section", "text": mrkdwn("*From the alert*\n> elevated 5xx")},
        {"type": "section", "fields": [mrkdwn("*Risk* safe")]},
        {"type": "divider"},
        {"type": "actions", "elements": [{"type": "button", "text": {"text": "Run this step"}}]},
        {"type": "context", "elements": [mrkdwn("inc_1")]},
    ) == [
        "🔴 Critical",
        "",
        "From the alert",
        "│ elevated 5xx",
        "",
        "Risk: safe",
        "",
        "─" * (WIDTH - 2),
        "[Run this step]",
        "",
        "inc_1",
    ]


def test_a_command_is_never_shortened() -> None:
    command = f"supervisorctl start {'x' * 300} {'worker_01 ' * 20}end"
    lines = inside({"type": "section", "text": mrkdwn(f"*Exactly this*\n```\n1. {command}\n```")})
    assert "".join(line.strip().replace(" \\", " ") for line in lines[1:]) == f"1. {command}"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("ab cd", ["ab cd"]),
        ("ab cd ef gh ij", ["ab cd ef \\", "gh ij"]),
        ("abcdefghijkl", ["abcdefghij", "kl"]),
        (" abcdefghijkl", [" abcdefghi", "jkl"]),
    ],
)
def test_a_command_is_broken_at_a_space_as_in_a_shell(text: str, lines: list[str]) -> None:
    assert folded(text, 10) == lines


def test_an_unknown_block_is_named() -> None:
    assert inside({"type": "video"}) == ["(video block)"]


def test_signs_drawn_as_emoji_take_two_columns() -> None:
    assert (columns("⚠️"), columns("🟠"), columns("a\u0301"), columns("表")) == (2, 2, 1, 2)
