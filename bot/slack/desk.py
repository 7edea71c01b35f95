"""The desk: what every listener of this room uses. Who asks, what they asked, and an answer to every click (mission P4).

Made by bot/app.py and handed to bot/slack/bolt.py. `Asking` is the part of bot/requests.py that this room calls. Must
not decide anything: a refusal comes from `Asking`, the wording from templates.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from bot.clients.slack import SlackClient
from bot.errors import Ambiguous, CountersignError, Permanent, Transient
from bot.render import Message, Renderer
from bot.services import People, Person
from bot.slack.accounts import UNAVAILABLE, Accounts
from bot.telemetry import log

Kind = Literal["looks", "changes", "stops"]
"""What is asked for: to see something, to change something, or only that less is done (a stop, a no, a page)."""


class Answer(Protocol):
    """bot.requests.Reply as this room sees it. name: `templates/slack/reply_<name>.json.j2`."""

    @property
    def ok(self) -> bool:
        """Whether what was asked for happened or is under way."""
        ...

    @property
    def name(self) -> str:
        """Of the template."""
        ...

    @property
    def data(self) -> dict[str, Any]:
        """Of the template."""
        ...


class Asking(Protocol):
    """The one authorisation path, bot.requests.Requests."""

    async def run_step(self, proposal_id: str, person: Person, place: tuple[str, str] | None = None) -> Answer:
        """Run the offered step: plan, guards, then start or ask. place: (channel, ts) of the message with the button."""
        ...

    async def show_plan(self, proposal_id: str, person: Person, place: tuple[str, str] | None = None) -> Answer:
        """The exact plan; starts nothing. place: as of `run_step`."""
        ...

    async def skip_step(self, proposal_id: str, person: Person, reason: str) -> Answer:
        """Withdraw the offer."""
        ...

    async def vote(self, approval_id: str, person: Person, approve: bool, reason: str, channel: str, ts: str) -> Answer:
        """Approve or reject."""
        ...

    async def stop(self, run_id: str, person: Person) -> Answer:
        """No further step of this run."""
        ...

    async def answer_unknown(self, approval_id: str, person: Person, answer: str) -> Answer:
        """`done`, `retry` or `abort`."""
        ...

    async def escalate(self, incident_id: str, person: Person, reason: str) -> Answer:
        """Page people."""
        ...

    async def kill(self, level: str, name: str, reason: str, person: Person) -> Answer:
        """Engage the kill switch."""
        ...

    async def resume(self, level: str, name: str, reason: str, person: Person) -> Answer:
        """Lift the kill switch."""
        ...

    async def run_runbook(
        self, runbook: str, service: str, environment: str | None, person: Person, channel: str, *, once: str
    ) -> Answer:
        """Run a runbook by name. once: Slack's id of this command; offered again after a crash it begins no second run."""
        ...

    async def break_glass(
        self,
        runbook: str,
        service: str,
        environment: str | None,
        person: Person,
        channel: str,
        reason: str,
        *,
        once: str,
    ) -> Answer:
        """Run a runbook past the rules that policy lets be broken. once: as of `run_runbook`."""
        ...

    async def plan_runbook(self, runbook: str, service: str, environment: str | None, person: Person) -> Answer:
        """The plan of a runbook by name."""
        ...

    async def status(self, service: str | None) -> Answer:
        """Open incidents, stops, services."""
        ...

    async def history(self, service: str | None) -> Answer:
        """The newest runs."""
        ...

    async def so_far(self, incident_id: str) -> Answer:
        """The transcript of one incident."""
        ...

    async def explain(self, subject: str, person: Person) -> Answer:
        """Why a run or what was asked about an incident was allowed, asked about or refused."""
        ...

    async def list_runbooks(self) -> Answer:
        """Every runbook."""
        ...

    async def show_runbook(self, runbook: str) -> Answer:
        """One runbook."""
        ...

    async def release(self, run_id: str, person: Person, reason: str) -> Answer:
        """Unlock the targets of an ended run."""
        ...

    async def reassign(self, incident_id: str, person: Person, name: str) -> Answer:
        """Give it to somebody."""
        ...

    async def acknowledge(self, incident_id: str, person: Person) -> Answer:
        """Acknowledge the incident."""
        ...

    async def resolve(self, incident_id: str, person: Person) -> Answer:
        """Resolve the incident."""
        ...


