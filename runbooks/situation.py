"""What the matcher may look at: an incident as plain text, and where in it and in the facts known errors may stand.

Made by bot/stages/match.py, bot/past_alerts.py, bot/cli/match.py and tests; read by runbooks/match.py. Everything in it
is untrusted text: it can change a ranking, never what a runbook may do. Must not decide anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from runbooks.search import MAX_TEXT, name_in_words, words
from runbooks.signatures import Passage

ALERT_FACT = "alert_details"
"""The fact that holds what the monitor itself said of the alert: {summary, details: {name: text}}."""
LOG_KEYS = ("lines", "log", "excerpt", "messages")
"""Keys under which a fact carries log lines: a text, a list of texts, or a list of mappings with one of LINE_KEYS."""
LINE_KEYS = ("message", "line", "text", "pattern", "sample")
MAX_LINES = 200  # lines of the alert, lines given with it, and newest log lines of each fact that are looked at
MAX_FIELDS = 50


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known about an incident. alert: name of the alert; labels, details: short untrusted strings.

    log_lines: lines that somebody gave along with it; those of facts are read from the facts.
    """

    title: str = ""
    severity: str = ""
    service: str = ""
    environment: str = ""
    alert: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, str] = field(default_factory=dict)
    log_lines: tuple[str, ...] = ()

    def variables(self) -> dict[str, Any]:
        """What conditions see as `incident.<field>`; alert_name is the same as alert."""
        return {
            "title": self.title,
            "severity": self.severity,
            "service": self.service,
            "environment": self.environment,
            "alert": self.alert,
            "alert_name": self.alert,
            "labels": dict(self.labels),
            "details": dict(self.details),
        }


def alert_texts(situation: Situation, facts: Mapping[str, Mapping[str, Any]]) -> tuple[tuple[str, ...], ...]:
    """What the alert says of itself as words, text by text: its name taken apart, title, details, what the monitor added.

    Text by text, so that the end of one and the beginning of the next never make a phrase together.
    """
    left = MAX_TEXT
    found: list[tuple[str, ...]] = []
    for text in (name_in_words(situation.alert), *(text for _, text in _said(situation, facts))):
        found.append(words(text[:left]))
        left = max(0, left - len(text))
    return tuple(one for one in found if one)


def passages(situation: Situation, facts: Mapping[str, Mapping[str, Any]]) -> Iterator[Passage]:
    """Every text in which a known error may stand: what the alert says, then log lines, the newest first."""
    told = (Passage(place, line) for place, text in _said(situation, facts) for line in text.splitlines())
    yield from islice(told, MAX_LINES)  # a talkative alert must not hide the log
    for number, line in enumerate(situation.log_lines[:MAX_LINES], 1):
        yield Passage(f"log line {number}", line)
    for name, value in sorted(facts.items()):
        for line in list(_log_lines(value))[-MAX_LINES:][::-1]:
            yield Passage(f"a log line ({name})", line)


def _said(situation: Situation, facts: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    yield "the title", situation.title
    for key, text in list(situation.details.items())[:MAX_FIELDS]:
        yield f"the alert's {key[:60]}", text
    monitor = facts.get(ALERT_FACT, {})
    if isinstance(summary := monitor.get("summary"), str):
        yield "the monitor's summary", summary
    details = monitor.get("details")
    for key, text in list(details.items())[:MAX_FIELDS] if isinstance(details, Mapping) else ():
        if isinstance(text, str):
            yield f"the monitor's {str(key)[:60]}", text


def _log_lines(value: Mapping[str, Any]) -> Iterator[str]:
    for key in LOG_KEYS:
        held = value.get(key)
        if isinstance(held, str):
            yield from held.splitlines()
        for item in held if isinstance(held, list | tuple) else ():
            if isinstance(item, str):
                yield item
            elif isinstance(item, Mapping):
                yield from (text for each in LINE_KEYS if isinstance(text := item.get(each), str))
