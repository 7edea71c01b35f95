"""The transcript: append-only entries, written once, recorded in Slack, PagerDuty and the ticket.

Written by bot/triage.py, bot/flow.py and bot/slack; stored by bot/store/entries.py; worded by templates.
An entry holds data, never prose: the words are macros of the kind's name, for Slack in templates/slack/_entry.j2, for
PagerDuty and tickets in templates/entry_lines.txt.j2. `data` is redacted before storage.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from bot.incident import Frozen


class EntryKind(StrEnum):
    """What happened. Each kind has words at every destination that records it."""

    OPENED = "opened"
    ACKNOWLEDGED = "acknowledged"
    UNACKNOWLEDGED = "unacknowledged"
    REASSIGNED = "reassigned"
    REOPENED = "reopened"
    RESOLVED = "resolved"
    PROPOSED = "proposed"
    NO_STEP = "no_step"
    REQUESTED = "requested"
    REFUSED = "refused"
    ASKED = "asked"
    VOTED = "voted"
    APPROVED = "approved"
    DECLINED = "declined"
    EXPIRED = "expired"
    STARTED = "started"
    EXECUTED = "executed"
    VERIFIED = "verified"
    VERIFY_FAILED = "verify_failed"
    ROLLED_BACK = "rolled_back"
    ROLLBACK_FAILED = "rollback_failed"
    UNKNOWN = "unknown"
    ANSWERED = "answered"
    STOPPED = "stopped"
    ESCALATED = "escalated"
    FINISHED = "finished"
    KILLED = "killed"
    RESUMED = "resumed"
    SKIPPED = "skipped"
    PAUSED = "paused"
    GLASS_BROKEN = "glass_broken"
    REVIEW_NEEDED = "review_needed"
    FOLLOW_UP = "follow_up"
    REMINDED = "reminded"
    WIDENED = "widened"
    WOULD_HAVE = "would_have"
    BREAKER_OPENED = "breaker_opened"
    BREAKER_CLOSED = "breaker_closed"
    DEMOTED = "demoted"


class Outcome(StrEnum):
    """How a run ended (design.md section 2). UNKNOWN is asked of a person and never retried by itself."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    EXPIRED = "expired"
    STOPPED = "stopped"
    ROLLED_BACK = "rolled_back"
    UNKNOWN = "unknown"


class Entry(Frozen):
    """One line of the transcript.

    seq: position in the store, 0 before it is stored. at: UTC. actor: person id, `bot`, or an outside name as given.
    data: JSON values; the keys of a kind are those its macro reads, and every one may be missing.
    """

    incident_id: str
    kind: EntryKind
    at: datetime
    actor: str
    run_id: str = ""
    seq: int = 0
    data: dict[str, Any] = Field(default_factory=dict)
