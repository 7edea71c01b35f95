"""The buttons: every action_id of design.md section 8, one request each, one answer each (mission P4).

Registered by bot/slack/bolt.py. A button carries an opaque id; what it means is read from the store at click time, and
a value clicked in a message that does not show it is refused (case T12). Must not trust the card's text.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from bot.errors import CountersignError
from bot.services import Person
from bot.slack.actors import caller
from bot.slack.desk import Answer, Desk, Kind, Place, Said
from bot.telemetry import log

Deed = Callable[[str, Person, str, str], Coroutine[Any, Any, Answer]]
HOME = "kill_switch"
STOPS = frozenset({HOME, "run_stop", "incident_escalate"})  # an unanswered question about an account stops no stop
# The Home tab is no card; the other two are compared with the record where the offer is read, which saves a look at it.
CHECKED = frozenset({HOME, "step_run", "step_plan"})
BESIDE = {"plan_why": "run_stop"}  # on the same card, with the same value
FORGED = Said(
    "refused",
    {
        "code": "wrong_card",
        "reason": "This button does not belong to the message it was clicked in.",
        "remedy": "Use the newest summary or card of the incident.",
    },
)
LATE = Said("already", {"text": "The window could not be opened in time. Please click again."})


class Actions:
    """One method per kind of button; `deeds` maps action ids to them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        asking = desk.asking
        self.deeds: dict[str, Deed] = {
            "step_run": lambda value, person, channel, ts: asking.run_step(value, person, (channel, ts)),
            "step_skip": lambda value, person, _c, _t: asking.skip_step(value, person, ""),
            "incident_escalate": lambda value, person, _c, _t: asking.escalate(value, person, "asked for in Slack"),
            "plan_approve": lambda value, person, channel, ts: asking.vote(value, person, True, "", channel, ts),
            "plan_why": lambda value, person, _c, _t: asking.explain(value, person),
            "run_stop": lambda value, person, _c, _t: asking.stop(value, person),
            "unknown_done": lambda value, person, _c, _t: asking.answer_unknown(value, person, "done"),
            "unknown_retry": lambda value, person, _c, _t: asking.answer_unknown(value, person, "retry"),
            "unknown_abort": lambda value, person, _c, _t: asking.answer_unknown(value, person, "abort"),
            HOME: lambda _v, person, _c, _t: asking.kill("all", "", "pressed in the App Home", person),
        }

    async def handle(self, body: Mapping[str, Any]) -> None:
        """One click; the acknowledgement has been sent."""
        action = body["actions"][0]
        action_id, value = str(action.get("action_id", "")), str(action.get("value", ""))
        container = body.get("container") or {}
        channel = str((body.get("channel") or {}).get("id") or container.get("channel_id") or "")
        ts = str(container.get("message_ts") or (body.get("message") or {}).get("ts") or "")
        thread = str(container.get("thread_ts") or (body.get("message") or {}).get("thread_ts") or "")
        who = caller(body, self._desk.people, self._desk.team)
        place = Place(channel, who.user, str(body.get("response_url") or ""), thread if thread != ts else "")
        if not channel and who.user:
            place = Place(who.user, who.user)  # App Home: answered in the direct message with the person
        if who.person is None:
            await self._desk.tell(place, Said("stranger", {"team": who.team, "user": who.user}))
        elif action_id not in CHECKED and not await self._desk.provenance.belongs(
            BESIDE.get(action_id, action_id), value, channel, ts
        ):
            log().warning("slack: a button of another message", action=action_id, user=who.user)
            await self._desk.tell(place, FORGED)
        elif action_id == "step_plan":
            plan = self._desk.asking.show_plan(value, who.person, (channel, ts))
            await self._show_plan(plan, place, str(body.get("trigger_id", "")))
        elif action_id == "plan_reject":
            await self._ask_why(value, place, ts, str(body.get("trigger_id", "")))
        elif action_id in self.deeds:
            kind: Kind = "looks" if action_id == "plan_why" else "stops" if action_id in STOPS else "changes"
            await self._desk.settle(place, self.deeds[action_id](value, who.person, channel, ts), kind)
        else:
            await self._desk.tell(place, Said("usage", {"text": "That button is from an older version of me."}))

    async def _show_plan(self, plan: Coroutine[Any, Any, Answer], place: Place, trigger: str) -> None:
        """In a window that opens at once: Slack lets us open one for three seconds, and a fact of a service that hangs
        may take five. Without a window, or when it was closed meanwhile, an ephemeral answer.
        """
        desk = self._desk
        window, answer = await asyncio.gather(self._window(trigger), desk.attempt(plan, place.user, "looks"))
        if window:
            if answer.name == "plan":
                view = desk.renderer.view("modal_plan", data=answer.data)
            else:
                view = desk.renderer.view("modal_answer", blocks=desk.words(answer).blocks)
            try:
                await desk.client.update_view(window, view)
            except CountersignError as error:
                log().info("slack: plan shown without its window", error=str(error))
            else:
                return
        await desk.tell(place, answer)

    async def _window(self, trigger: str) -> str:
        """Id of a window that says what is being done; empty when Slack does not let us open one any more."""
        try:
            return await self._desk.client.open_view(trigger, self._desk.renderer.view("modal_looking"))
        except CountersignError as error:
            log().info("slack: plan shown without a window", error=str(error))
            return ""

    async def _ask_why(self, value: str, place: Place, ts: str, trigger: str) -> None:
        """A rejection has a reason: asked for in a window, sent by bot/slack/views.py."""
        belongs_to = {"approval": value, "channel": place.channel, "ts": ts, "thread": place.thread_ts}
        view = self._desk.renderer.view("modal_reject", metadata=json.dumps(belongs_to))
        try:
            await self._desk.client.open_view(trigger, view)
        except CountersignError as error:
            log().info("slack: no window for a reason", error=str(error))
            await self._desk.tell(place, LATE)
