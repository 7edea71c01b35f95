"""What a story does and reads again and again: people who click, and what each place shows.

Used by every story. Reads only what people and vendors hold; never the bot's own files.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.sandbox import judge
from bot.sandbox.configuration import CHANNEL
from bot.sandbox.people import Human
from bot.sandbox.slack_records import NotAcknowledged, SlackMessage
from bot.sandbox.story import Narrator, StoryFailed
from bot.sandbox.workspace import Workspace

AWAY = ("not_connected", "connection_lost", "slack_unreachable", "connection_failed", "http 503")
# What each kind of entry says, in the thread and in notes and comments (templates/).
REQUESTED = r"asked to run"
APPROVED = r"approved\W* by"
CONFIRMED = r"confirmed\W* by"
EXECUTED = r"\bdone\b\W"
PROVED = r"(?<!not )proved\W*health"
NOT_PROVED = r"not proved"
ROLLED_BACK = r"rolled back"
ESCALATED = r"people are needed|escalated to people"
UNKNOWN = r"outcome unknown"
ANSWERED = r"looked and said"
EXPIRED = r"nobody answered in time"
WORKED = r"finished.*(worked|succeeded)"
FAILED = r"finished.*failed"
WAS_ROLLED_BACK = r"finished.*rolled.back"
RESOLVED = r"resolved\W* by"
SUCCESS = (REQUESTED, APPROVED, EXECUTED, PROVED, WORKED)


@dataclass(frozen=True, slots=True)
class Button:
    """Where a button is shown, what it carries, and what stands on it."""

    channel: str
    ts: str
    action: str
    value: str
    label: str


class Scene:
    """The workspace as the people of one story use it."""

    def __init__(self, workspace: Workspace, say: Narrator) -> None:
        self.workspace = workspace
        self.say = say
        self.incident = ""

    # -- reading -------------------------------------------------------------------------------------------------
    def summaries(self) -> list[SlackMessage]:
        """Every top-level message of the bot in #incidents; a reply that is also shown to the channel is none."""
        slack = self.workspace.slack
        shown = slack.messages(CHANNEL)
        return [m for m in shown if m.user == slack.bot.id and m.thread_ts in ("", m.ts)]

    def summary(self) -> str:
        """The text of the newest summary, empty when there is none."""
        found = self.summaries()
        return text_of(found[-1]) if found else ""

    def thread(self) -> list[str]:
        """The lines of the bot in the summary's thread, oldest first; an edited card shows its present text."""
        found = self.summaries()
        if not found:
            return []
        replies = self.workspace.slack.thread(CHANNEL, found[-1].ts)[1:]
        return [text_of(message) for message in replies if message.user == self.workspace.slack.bot.id]

    def entries(self) -> list[str]:
        """The thread without the cards, which are edited and so have no place in an order."""
        found = self.summaries()
        replies = self.workspace.slack.thread(CHANNEL, found[-1].ts)[1:] if found else []
        return [told(m) for m in replies if m.user == self.workspace.slack.bot.id and not is_card(m)]

    def cards(self) -> list[str]:
        """The cards of the runs in the thread, oldest first."""
        found = self.summaries()
        replies = self.workspace.slack.thread(CHANNEL, found[-1].ts)[1:] if found else []
        return [text_of(m) for m in replies if m.user == self.workspace.slack.bot.id and is_card(m)]

    def whispers(self, human: Human) -> list[str]:
        """What only this person was told, oldest first."""
        return [text_of(message) for message in self.workspace.slack.ephemerals(human.slack)]

    def notes(self) -> list[str]:
        """The notes on the PagerDuty incident, oldest first."""
        return [str(note["content"]) for note in self.workspace.pagerduty.notes(self.incident)]

    def status(self) -> str:
        """The incident's state in PagerDuty."""
        return str(self.workspace.pagerduty.incident(self.incident)["status"])

    def comments(self) -> list[str]:
        """The comments on the one Jira issue, oldest first. Raises StoryFailed when there are several issues."""
        issues = self.workspace.tickets.issues()
        if len(issues) > 1:
            raise StoryFailed("one Jira issue for one incident", f"{len(issues)} issues")
        return [judge.flat(c["body"]) for issue in issues for c in self.workspace.tickets.comments(issue["key"])]

    def work_notes(self) -> list[str]:
        """The work notes on the one ServiceNow incident, oldest first. Raises StoryFailed when there are several."""
        tickets = self.workspace.tickets.records()
        if len(tickets) > 1:
            raise StoryFailed("one ServiceNow incident for one incident", f"{len(tickets)} incidents")
        return [note for ticket in tickets for note in self.workspace.tickets.work_notes(ticket["sys_id"])]

    def pages(self) -> list[str]:
        """Every page the bot asked for through Events v2, as JSON text."""
        return [json.dumps(e["body"]) for e in self.workspace.pagerduty.events() if e["kind"] == "trigger"]

    def picture(self) -> str:
        """Everything at once, for the text of a failure."""
        return "\n".join(
            [
                f"PagerDuty says {self.status() if self.incident else '(no incident)'}",
                "--- summary ---",
                self.summary() or "(none)",
                "--- thread ---",
                *(self.thread() or ["(empty)"]),
                "--- notes ---",
                *(self.notes() if self.incident else []),
            ]
        )

    # -- acting --------------------------------------------------------------------------------------------------
    async def alert(self, service: str = "payments", **told: str) -> None:
        """The monitor opens a PagerDuty incident. told: as Workspace.alert takes it."""
        self.incident = await self.workspace.alert(service, **told)
        self.say(f"PagerDuty opens incident {self.incident}")

    async def button(self, action: str, *, within: float = 20.0, other_than: str = "") -> Button:
        """Wait for a button in #incidents. other_than: a value it must not have, to wait for the next one."""

        def look() -> Button | None:
            found = self.workspace.slack.find_button(action, CHANNEL)
            if found is None or (other_than and found[2] == other_than):
                return None
            return Button(found[0], found[1], action, found[2], found[3])

        found = await self.say.expect(
            look, within=within, what=f"a button {action} is shown in #incidents", last=self.picture
        )
        if found is None:
            raise StoryFailed(f"a button {action}", self.picture())
        return found

    async def press(self, human: Human, button: Button, *, stale: bool = False, patience: float = 30.0) -> None:
        """One click. stale: the person's screen still shows the message as it was.

        When the bot is not connected just then, Slack shows a warning sign and the person clicks again, for `patience`
        seconds at most; a connected bot that stays silent is a failure. Raises StoryFailed.
        """
        self.say(f"{human.name} clicks “{button.label}”" + (" on an old screen" if stale else ""))
        await self._patiently(
            lambda: self.workspace.slack.click(
                human.slack, button.channel, button.ts, button.action, button.value, stale=stale
            ),
            patience,
        )

    async def type(self, human: Human, command: str, *, patience: float = 30.0) -> None:
        """One slash command in #incidents, with the same patience. Raises StoryFailed."""
        self.say(f"{human.name} types {command}")
        await self._patiently(lambda: self.workspace.slack.slash(human.slack, CHANNEL, command), patience)

    @staticmethod
    async def _patiently(deed: Callable[[], Awaitable[None]], patience: float) -> None:
        while True:
            try:
                await deed()
            except NotAcknowledged as error:
                if error.reason not in AWAY or patience <= 0:
                    raise StoryFailed("the bot acknowledges within three seconds", error.reason) from error
                await asyncio.sleep(0.5)
                patience -= 0.5
            else:
                return

    async def told(self, human: Human, pattern: str, before: int, what: str) -> str:
        """Wait until this person alone has been told something new that matches. before: how much they knew."""

        def look() -> str:
            fresh = self.whispers(human)[before:]
            return next((text for text in fresh if not judge.missing({"it": pattern}, text)), "")

        return await self.say.expect(
            look, within=10, what=what, last=lambda: f"{human.name} was told {self.whispers(human)[before:]}"
        )

    async def refused(self, human: Human, button: Button, pattern: str, what: str, *, stale: bool = False) -> None:
        """This person clicks and is refused, alone and with words."""
        before = len(self.whispers(human))
        await self.press(human, button, stale=stale)
        await self.told(human, pattern, before, what)

    # -- judging -------------------------------------------------------------------------------------------------
    async def everywhere(
        self, wanted: tuple[str, ...], *, within: float = 30.0, also_known_to_pagerduty: tuple[str, ...] = ()
    ) -> None:
        """Wait until the thread, the notes and both tickets tell the same story, in order and each line once.

        also_known_to_pagerduty: expressions at the end that PagerDuty has as its own state, not as a note.
        """
        places = {
            "the thread": (self.entries, (*wanted, *also_known_to_pagerduty)),
            "PagerDuty's notes": (self.notes, wanted),
            "the Jira issue": (self.comments, (*wanted, *also_known_to_pagerduty)),
            "the ServiceNow incident": (self.work_notes, (*wanted, *also_known_to_pagerduty)),
        }
        for name, (read, patterns) in places.items():
            await self._tells(name, read, patterns, within)

    async def _tells(self, name: str, read: Callable[[], list[str]], patterns: tuple[str, ...], within: float) -> None:
        await self.say.expect(
            lambda: not judge.out_of_order(patterns, read()),
            within=within,
            what=f"{name}: the whole transcript is there, in order",
            last=lambda: f"{judge.out_of_order(patterns, read())} in\n" + "\n".join(read()),
        )
        self.say.check(judge.repeated(read()), f"{name}: no line is there twice", "\n".join(read()))

    async def audit(self) -> None:
        """`python -m bot audit verify` must find an unbroken chain."""
        code, output = await self.workspace.command("audit", "verify")
        self.say.check([] if code == 0 else [f"exit code {code}"], "the audit chain verifies", output)

    def one_summary(self) -> None:
        """There is exactly one summary for the one incident."""
        found = self.summaries()
        self.say.check(
            [] if len(found) == 1 else [f"{len(found)} messages"],
            "#incidents holds exactly one summary",
            "\n".join(text_of(message) for message in found),
        )

    def starts(self, wanted: int) -> None:
        """The service's own ledger says how often it was started."""
        found = self.workspace.starts("payments")
        self.say.check(
            [] if found == wanted else [f"{found} starts instead of {wanted}"],
            f"payments was started {wanted - 1} time(s) since the beginning, says its own ledger",
        )

    async def up(self) -> None:
        """The service answers."""
        status = await self.workspace.health("payments")
        self.say.check([] if status == 200 else [f"HTTP {status}"], "payments answers 200 again")


def text_of(message: SlackMessage) -> str:
    """Everything a person reads in one message."""
    return judge.flat([message.text, list(message.blocks), list(message.attachments)])


def told(message: SlackMessage) -> str:
    """What a person reads, and the mark of the delivery that Slack keeps beside it: two honest lines may say the same."""
    payload = (message.metadata or {}).get("event_payload") or {}
    return f"{text_of(message)}\n[cs-{payload['delivery']}]" if payload.get("delivery") else text_of(message)


def is_card(message: SlackMessage) -> bool:
    """Whether it is a run's card: the only replies with a header."""
    return any(block.get("type") == "header" for block in message.blocks)
