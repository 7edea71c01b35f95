"""Watches one incident as people and vendors see it, and notes when each thing was first there.

Used by bot/sandbox/gameday/play.py: one watcher for each round, looking several times a second. Reads Slack, PagerDuty and
the tickets of the workspace, never the bot's own files. Must not judge and must not click.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from bot.sandbox import judge
from bot.sandbox.configuration import CHANNEL
from bot.sandbox.gameday.sight import Answer, Place, Seen, Sight, WorldSeen
from bot.sandbox.gameday.words import JIRA, NO_OFFER, NOTES, OFFER, SERVICENOW, THREAD
from bot.sandbox.slack_records import SlackMessage
from bot.sandbox.stories.scene import is_card, text_of, told
from bot.sandbox.workspace import Workspace

REFUSED = re.compile(r"\(([a-z]+_[a-z_]+)\)|Reason code: (\w+)")
ISSUE = re.compile(r"\b[A-Z]{2,10}-\d+\b")
RECORD = re.compile(r"\bINC\d{5,}\b")


class Watcher:
    """The eyes of one round. now: monotonic seconds. The clock starts with `begin`, at the first trouble of the round."""

    def __init__(self, workspace: Workspace, now: Callable[[], float]) -> None:
        self._workspace = workspace
        self._now = now
        self._began: float | None = None
        self._sights: list[Sight] = []
        self._known: set[tuple[str, str, str]] = set()
        self._pages_before = len(workspace.pagerduty.events())
        self._refused_at: float | None = None
        self._missed: list[str] = []
        self.incidents: list[str] = []
        self.answers: list[Answer] = []

    # -- what the player tells -----------------------------------------------------------------------------------------
    def begin(self) -> None:
        """The trouble begins; the first call counts."""
        if self._began is None:
            self._began = self._now()

    def opened(self, incident: str) -> None:
        """A monitor has opened an incident. The round is about the first one."""
        self.incidents.append(incident)

    def missed(self, what: str) -> None:
        """Something of the script could not be played."""
        self._missed.append(what)

    @property
    def anything_missed(self) -> bool:
        """Whether a line of the script could not be played."""
        return bool(self._missed)

    @property
    def sights(self) -> tuple[Sight, ...]:
        """Everything noted so far."""
        return tuple(self._sights)

    @property
    def seconds(self) -> float:
        """Since the trouble began; 0 before."""
        return 0.0 if self._began is None else self._now() - self._began

    # -- looking -------------------------------------------------------------------------------------------------------
    def look(self) -> None:
        """Note everything that is new."""
        if not self.incidents:
            return
        at = self.seconds
        for root in self.summaries(self.incidents[0])[:1]:
            for text in self._versions(root):
                self._note(at, "summary", root.ts, text)
                if re.search(OFFER, text, re.IGNORECASE):
                    self._note(at, "offer", root.ts, text)
                elif re.search(NO_OFFER, text, re.IGNORECASE):
                    self._note(at, "no_step", root.ts, text)
            for reply in self.replies(root):
                if is_card(reply):
                    for text in self._versions(reply):
                        self._note(at, "card", reply.ts, text)
                else:
                    self._note(at, "thread", reply.ts, told(reply))
        for number, text in enumerate(self._pages()):
            self._note(at, "page", str(number), text)
        status = str(self._workspace.pagerduty.incident(self.incidents[0])["status"])
        self._note(at, "status", "", status)
        if self._refused_at is None and self._refused():
            self._refused_at = at

    def _note(self, at: float, place: Place, key: str, text: str) -> None:
        if (place, key, text) not in self._known:
            self._known.add((place, key, text))
            self._sights.append(Sight(at, place, text))

    def _refused(self) -> bool:
        told_now = [text for answer in self.answers for text in answer.said]
        return any(REFUSED.search(text) for text in (*told_now, *self._notes()))

    def seen(self, world: WorldSeen, title: str, audit: str = "") -> Seen:
        """Everything so far, after one more look."""
        self.look()
        first = self.incidents[0] if self.incidents else ""
        roots = self.summaries(first) if first else []
        return Seen(
            incident=first,
            sights=tuple(self._sights),
            records=self._records(roots) if first else {},
            answers=tuple(self.answers),
            world=world,
            unseen=tuple(one for one in self.incidents if not self.summaries(one)),
            summaries=len(roots),
            messages=len({m.ts for one in self.incidents for m in self.summaries(one)}),
            title=title,
            status=str(self._workspace.pagerduty.incident(first)["status"]) if first else "",
            audit=audit,
            refused_at=self._refused_at,
            missed=tuple(self._missed),
        )

    # -- places --------------------------------------------------------------------------------------------------------
    def summaries(self, incident: str) -> list[SlackMessage]:
        """The bot's top-level messages in #incidents that link to this incident."""
        slack = self._workspace.slack
        shown = slack.messages(CHANNEL)
        mine = [m for m in shown if m.user == slack.bot.id and m.thread_ts in ("", m.ts)]
        return [m for m in mine if f"/incidents/{incident}" in json.dumps(m.blocks)]

    def replies(self, root: SlackMessage) -> list[SlackMessage]:
        """What the bot wrote below it, oldest first."""
        slack = self._workspace.slack
        return [m for m in slack.thread(CHANNEL, root.ts)[1:] if m.user == slack.bot.id]

    def _versions(self, message: SlackMessage) -> list[str]:
        return [text_of(m) for m in reversed(self._workspace.slack.versions(CHANNEL, message.ts))]

    def _pages(self) -> list[str]:
        events = self._workspace.pagerduty.events()[self._pages_before :]
        return [json.dumps(e["body"], ensure_ascii=False) for e in events if e["kind"] == "trigger"]

    def _notes(self) -> list[str]:
        return [str(note["content"]) for note in self._workspace.pagerduty.notes(self.incidents[0])]

    def _records(self, roots: list[SlackMessage]) -> dict[str, tuple[str, ...]]:
        """The lines of the four places. The tickets are found as people find them, by what the summary links to."""
        thread = [told(m) for root in roots[:1] for m in self.replies(root) if not is_card(m)]
        summary = "\n".join(text_of(root) for root in roots[:1])
        tickets = self._workspace.tickets
        issues = {str(issue["key"]) for issue in tickets.issues()}
        comments = [
            judge.flat(comment["body"])
            for key in dict.fromkeys(ISSUE.findall(summary))
            if key in issues
            for comment in tickets.comments(key)
        ]
        numbers = dict.fromkeys(RECORD.findall(summary))
        work = [
            note
            for record in tickets.records()
            if str(record["number"]) in numbers
            for note in tickets.work_notes(record["sys_id"])
        ]
        return {THREAD: tuple(thread), NOTES: tuple(self._notes()), JIRA: tuple(comments), SERVICENOW: tuple(work)}

    def picture(self) -> str:
        """What stands in the incident's thread, for the text of a failure."""
        roots = self.summaries(self.incidents[0])[:1] if self.incidents else []
        lines = [text_of(m) for root in roots for m in (root, *self.replies(root))]
        return "\n---\n".join(lines) or "(nothing is in #incidents about it)"
