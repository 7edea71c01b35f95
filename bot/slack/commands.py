"""`/runbook …`: words in, one request out, an ephemeral answer back (mission C1).

Registered by bot/slack/bolt.py. The text is split at spaces and every word is checked; no shell syntax, no evaluation.
Must not decide who may do what: bot/requests.py does.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from bot.services import Person
from bot.slack.actors import caller
from bot.slack.desk import Answer, Desk, Kind, Place, Said

WORDS = (
    "help",
    "status",
    "list",
    "show",
    "plan",
    "run",
    "history",
    "explain",
    "kill",
    "resume",
    "release",
    "breakglass",
)
CHANGING = frozenset({"run", "resume", "release", "breakglass"})
WHOLE = ("all", "monitor")
LEVELS = {"environment": "environment", "env": "environment", "service": "service", "action": "action"}
SUBJECTS = ("run_", "inc_")
LONGEST = 1000
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
NAME = LETTERS | frozenset("-._")
USAGE = {
    "show": "show <runbook>",
    "plan": "plan <runbook> <service> [environment]",
    "run": "run <runbook> <service> [environment]",
    "breakglass": "breakglass <runbook> <service> [environment] because <reason>",
    "explain": "explain <run or incident>, such as explain inc_…",
    "kill": "kill all|monitor <reason>, or kill environment|service|action <name> <reason>",
    "release": "release <run> <reason>",
    "resume": "resume all|monitor <reason>, or resume environment|service|action <name> <reason>",
}


def unescape(text: str) -> str:
    """Slack sends `& < >` as entities (apis.md 1.7); `&amp;` last, so that nothing is decoded twice."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def is_name(word: str) -> bool:
    """A runbook, service, environment or action as typed: lower case, first character a letter or digit."""
    return 0 < len(word) <= 64 and word[0] in LETTERS and set(word) <= NAME


def kind_of(text: str) -> Kind:
    """Whether the command changes something."""
    verb = next(iter(unescape(text[: LONGEST + 1]).lower().split()), "")
    return "stops" if verb == "kill" else "changes" if verb in CHANGING else "looks"


class Commands:
    """Parses and dispatches one slash command."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def handle(self, body: Mapping[str, Any]) -> None:
        """One slash command; the acknowledgement has been sent."""
        who = caller(body, self._desk.people, self._desk.team)
        place = Place(str(body.get("channel_id", "")), who.user, str(body.get("response_url", "")))
        if who.person is None:
            await self._desk.tell(place, Said("stranger", {"team": who.team, "user": who.user}))
            return
        text = str(body.get("text") or "")
        once = str(body.get("trigger_id") or "")
        await self._desk.settle(place, self.answer(text, who.person, place.channel, once), kind_of(text))

    async def answer(self, text: str, person: Person, channel: str, once: str = "") -> Answer:
        """What `text` asks for, as that person, from that channel. once: Slack's id of this one command."""
        if len(text) > LONGEST:
            return Said("usage", {"text": f"That is longer than {LONGEST} characters."})
        words = unescape(text).split()
        verb = words[0].lower() if words else "help"
        rest = words[1:]
        if verb not in WORDS:
            near = difflib.get_close_matches(verb, WORDS, n=1)
            guess = f" Did you mean {near[0]}?" if near else ""
            return Said("usage", {"text": f"I do not know {verb[:40]}.{guess}"})
        if verb in ("kill", "resume"):
            return await self._switch(verb, rest, person)
        if verb == "release":
            if not rest or not is_name(rest[0].lower()):
                return self._usage(verb)
            return await self._desk.asking.release(rest[0].lower(), person, " ".join(rest[1:]))
        if verb == "breakglass":
            return await self._break_glass(rest, person, channel, once)
        names = [word.lower() for word in rest]
        if not all(is_name(name) for name in names):
            return self._usage(verb, "Names are lower-case letters, digits, dots and hyphens.")
        return await self._plain(verb, names, person, channel, once)

    async def _plain(self, verb: str, names: list[str], person: Person, channel: str, once: str) -> Answer:
        asking = self._desk.asking
        if verb in ("status", "history") and len(names) <= 1:
            service = names[0] if names else None
            return await (asking.status(service) if verb == "status" else asking.history(service))
        if verb == "explain" and len(names) == 1 and names[0].startswith(SUBJECTS):
            return await asking.explain(names[0], person)
        if verb == "list" and not names:
            return await asking.list_runbooks()
        if verb == "show" and len(names) == 1:
            return await asking.show_runbook(names[0])
        if verb in ("run", "plan") and len(names) in (2, 3):
            environment = names[2] if len(names) == 3 else None
            if verb == "plan":
                return await asking.plan_runbook(names[0], names[1], environment, person)
            return await asking.run_runbook(names[0], names[1], environment, person, channel, once=once)
        if verb == "help":
            return Said("help", ok=True)
        return self._usage(verb)

    async def _break_glass(self, words: list[str], person: Person, channel: str, once: str) -> Answer:
        """The reason stands behind the word `because`, so that no word of it is taken for an environment."""
        lower = [word.lower() for word in words]
        at = lower.index("because") if "because" in lower else 0
        names = lower[:at]
        if len(names) not in (2, 3) or not all(is_name(name) for name in names):
            return self._usage("breakglass")
        environment = names[2] if len(names) == 3 else None
        reason = " ".join(words[at + 1 :])
        asking = self._desk.asking
        return await asking.break_glass(names[0], names[1], environment, person, channel, reason, once=once)

    async def _switch(self, verb: str, words: list[str], person: Person) -> Answer:
        level, name, reason = "", "", words[1:]
        if words and words[0].lower() in WHOLE:
            level = words[0].lower()
        elif len(words) >= 2 and words[0].lower() in LEVELS and is_name(words[1].lower()):
            level, name, reason = LEVELS[words[0].lower()], words[1].lower(), words[2:]
        if not level:
            return self._usage(
                verb, "Say what it is about: all, monitor (watch only), or environment, service or action and its name."
            )
        text = " ".join(reason)
        if verb == "kill":
            return await self._desk.asking.kill(level, name, text or "no reason given", person)
        return await self._desk.asking.resume(level, name, text, person)

    def _usage(self, verb: str, why: str = "") -> Said:
        form = USAGE.get(verb, f"{verb} [service]" if verb in ("status", "history") else verb)
        return Said("usage", {"text": f"{why} It goes: {self._desk.command} {form}".strip()})
