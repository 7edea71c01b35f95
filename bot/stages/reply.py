"""What a person gets back at once: a name for the template and its data. The words are in templates/slack/reply_*.

Made by bot/requests.py and the stages it calls; rendered by bot/slack and bot/cli. Must not hold wording of its own
beyond the sentence that states the case.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Reply:
    """ok: whether what was asked for happened or is under way. name: `templates/slack/reply_<name>.json.j2`."""

    ok: bool
    name: str
    data: dict[str, Any] = field(default_factory=dict)


def done(text: str) -> Reply:
    """It happened."""
    return Reply(True, "done", {"text": text})


def already(text: str) -> Reply:
    """It had happened before, or somebody else decided; nothing changed."""
    return Reply(False, "already", {"text": text})


def refused(code: str, reason: str, remedy: str, incident: str = "") -> Reply:
    """It may not happen: stable code, why, and what would make it possible.

    incident: id of the incident about which every rule's answer is recorded, so that people can ask; empty for none.
    """
    data = {"code": code, "reason": reason, "remedy": remedy}
    return Reply(False, "refused", {**data, "incident": incident} if incident else data)
