"""The people of a game day: they wait until they see the button, click it, and remember what they alone are told.

Used by bot/sandbox/gameday/play.py. They act as a person with a Slack client can, and in no other way; must not reach
into the bot, and must not decide whether an answer was right.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from bot.sandbox.configuration import CHANNEL
from bot.sandbox.gameday.reading import contains
from bot.sandbox.gameday.scenario import Deed, Person
from bot.sandbox.gameday.sight import Answer
from bot.sandbox.gameday.watch import Watcher
from bot.sandbox.people import EVERYBODY, Human
from bot.sandbox.slack_elements import elements_in
from bot.sandbox.slack_records import JSON, NotAcknowledged, NotShown, SlackMessage
from bot.sandbox.stories.scene import AWAY, text_of
from bot.sandbox.workspace import Workspace

ACTIONS: dict[Deed, tuple[str, str]] = {
    "run": ("step_run", ""),
    "confirm": ("plan_approve", "Confirm"),
    "approve": ("plan_approve", "Approve"),
    "reject": ("plan_reject", ""),
    "skip": ("step_skip", ""),
    "stop": ("run_stop", ""),
    "go_on": ("unknown_retry", ""),
    "it_happened": ("unknown_done", ""),
    "give_up": ("unknown_abort", ""),
    "page": ("incident_escalate", ""),
}
"""A deed -> the button's action_id (design.md section 8, stable), and what must stand on it where two share one."""
ANSWER_SECONDS = 20.0
AWAY_SECONDS = 30.0
POLL_SECONDS = 0.1


class Missed(Exception):
    """A person could not do what the script says: the button never came, or the bot stayed silent."""


class Hands:
    """The hands of everybody in one workspace. now: monotonic seconds."""

    def __init__(self, workspace: Workspace, now: Callable[[], float]) -> None:
        self._workspace = workspace
        self._now = now
        self._pressed: set[tuple[str, str, str]] = set()
        self._known = {human.id: 0 for human in EVERYBODY}

    async def do(self, person: Person, watcher: Watcher) -> None:
        """One line of the script. Raises Missed; what they were told goes to the watcher."""
        human = next(one for one in EVERYBODY if one.id == person.who)
        known = len(self._whispers(human))
        if person.does == "type":
            await self._patiently(lambda: self._workspace.slack.slash(human.slack, CHANNEL, person.text), human, person)
        else:
            await self._press(human, person, watcher)
        wanted = person.told or person.refused
        if wanted:
            watcher.answers.append(await self._answer(human, person, wanted, known))

    def begin(self) -> None:
        """A round begins: what people were told before is of no interest in it."""
        self._known = {human.id: len(self._whispers(human)) for human in EVERYBODY}

    def told(self) -> list[str]:
        """What people alone were told in this round, for the text of a failure."""
        return [
            f"{human.name} alone was told: {text}"
            for human in EVERYBODY
            for text in self._whispers(human)[self._known[human.id] :]
        ]

    async def _press(self, human: Human, person: Person, watcher: Watcher) -> None:
        action, label = ACTIONS[person.does]
        deadline = self._now() + person.patience
        while (found := self._button(human, action, label, watcher)) is None:
            if self._now() > deadline:
                raise Missed(
                    f"{human.name} waited {person.patience:g} s for the button “{person.does}”, and it never came"
                )
            await asyncio.sleep(POLL_SECONDS)
        message, value = found
        slack = self._workspace.slack
        await self._patiently(lambda: slack.click(human.slack, CHANNEL, message.ts, action, value), human, person)
        if not person.refused:  # who is refused may press the same button again
            self._pressed.add((human.id, action, value))
        if person.does == "reject":
            await self._send_reason(human, person)

    def _button(self, human: Human, action: str, label: str, watcher: Watcher) -> tuple[SlackMessage, str] | None:
        """The newest such button about this round's incident that this person has not pressed yet."""
        for root in watcher.summaries(watcher.incidents[0])[:1] if watcher.incidents else []:
            for message in reversed([root, *watcher.replies(root)]):
                for _, element in elements_in(message.blocks, message.attachments):
                    value = str(element.get("value", ""))
                    if (
                        element.get("action_id") == action
                        and label in ("", _words(element))
                        and (human.id, action, value) not in self._pressed
                    ):
                        return message, value
        return None

    async def _send_reason(self, human: Human, person: Person) -> None:
        slack = self._workspace.slack
        deadline = self._now() + ANSWER_SECONDS
        while not (views := slack.views(human.slack)):
            if self._now() > deadline:
                raise Missed(f"{human.name} was never asked why not")
            await asyncio.sleep(POLL_SECONDS)
        view = views[-1].id
        wrong = await slack.submit_view(human.slack, view, {"reason": {"text": person.text}})
        if wrong:
            raise Missed(f"{human.name}'s reason was not taken: {wrong}")

    async def _answer(self, human: Human, person: Person, wanted: str, known: int) -> Answer:
        """Wait until they are told it. A refusal must carry its code; other words are an expression."""
        pattern = f"reason code: {wanted}" if person.refused else wanted
        deadline = self._now() + ANSWER_SECONDS
        while True:
            said = tuple(self._whispers(human)[known:])
            came = any(contains(pattern, text) for text in said)
            if came or self._now() > deadline:
                return Answer(human.name, _did(person), wanted, came, said)
            await asyncio.sleep(POLL_SECONDS)

    async def _patiently(self, deed: Callable[[], Awaitable[object]], human: Human, person: Person) -> None:
        """While the bot is away Slack shows a warning sign, and the person tries again."""
        deadline = self._now() + AWAY_SECONDS
        while True:
            try:
                await deed()
            except NotAcknowledged as error:
                if error.reason not in AWAY or self._now() > deadline:
                    raise Missed(f"{human.name} {_did(person)}, and Slack says {error.reason}") from error
                await asyncio.sleep(0.5)
            except NotShown as error:
                raise Missed(f"{human.name} {_did(person)}: {error}") from error
            else:
                return

    def _whispers(self, human: Human) -> list[str]:
        return [text_of(message) for message in self._workspace.slack.ephemerals(human.slack)]


def _did(person: Person) -> str:
    return f"typed {person.text}" if person.does == "type" else f"clicked {person.does.replace('_', ' ')}"


def _words(element: JSON) -> str:
    return str((element.get("text") or {}).get("text", ""))