@dataclass(frozen=True, slots=True)
class Said:
    """An answer of the room itself: help, usage, stranger, trouble."""

    name: str
    data: dict[str, Any] = field(default_factory=dict)
    ok: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer goes. response_url: of the click or command, may be empty. thread_ts: empty outside a thread."""

    channel: str
    user: str
    response_url: str = ""
    thread_ts: str = ""


class Provenance(Protocol):
    """Whether a button's value belongs to the message it was clicked in (case T12)."""

    async def belongs(self, action_id: str, value: str, channel: str, ts: str) -> bool:
        """True when the record says so."""
        ...


@dataclass(frozen=True, slots=True)
class Desk:
    """team: id of our workspace. command: `/runbook`. incident_of: (channel, thread ts) -> incident id or None.
    clock: UTC now. accounts: what Slack says about an account (T07); None when countersign.yaml switches that off.
    """

    asking: Asking
    client: SlackClient
    renderer: Renderer
    people: People
    provenance: Provenance
    incident_of: Callable[[str, str], Awaitable[str | None]]
    team: str
    command: str
    clock: Callable[[], datetime]
    accounts: Accounts | None

    def name_of(self, person_id: str) -> str:
        """Display name of a directory id; anything else as it is."""
        person = self.people.by_id(person_id)
        return person.name if person else "Countersign" if person_id == "bot" else str(person_id)

    def words(self, answer: Answer) -> Message:
        """The message of an answer."""
        data = {"command": self.command, **answer.data}
        return self.renderer.blocks(f"reply_{answer.name}", data=data, names=self.name_of)

    async def tell(self, place: Place, answer: Answer) -> None:
        """Answer only the person who asked: through the response address, else as an ephemeral message."""
        message = self.words(answer)
        if place.channel == place.user:  # App Home: Slack has no ephemeral messages in a direct conversation
            await self.client.post(place.user, message.text, message.blocks)
            return
        if place.response_url:
            try:
                await self.client.respond(place.response_url, message.text, message.blocks, thread_ts=place.thread_ts)
            except CountersignError as error:
                log().warning("slack: response address failed", error=str(error))
            else:
                return
        await self.client.ephemeral(place.channel, place.user, message.text, message.blocks, thread_ts=place.thread_ts)

    async def settle(self, place: Place, work: Coroutine[Any, Any, Answer], kind: Kind = "changes") -> None:
        """Do what was asked and answer it, whatever happens: an exception becomes a kind answer and a log line.

        The acknowledgement has left already (apis.md 1.2), so nothing here may end in silence.
        """
        answer = await self.attempt(work, place.user, kind)
        await self.tell(place, answer)

    async def attempt(self, work: Coroutine[Any, Any, Answer], user: str, kind: Kind) -> Answer:
        """The answer, or the `trouble` answer for an exception of any kind: the one broad except of the Slack room.

        A person stands behind every call and has been acknowledged already: a bug must reach the log and them, kindly.
        user: Slack id; only the account of one of ours may change something (T07).
        """
        try:
            refused = await self._refused(user, kind)
            return await work if refused is None else refused
        except Exception as error:  # noqa: BLE001 - the edge of the Slack room: whatever broke, the person hears of it
            return self._trouble(error)
        finally:
            work.close()  # what was refused is never begun; nothing happens to what has ended

    async def _refused(self, user: str, kind: Kind) -> Said | None:
        """The refusal of an account that is not one of ours. A Slack that does not answer keeps nobody from a stop."""
        denied = await self.accounts.refusal(user) if self.accounts is not None and kind != "looks" else None
        if denied is None or (kind == "stops" and denied.code == UNAVAILABLE):
            return None
        log().warning("slack: an account was refused", user=user, code=denied.code)
        return Said("refused", {"code": denied.code, "reason": denied.reason, "remedy": denied.remedy})

    @staticmethod
    def _trouble(error: Exception) -> Said:
        kinds = {Transient: "transient", Ambiguous: "ambiguous", Permanent: "permanent"}
        kind = next((name for family, name in kinds.items() if isinstance(error, family)), "")
        log().error("slack: a request failed", kind=kind or "unexpected", error=f"{type(error).__name__}: {error}")
        return Said("trouble", {"kind": kind})
