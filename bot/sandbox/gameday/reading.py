"""Reading what people read: the acts of an offer, the line that matters, the first time something was there.

Used by bot/sandbox/gameday/score.py. Pure.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from bot.sandbox.gameday.scenario import Word
from bot.sandbox.gameday.sight import Sight
from bot.sandbox.gameday.words import LINES, NO_OFFER, OFFER
from runbooks.pattern import search

FENCE = "```"
SHORT = 160


def acts(summary: str) -> list[str]:
    """The exact acts of an offer or a card, as they stand in its fenced block, without their numbers."""
    parts = summary.split(FENCE)
    lines = parts[1].strip().splitlines() if len(parts) >= 3 else []
    return [re.sub(r"^\d+\. ", "", line) for line in lines if line.strip()]


def differences(offer: str, title: str, wanted: tuple[str, ...]) -> list[str]:
    """In what an offer differs from the wanted one. title: of the runbook."""
    wrong = [] if contains(r"next safe step\W+" + re.escape(title), offer) else [f"“{title}” is not what is offered"]
    shown = acts(offer)
    if len(shown) != len(wanted):
        wrong.append(f"{len(shown)} acts, not {len(wanted)}: {'; '.join(shown)}")
    wrong += [
        f"act {i} is {act!r}, not /{pattern}/"
        for i, (act, pattern) in enumerate(zip(shown, wanted, strict=False), 1)
        if not contains(pattern, act)
    ]
    return wrong


def offer_line(text: str) -> str:
    """The line that says what is offered, or that nothing is."""
    return line_with(text, OFFER if contains(OFFER, text) else NO_OFFER)


def first_with(sights: Iterable[Sight], pattern: str) -> Sight | None:
    """The first sight with one of our own expressions (words.py) in it; those of a scenario go through `contains`."""
    return next((sight for sight in sights if re.search(pattern, sight.text, re.IGNORECASE)), None)


def contains(pattern: str, text: str) -> bool:
    """Whether an expression of a scenario (RE2) is found in a text as people read it, whatever the case."""
    return search(f"(?i){pattern}", plain(text))


def plain(text: str) -> str:
    """Without Slack's marks of emphasis and its entities, so that nobody who writes a scenario needs to know them."""
    return html.unescape(text.replace("*", "").replace("`", ""))


def line_with(text: str, pattern: str) -> str:
    """The line of a text in which the expression is found, without marks of emphasis."""
    found = next((line for line in text.splitlines() if re.search(pattern, line, re.IGNORECASE)), "")
    return short(found).rstrip(".")


def short(text: str) -> str:
    """On one line, without marks of emphasis and of deliveries, and not longer than SHORT."""
    clean = " ".join(plain(text).split())
    # Pictures say nothing in a table and take more room than they seem to.
    clean = re.sub(r"\[cs-\d+\]|[\U0001f000-\U0001ffff☀-➿\ufe0f]", "", clean).strip()
    return clean if len(clean) <= SHORT else f"{clean[: SHORT - 1]}…"


def lacks(words: Sequence[Word], lines: Sequence[str]) -> list[Word]:
    """The words of a record whose line is not found after that of the word before."""
    position, lacking = 0, []
    for word in words:
        place = next((i for i in range(position, len(lines)) if re.search(LINES[word], lines[i], re.IGNORECASE)), None)
        if place is None:
            lacking.append(word)
        else:
            position = place + 1
    return lacking
