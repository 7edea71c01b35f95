"""The Slack recorder with the real store, against the sandbox's real local Slack."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.clients.slack import Posted, SlackClient
from bot.errors import Ambiguous, Permanent, Transient
from bot.incident import Incident, IncidentStatus, Severity
from bot.plan import Act, Check, Plan, PlanStep, Target
from bot.recorders.base import Delivery
from bot.recorders.slack import SlackRecorder
from bot.recorders.slack_pace import Pace
from bot.recorders.slack_seen import look
from bot.render import Renderer
from bot.sandbox.slack_api import SlackApi
from bot.sandbox.slack_records import SlackUser
from bot.sandbox.slack_state import SlackWorkspace
from bot.services import Catalogue, People, Person, Service, SlackIdentity
from bot.slack.provenance import Records
from bot.store import approvals, board, entries, incidents, messages, proposals, runs
from bot.store.approvals import Approval
from bot.store.proposals import Proposal
from bot.store.runs import Run
from bot.store.session import Store
from bot.transcript import Entry, EntryKind

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime.now(UTC)
CHANNEL, OTHER, INCIDENT, RUN = "C0INC", "C0PAY", "inc_aaaaaaaaaaaaaaaa", "run_aaaaaaaaaaaaaaaa"


def incident(**changes: Any) -> Incident:
    values: dict[str, Any] = {
        "id": INCIDENT,
        "source": "pagerduty",
        "external_id": "P1",
        "title": "payments <!channel>",
        "status": IncidentStatus.TRIGGERED,
        "severity": Severity.CRITICAL,
        "service": "payments",
        "environment": "prod",
        "opened_at": NOW,
        "updated_at": NOW,
        "assignees": ("Alice",),
    }
    return Incident.model_validate(values | changes)


def plan() -> Plan:
    target = Target(kind="supervisor_program", environment="prod", name="payments")
    act = Act(
        adapter="supervisor",
        operation="supervisor.restart",
        target=target,
        request={},
        shown="restart payments",
        deadline_seconds=30,
    )
    check = Check(fact="health", expect="status == 200", within_seconds=60, every_seconds=2, required=3, of=4)
    step = PlanStep(id="restart", title="Restart", act=act, read_only=False, risk="safe", check=check)
    return Plan(
        incident_id=INCIDENT,
        runbook="restart-service",
        runbook_title="Restart",
        runbook_digest="0" * 64,
        policy_digest="1" * 64,
        service="payments",
        environment="prod",
        tier=1,
        requester="alice",
        steps=(step,),
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=15),
    )


def delivery(kind: str, subject: str = INCIDENT, number: int = 1, **more: Any) -> Delivery:
    return Delivery(
        id=number, destination="slack", lane=INCIDENT, kind=kind, incident_id=INCIDENT, subject=subject, **more
    )


class Bench:
    """The recorder and what it needs."""

    def __init__(self) -> None:
        numbers = itertools.count(1)
        self.workspace = SlackWorkspace(clock=lambda: datetime.now(UTC), new_id=lambda p: f"{p}{next(numbers):08d}")
        self.workspace.add_user(SlackUser("U0ALICE", "alice", "Alice"))
        for channel in (CHANNEL, OTHER):
            self.workspace.add_channel(channel, channel.lower(), members={"U0ALICE", self.workspace.bot.id})
        self.api = SlackApi(self.workspace, posts_per_second=0)
        self.slept: list[float] = []
        self.time = 0.0
        self.pace = Pace(1.0, 3, lambda: self.time)
        self.client: SlackClient
        self.store: Store
        self.recorder: SlackRecorder
        self._ids = itertools.count(1)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds

    async def start(self, path: Path) -> None:
        self.client = SlackClient(self.workspace.bot_token, await self.api.start(), timeout=2)
        self.store = await Store.open(f"sqlite+aiosqlite:///{path}")
        account = SlackIdentity(team="T0SANDBOX", user="U0ALICE")
        self.recorder = SlackRecorder(
            client=self.client,
            store=self.store,
            renderer=Renderer(ROOT / "templates"),
            catalogue=Catalogue(services=(Service(name="payments", environment="prod", owner="sre", tier=1),)),
            people=People(people=(Person(id="alice", name="Alice", slack=(account,)),)),
            default_channel=CHANNEL,
            clock=lambda: datetime.now(UTC),
            pace=self.pace,
            sleep=self.sleep,
        )
        await self.store.write(lambda s: incidents.save(s, incident()))

    async def stop(self) -> None:
        await self.client.close()
        await self.api.stop()
        await self.store.close()

    async def send(self, kind: str, subject: str = INCIDENT, **more: Any) -> str:
        return await self.recorder.deliver(delivery(kind, subject, next(self._ids), **more))

    async def entry(self, kind: EntryKind, run_id: str = "", **data: Any) -> str:
        entry = Entry(incident_id=INCIDENT, run_id=run_id, kind=kind, at=NOW, actor="alice", data=data)
        return str((await self.store.write(lambda s: entries.append(s, entry))).seq)

    async def run(self) -> None:
        made = Run(
            id=RUN,
            incident_id=INCIDENT,
            proposal_id="",
            plan=plan(),
            digest=plan().digest,
            state="waiting",
            outcome="",
            requester="alice",
            created_at=NOW,
            started_at=None,
            finished_at=None,
            stop_requested_by="",
            note="",
        )
        await self.store.write(lambda s: runs.create(s, made))

    def posts(self) -> list[dict[str, Any]]:
        return [arguments for method, arguments in self.api.calls if method == "chat.postMessage"]

    def edits(self) -> list[dict[str, Any]]:
        return [arguments for method, arguments in self.api.calls if method == "chat.update"]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench()
    await made.start(tmp_path / "app.db")
    yield made
    await made.stop()


async def test_the_summary_is_posted_once_and_then_edited(bench: Bench) -> None:
    first = await bench.send("summary")
    await bench.store.write(lambda s: incidents.save(s, incident(status=IncidentStatus.RESOLVED)))
    assert await bench.send("summary") == first
    (message,) = bench.workspace.messages(CHANNEL)
    assert message.ts == first
    assert message.text.startswith("🟢")
    assert (len(bench.posts()), len(bench.edits())) == (1, 1)
    found = await bench.store.read(lambda s: messages.by_thread(s, CHANNEL, first))
    assert found == INCIDENT


async def test_T44_the_title_cannot_ping(bench: Bench) -> None:
    await bench.send("summary")
    (post,) = bench.posts()
    assert "<!channel>" not in str(post)
    assert post["unfurl_links"] is False
    assert post["metadata"]["event_payload"] == {"delivery": 1, "key": f"summary:{INCIDENT}"}


async def test_the_service_or_the_incident_chooses_the_channel(bench: Bench) -> None:
    await bench.store.write(lambda s: incidents.save(s, incident(channel=OTHER)))
    await bench.send("summary")
    assert len(bench.workspace.messages(OTHER)) == 1


async def test_entries_are_replies_and_are_never_posted_twice(bench: Bench) -> None:
    seq = await bench.entry(EntryKind.SKIPPED, by="alice", reason="looking first")
    ts = await bench.send("entry", seq)
    assert await bench.send("entry", seq) == ts
    root, reply = bench.workspace.thread(CHANNEL, bench.workspace.messages(CHANNEL)[0].ts)
    assert root.text.startswith("🔴")
    assert reply.text == "⏭️ Alice *skipped the step*: looking first"
    assert len(bench.posts()) == 2


async def test_an_escalation_calls_the_assigned_people(bench: Bench) -> None:
    seq = await bench.entry(EntryKind.ESCALATED, reason="no proof", severity="critical", page=True)
    await bench.send("entry", seq)
    assert "<@U0ALICE>" in str(bench.posts()[-1]["blocks"])
    assert bench.posts()[-1]["reply_broadcast"] is True


async def test_C4_an_alert_of_another_source_calls_nobody(bench: Bench) -> None:
    await bench.store.write(lambda s: incidents.save(s, incident(source="generic")))
    await bench.send("entry", await bench.entry(EntryKind.ESCALATED, reason="x"))
    assert "<@" not in str(bench.posts())


async def test_a_card_is_posted_once_and_follows_its_run(bench: Bench) -> None:
    await bench.run()
    question = Approval(
        id="apr_aaaaaaaaaaaaaaaa",
        run_id=RUN,
        step_id="restart",
        kind="approval",
        digest=plan().digest,
        approvers={"count": 1, "any_of": ["sre"], "all_of": []},
        requester="alice",
        message="",
        state="pending",
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=15),
        decided_at=None,
        delivered=False,
    )
    await bench.store.write(lambda s: approvals.open(s, question))
    ts = await bench.send("card", RUN)
    assert "plan_approve" in str(bench.posts()[-1]["blocks"])
    records = Records(bench.store)
    assert await records.belongs("plan_approve", question.id, CHANNEL, ts)
    assert await records.belongs("run_stop", RUN, CHANNEL, ts)
    await bench.store.write(lambda s: runs.close(s, RUN, "refused", "", NOW))
    assert await bench.send("card", RUN) == ts
    assert "plan_approve" not in str(bench.edits()[-1]["blocks"])


async def test_T12_a_value_of_another_card_does_not_belong(bench: Bench) -> None:
    await bench.run()
    offer = Proposal(
        id="prop_aaaaaaaaaaaaaaaa",
        incident_id=INCIDENT,
        runbook="r",
        step_id="s",
        why="",
        state="open",
        plan=None,
        score=1.0,
        reasons=[],
        alternatives=[],
        created_at=NOW,
    )
    await bench.store.write(lambda s: proposals.save(s, offer))
    summary, card = await bench.send("summary"), await bench.send("card", RUN)
    records = Records(bench.store)
    assert await records.belongs("step_run", offer.id, CHANNEL, summary)
    assert await records.belongs("incident_escalate", INCIDENT, CHANNEL, summary)
    for action, value, channel, ts in [
        ("step_run", offer.id, CHANNEL, card), ("step_run", offer.id, OTHER, summary), ("step_run", "prop_x", CHANNEL, summary),
        ("plan_approve", "apr_x", CHANNEL, card), ("run_stop", RUN, CHANNEL, summary), ("run_stop", "", CHANNEL, card),
        ("incident_escalate", "inc_x", CHANNEL, summary), ("other", RUN, CHANNEL, card),
    ]:  # fmt: skip
        assert not await records.belongs(action, value, channel, ts)


class Unanswered:
    """The client of a connection that dies after Slack has posted, once."""

    def __init__(self, client: SlackClient, *, lost: bool) -> None:
        self._client, self._lost, self._left = client, lost, 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def post(self, *arguments: Any, **more: Any) -> Posted:
        if self._left:
            self._left -= 1
            if not self._lost:
                await self._client.post(*arguments, **more)
            raise Ambiguous("no answer")
        return await self._client.post(*arguments, **more)


@pytest.mark.parametrize("lost", [True, False])
async def test_T64_a_post_without_an_answer_is_looked_up_before_it_is_repeated(bench: Bench, lost: bool) -> None:
    bench.recorder._client = Unanswered(bench.client, lost=lost)
    with pytest.raises(Ambiguous):
        await bench.send("summary")
    ts = await bench.send("summary", maybe_sent=True)
    assert [m.ts for m in bench.workspace.messages(CHANNEL)] == [ts]


async def test_T64_a_reply_without_an_answer_is_looked_up_in_its_thread(bench: Bench) -> None:
    root = await bench.send("summary")
    seq = await bench.entry(EntryKind.SKIPPED, by="alice")
    bench.recorder._client = Unanswered(bench.client, lost=False)
    with pytest.raises(Ambiguous):
        await bench.send("entry", seq)
    ts = await bench.send("entry", seq, maybe_sent=True)
    assert [m.ts for m in bench.workspace.thread(CHANNEL, root)] == [root, ts]


@pytest.mark.parametrize("kind", ["summary", "entry", "card"])
async def test_T62_a_message_whose_place_could_not_be_stored_is_found_and_not_posted_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The disk is full for a while: each try would put one more copy into the thread."""
    await bench.run()
    root = "" if kind == "summary" else await bench.send("summary")
    subject = {"summary": INCIDENT, "card": RUN}.get(kind) or await bench.entry(EntryKind.SKIPPED, by="alice")

    async def full(_work: Any) -> None:
        raise Transient("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(bench.store, "write", full)
        for _ in range(3):
            with pytest.raises(Ambiguous):  # so that the outbox knows it after a restart, too
                await bench.send(kind, subject)
    ts = await bench.send(kind, subject)
    assert [m.ts for m in bench.workspace.thread(CHANNEL, root or ts)] == ([root, ts] if root else [ts])
    assert [m.ts for m in bench.workspace.messages(CHANNEL)] == [root or ts]


async def test_a_doubtful_summary_is_looked_up_by_the_next_delivery(bench: Bench) -> None:
    seq = await bench.entry(EntryKind.SKIPPED, by="alice")
    bench.recorder._client = Unanswered(bench.client, lost=False)
    with pytest.raises(Ambiguous):
        await bench.send("summary")
    await bench.send("entry", seq)
    assert len(bench.workspace.messages(CHANNEL)) == 1


async def test_another_apps_message_with_our_key_is_not_ours(bench: Bench) -> None:
    metadata = {"event_type": "countersign", "event_payload": {"key": f"summary:{INCIDENT}"}}
    forged = bench.workspace.post(CHANNEL, "U0ALICE", "forged", metadata=metadata)
    assert await bench.send("summary", maybe_sent=True) != forged.ts


async def test_posts_keep_slacks_pace(bench: Bench) -> None:
    for _ in range(6):
        await bench.send("entry", await bench.entry(EntryKind.SKIPPED, by="alice"))
    assert [round(seconds, 2) for seconds in bench.slept] == [1.04] * 4  # 7 posts, 3 at once, then a little under 1/s


async def test_a_429_holds_its_channel_only(bench: Bench) -> None:
    bench.api.set_rate(0.5, 1)
    await bench.send("summary")
    with pytest.raises(Transient) as refused:
        await bench.send("entry", await bench.entry(EntryKind.SKIPPED, by="alice"))
    assert refused.value.retry_after is None, "the outbox must not hold other channels"
    assert bench.pace.wait(CHANNEL) >= 1
    assert bench.pace.wait(OTHER) == 0


async def test_a_429_in_two_channels_at_once_holds_the_workspace(bench: Bench) -> None:
    bench.api.set_rate(0.1, 1)
    await bench.send("notice", payload={"text": "x", "channel": CHANNEL})
    await bench.send("notice", payload={"text": "x", "channel": OTHER})
    asked = []
    for channel in (CHANNEL, OTHER):
        with pytest.raises(Transient) as refused:
            await bench.send("notice", payload={"text": "y", "channel": channel})
        asked.append(refused.value.retry_after)
    assert asked[0] is None
    assert asked[1]
    assert asked[1] >= 1


async def test_what_was_read_when_it_was_claimed_is_shown_without_another_read(bench: Bench) -> None:
    shown = await bench.store.read(lambda s: board.load(s, INCIDENT))
    await bench.send("summary", seen=shown)
    stale = await bench.store.read(lambda s: look(s, delivery("summary")))
    await bench.store.write(lambda s: incidents.save(s, incident(status=IncidentStatus.RESOLVED)))
    ts = await bench.send("summary", seen=stale)
    (message,) = bench.workspace.messages(CHANNEL)
    assert message.ts == ts
    assert "Nobody has acknowledged" in str(message.blocks)


async def test_a_delivery_that_had_to_wait_shows_the_present(bench: Bench) -> None:
    await bench.send("summary")
    stale = await bench.store.read(lambda s: look(s, delivery("summary")))
    await bench.store.write(lambda s: incidents.save(s, incident(status=IncidentStatus.RESOLVED)))
    while not bench.slept:
        await bench.send("summary", seen=stale)
    (message,) = bench.workspace.messages(CHANNEL)
    assert "Resolved" in str(message.blocks)


@pytest.mark.parametrize(("kind", "subject"), [("dance", INCIDENT), ("entry", "999"), ("card", "run_x")])
async def test_what_is_not_there_is_permanent(bench: Bench, kind: str, subject: str) -> None:
    with pytest.raises(Permanent):
        await bench.send(kind, subject)


async def test_a_notice_goes_to_its_channel(bench: Bench) -> None:
    await bench.send("notice", payload={"text": "audit head <x>", "channel": OTHER})
    assert bench.workspace.messages(OTHER)[0].text == "audit head &lt;x&gt;"


async def test_T51_a_click_on_a_card_whose_place_is_recorded_a_moment_later_counts(bench: Bench) -> None:
    """The bot was killed between posting the card and recording where it stands; the outbox finds it again."""
    await bench.run()
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            await bench.send("card", RUN)

    records = Records(bench.store, sleep)
    assert not await Records(bench.store, _no_time).belongs("run_stop", RUN, CHANNEL, "1700000000.000009")
    assert not await records.belongs("run_stop", RUN, CHANNEL, "1700000000.000009")
    assert len(waits) == 2


async def _no_time(_seconds: float) -> None:
    return None
