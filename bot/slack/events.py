"""Mentions and the App Home: questions in plain words (mission C2).

Registered by bot/slack/bolt.py. A mention is matched against a few fixed sentences; nothing in it is executed, and a
service name must be one word of the catalogue's form. Must not answer bots: two of them would talk for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.errors import CountersignError
from bot.services import Person
from bot.slack.actors import caller
from bot.slack.commands import is_name, unescape
from bot.slack.desk import Answer, Desk, Kind, Place, Said
from bot.telemetry import log

SO_FAR = ("so far", "been done", "what happened", "catch me up")
MAY_STOP = frozenset({"responder", "approver", "operator", "admin"})
CHANGING = frozenset({"ack", "acknowledge", "resolve", "resolved", "assign", "take", "mine"})
NO_THREAD = Said("usage", {"text": "Please ask that in the thread of an incident, then I know which one you mean."})


def wording(text: str) -> str:
    """The sentence without mentions, in lower case, without punctuation at its end."""
    words = [word for word in unescape(text).split() if not (word.startswith("<@") and word.endswith(">"))]
    return " ".join(words).strip().rstrip("?!. ").lower()


def kind_of(text: str) -> Kind:
    """Whether the sentence changes something: who has the incident, or what it is."""
    first = next(iter(wording(text).split()), "")
    return "changes" if first in CHANGING else "looks"


class Events:
    """Answers mentions in their thread and fills the App Home."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def mention(self, body: Mapping[str, Any]) -> None:
        """One `app_mention`: answered in the thread, a refusal only to the one who asked."""
        event = body["event"]
        who = caller(body, self._desk.people, self._desk.team)
        if who.is_bot or not who.user:
            return
        channel, thread = str(event.get("channel", "")), str(event.get("thread_ts") or event.get("ts") or "")
        place = Place(channel, who.user, "", str(event.get("thread_ts") or ""))
        if who.person is None:
            await self._desk.tell(place, Said("stranger", {"team": who.team, "user": who.user}))
            return
        text = str(event.get("text", ""))
        work = self.answer(text, who.person, channel, thread)
        answer = await self._desk.attempt(work, who.user, kind_of(text))
        if not answer.ok:
            await self._desk.tell(place, answer)
            return
        message = self._desk.words(answer)
        await self._desk.client.post(channel, message.text, message.blocks, thread_ts=thread)

    async def answer(self, text: str, person: Person, channel: str, thread: str) -> Answer:
        """What the sentence asks for."""
        asking = self._desk.asking
        said = wording(text)
        words = said.split()
        if words[:1] == ["status"]:
            names = [word for word in words[1:] if word not in ("of", "for", "the")]
            if len(names) > 1 or not all(is_name(name) for name in names):
                return Said("usage", {"text": "Ask it like this: status of payments?"})
            return await asking.status(names[0] if names else None)
        if any(phrase in said for phrase in SO_FAR):
            incident = await self._desk.incident_of(channel, thread)
            return await asking.so_far(incident) if incident else NO_THREAD
        if said in ("ack", "acknowledge", "resolve", "resolved"):
            incident = await self._desk.incident_of(channel, thread)
            if incident is None:
                return NO_THREAD
            act = asking.acknowledge if said.startswith("ack") else asking.resolve
            return await act(incident, person)
        assigned = words[2:] if words[:2] == ["assign", "to"] else words[1:] if words[:1] == ["assign"] else []
        if assigned or said in ("take it", "take this", "mine"):
            incident = await self._desk.incident_of(channel, thread)
            return await asking.reassign(incident, person, " ".join(assigned) or "me") if incident else NO_THREAD
        if said in ("list", "runbooks", "list runbooks"):
            return await asking.list_runbooks()
        return Said("help", ok=False)

    async def home(self, body: Mapping[str, Any]) -> None:
        """The Home tab: open incidents, stops, and the emergency button for those who may press it."""
        event = body["event"]
        if event.get("tab") != "home":
            return
        who = caller(body, self._desk.people, self._desk.team)
        status = self._desk.asking.status
        answer = await self._desk.attempt(status(None), who.user, "looks") if who.person else Said("status")
        view = self._desk.renderer.view(
            "home",
            data=answer.data,
            names=self._desk.name_of,
            known=who.person is not None,
            may_stop=bool(who.person and MAY_STOP & set(who.person.roles)),
            command=self._desk.command,
            now=self._desk.clock(),
        )
        try:
            await self._desk.client.publish_home(who.user, view)
        except CountersignError as error:
            log().warning("slack: the home tab was not published", error=str(error))
