"""How the lines of a record are recognised: a word of the scenario -> an expression that fits every destination's wording.

Used by bot/sandbox/gameday/score.py. The wordings are the bot's own (templates/slack/_entry.j2 and entry_lines.txt.j2);
should they change, the game days show it. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.sandbox.gameday.scenario import Word

LINES: Mapping[Word, str] = {
    "no_step": r"\bno safe step\b",
    "requested": r"asked to run",
    "refused": r"\brefused [\w-]+ for\b",
    "confirmed": r"confirmed\W* by",
    "approved": r"approved\W* by",
    "rejected": r"rejected\W* by",
    "expired": r"nobody answered in time",
    "done": r"\bdone:",
    "proved": r"(?<!not )\bproved\b",
    "not_proved": r"\bnot proved\b",
    "rolled_back": r"(?<!was )\brolled back\b",
    "paused": r"paused\W*before",
    "answered": r"looked and said",
    "escalated": r"people are needed|escalated to people",
    "stopped": r"stopped\W* by",
    "worked": r"finished.*(worked|succeeded)",
    "failed": r"finished.*failed",
    "was_rolled_back": r"finished.*rolled.back",
    "was_refused": r"finished.*refused",
    "was_stopped": r"finished.*stopped",
    "resolved": r"resolved\W* by",
}
"""Python expressions, looked for whatever the case (bot/sandbox/judge.py)."""
THREAD = "the thread"
NOTES = "PagerDuty's notes"
JIRA = "the Jira issue"
SERVICENOW = "the ServiceNow incident"
PLACES = (THREAD, NOTES, JIRA, SERVICENOW)
ELSEWHERE: Mapping[str, frozenset[Word]] = {
    THREAD: frozenset({"no_step", "refused"}),  # the summary and the card show these
    NOTES: frozenset({"resolved"}),  # PagerDuty's own state
    JIRA: frozenset(),
    SERVICENOW: frozenset(),
}
"""What a place shows otherwise than by a line."""
QUESTION = r"approval needed|please confirm"
"""The header of a card that asks."""
OFFER = r"next safe step"
NO_OFFER = r"no safe step"
