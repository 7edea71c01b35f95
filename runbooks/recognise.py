"""Which operation a written command stands for, as far as it can be told without a shell (mission R9).

Called by `runbookctl import` for the commands of a page. Pure. What is not recognised becomes `command.run` with the very
words of the page; a person decides whether the program may be run at all (services.yaml, `allowed_programs`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from runbooks.page import Command

SUPERVISOR = {"restart": "supervisor.restart", "start": "supervisor.start", "stop": "supervisor.stop"}
LOOKING = ("df", "du")
TAIL_LINES = 50
CHANGING = ("supervisor.restart", "supervisor.start", "supervisor.stop", "redis.flush_database", "command.run")


@dataclass(frozen=True, slots=True)
class Recognised:
    """action: name of an operation; given: its parameters; command: where it came from."""

    action: str
    command: Command
    given: dict[str, Any] = field(default_factory=dict)

    @property
    def changes(self) -> bool:
        """Whether it changes something; what is not known counts as changing."""
        return self.action in CHANGING


def recognise(commands: Sequence[Command]) -> tuple[Recognised, ...]:
    """Each command as an operation, in the order of the page."""
    return tuple(_one(command) for command in commands)


def draftable(found: Sequence[Recognised]) -> tuple[tuple[Recognised, ...], Recognised] | None:
    """The looks that come first and the first change; None when the page changes nothing that is recognised.

    One changing step is what a draft holds: what follows it depends on what it brings (mission N3).
    """
    for position, one in enumerate(found):
        if one.changes:
            before: dict[str, Recognised] = {}
            for look in found[:position]:
                before.setdefault(look.action, look)
            return tuple(before.values()), one
    return None


def _one(command: Command) -> Recognised:
    program, *rest = command.argv
    program = program.rpartition("/")[2]
    words = [word for word in rest if not word.startswith("-")]
    if program == "supervisorctl" and len(words) >= 2 and words[0] in SUPERVISOR:
        return Recognised(SUPERVISOR[words[0]], command)
    if program == "supervisorctl" and words[:1] == ["tail"]:
        return Recognised("supervisor.tail_log", command, {"lines": TAIL_LINES})
    if program == "redis-cli" and words and words[-1].upper() == "FLUSHDB":
        return Recognised("redis.flush_database", command)
    if program == "redis-cli" and words and words[-1].upper() == "PING":
        return Recognised("redis.ping", command)
    if program == "curl" and len(words) == 1 and not any(flag in rest for flag in ("-X", "-d", "--data", "-T", "-F")):
        return Recognised("http.get", command, {"path": urlsplit(words[0]).path or "/"})
    if program in LOOKING:
        return Recognised("disk.report", command)
    return Recognised("command.run", command, {"argv": list(command.argv)})
