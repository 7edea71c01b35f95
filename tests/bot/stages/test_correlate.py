"""Correlate: storms, repeats, wrong order, unknown services, text that lies, and work that a resolution makes needless."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.incident import Change, IncidentStatus, ServiceReference, Severity, SignalKind
from bot.stages.correlate import boards
from bot.store import changes, proposals, signals
from bot.store.proposals import Proposal
from tests.fakes.equipment import START, alert
from tests.fakes.scene import Scene

LATER = START + timedelta(minutes=1)


async def test_T27_a_storm_of_500_signals_in_20_groups_is_20_incidents_and_20_posts(empty: Scene) -> None:
    storm = [alert(f"E{number}", f"PINC{number % 20}") for number in range(500)]
    folded = await empty.fold(*storm)
    assert (folded.opened, len(folded.enrich)) == (20, 20)
    found = [await empty.incident(f"PINC{group}") for group in range(20)]
    assert {incident.occurrences for incident in found} == {25}
    summaries = await empty.outbox("slack")
    assert Counter((row["kind"], row["subject"]) for row in summaries) == {
        ("summary", incident.id): 1 for incident in found
    }


async def test_T27_a_storm_in_many_batches_still_waits_as_one_post_each(empty: Scene) -> None:
    for batch in range(10):
        await empty.fold(*(alert(f"E{batch}-{number}", f"PINC{number % 4}") for number in range(20)))
    assert {(await empty.incident(f"PINC{group}")).occurrences for group in range(4)} == {50}
    assert len(await empty.outbox("slack", "summary")) == 4


async def test_what_is_fresh_is_told_as_it_is_after_the_whole_batch(empty: Scene) -> None:
    folded = await empty.fold(alert("E1"), alert("E2"), alert("E3", "PINC2"), alert("E4", "PINC2"))
    assert [incident for incident, _ in folded.fresh.values()] == [
        await empty.incident("PINC1"),
        await empty.incident("PINC2"),
    ]
    assert [[entry] for _, entry in folded.fresh.values()] == [await empty.entries(f"PINC{n}") for n in (1, 2)]


async def test_what_was_acknowledged_in_the_same_batch_is_not_fresh(empty: Scene) -> None:
    folded = await empty.fold(alert("E1"), moved(SignalKind.ACKNOWLEDGED, "E2", 5), alert("E3", "PINC2"))
    assert list(folded.fresh) == [(await empty.incident("PINC2")).id]
    assert (await empty.fold(alert("E4"))).fresh == {}


async def test_the_most_urgent_of_what_is_fresh_are_shown_first(empty: Scene) -> None:
    worst = {"PINC3": Severity.CRITICAL, "PINC5": Severity.CRITICAL}
    storm = [alert(f"E{n}", f"PINC{n}", severity=worst.get(f"PINC{n}", Severity.WARNING)) for n in range(1, 7)]
    folded = await empty.fold(*storm)
    for most, names in ((2, {"PINC3", "PINC5"}), (0, set()), (9, {f"PINC{n}" for n in range(1, 7)})):
        shown = await empty.read(lambda s, most=most: boards(s, folded, most))
        assert {made.incident.external_id for made in shown.values()} == names


async def test_T19_T21_a_replay_changes_nothing(empty: Scene) -> None:
    storm = [alert(f"E{number}", f"PINC{number % 3}") for number in range(30)]
    await empty.fold(*storm)
    before = [await empty.incident(f"PINC{group}") for group in range(3)]
    rows = await empty.outbox()
    again = await empty.fold(*storm)
    assert (again.opened, again.enrich, again.wake) == (0, {}, [])
    assert [await empty.incident(f"PINC{group}") for group in range(3)] == before
    assert await empty.outbox() == rows


async def test_T19_the_same_event_twice_in_one_batch_counts_once(empty: Scene) -> None:
    await empty.fold(alert("E1"), alert("E1"), alert("E2"))
    assert (await empty.incident()).occurrences == 2


async def test_one_key_from_two_sources_is_two_signals(empty: Scene) -> None:
    deployed = alert("E1", "", source="github", kind=SignalKind.CHANGE, service=ServiceReference(id="acme/payments"))
    await empty.fold(alert("E1"), deployed)
    assert await empty.read(lambda s: signals.seen(s, "pagerduty", ["E1"])) == {"E1"}
    assert await empty.read(lambda s: signals.seen(s, "github", ["E1"])) == {"E1"}


def moved(kind: SignalKind, key: str, seconds: float, **more: Any) -> Any:
    return alert(key, kind=kind, status=None, occurred_at=START + timedelta(seconds=seconds), **more)


ORDERS: list[tuple[str, list[tuple[SignalKind, float]], IncidentStatus]] = [
    ("in order", [(SignalKind.ALERT, 0), (SignalKind.RESOLVED, 9)], IncidentStatus.RESOLVED),
    ("resolved before triggered", [(SignalKind.RESOLVED, 9), (SignalKind.ALERT, 0)], IncidentStatus.RESOLVED),
    ("both in one second", [(SignalKind.RESOLVED, 9), (SignalKind.ALERT, 9)], IncidentStatus.RESOLVED),
    (
        "late acknowledgement",
        [(SignalKind.ALERT, 0), (SignalKind.RESOLVED, 9), (SignalKind.ACKNOWLEDGED, 5)],
        IncidentStatus.RESOLVED,
    ),
    (
        "reopened",
        [(SignalKind.ALERT, 0), (SignalKind.RESOLVED, 9), (SignalKind.REOPENED, 12)],
        IncidentStatus.TRIGGERED,
    ),
    (
        "reopened before resolved arrives",
        [(SignalKind.ALERT, 0), (SignalKind.REOPENED, 12), (SignalKind.RESOLVED, 9)],
        IncidentStatus.TRIGGERED,
    ),
    (
        "acknowledged, unacknowledged",
        [(SignalKind.ALERT, 0), (SignalKind.ACKNOWLEDGED, 3), (SignalKind.UNACKNOWLEDGED, 6)],
        IncidentStatus.TRIGGERED,
    ),
    ("acknowledged first", [(SignalKind.ACKNOWLEDGED, 3), (SignalKind.ALERT, 0)], IncidentStatus.ACKNOWLEDGED),
]


@pytest.mark.parametrize("at_once", [True, False], ids=["one batch", "one by one"])
@pytest.mark.parametrize(("name", "order", "wanted"), ORDERS, ids=[name for name, _, _ in ORDERS])
async def test_T23_out_of_order_ends_in_the_newest_state(
    empty: Scene, name: str, order: list[tuple[SignalKind, float]], wanted: IncidentStatus, at_once: bool
) -> None:
    arrived = [
        moved(kind, f"E{number}", seconds) if kind is not SignalKind.ALERT
        else alert(f"E{number}", occurred_at=START + timedelta(seconds=seconds))
        for number, (kind, seconds) in enumerate(order)
    ]  # fmt: skip
    if at_once:
        folded = await empty.fold(*arrived)
    else:
        for signal in arrived:
            folded = await empty.fold(signal)
    incident = await empty.incident()
    assert incident.status is wanted
    if wanted is IncidentStatus.RESOLVED:
        assert folded.enrich == {}


async def test_T23_a_reopened_incident_is_looked_at_again(trouble: Scene) -> None:
    await trouble.fold(moved(SignalKind.RESOLVED, "E2", 5))
    folded = await trouble.fold(moved(SignalKind.REOPENED, "E3", 9))
    assert list(folded.enrich) == [(await trouble.incident()).id]
    assert (await trouble.kinds())[-2:] == ["resolved", "reopened"]


async def test_T23_an_alert_for_a_resolved_incident_reopens_it_and_says_so(trouble: Scene) -> None:
    await trouble.fold(moved(SignalKind.RESOLVED, "E2", 5))
    folded = await trouble.fold(alert("E3", occurred_at=START + timedelta(seconds=9)))
    incident = await trouble.incident()
    assert (incident.status, incident.occurrences) == (IncidentStatus.TRIGGERED, 2)
    assert list(folded.enrich) == [incident.id]
    assert (await trouble.kinds())[-1] == "reopened"


async def test_T23_resolved_voids_the_question_and_wakes_the_run(trouble: Scene) -> None:
    assert (await trouble.ask()).ok
    asked = await trouble.approval()
    folded = await trouble.fold(moved(SignalKind.RESOLVED, "E2", 5))
    assert folded.wake == [(trouble.started[0], asked.id)]
    assert (await trouble.approval()).state == "void"
    assert not (await trouble.vote("ben")).ok
    assert await trouble.carry_out() == "refused"
    assert trouble.world.acts == []


async def test_T23_resolved_withdraws_the_offered_step(trouble: Scene) -> None:
    incident = await trouble.incident()
    offered = Proposal(
        "prop_1", incident.id, "restart-service", "restart", "why", "open", None, 1.0, [], created_at=START
    )
    await trouble.write(lambda s: proposals.save(s, offered))
    await trouble.fold(moved(SignalKind.RESOLVED, "E2", 5))
    found = await trouble.read(lambda s: proposals.get(s, "prop_1"))
    assert found is not None
    assert found.state == "superseded"


async def test_T23_resolved_in_the_middle_of_a_run_lets_no_further_act_start(trouble: Scene) -> None:
    await trouble.ask()
    await trouble.vote("ben")

    async def resolve_now(_act: object) -> None:
        trouble.world.during = None
        folded = await trouble.fold(moved(SignalKind.RESOLVED, "E2", 5))
        assert folded.wake == []

    trouble.world.during = resolve_now
    await trouble.carry_out()
    assert (await trouble.run()).outcome == "refused"
    assert [operation for operation, _ in trouble.world.acts] == ["supervisor.tail_log"]


async def test_unknown_service_is_kept_without_environment(empty: Scene) -> None:
    await empty.fold(alert(service=ServiceReference(id="PNOBODY", name="payments")))
    incident = await empty.incident()
    assert (incident.service, incident.environment, incident.channel) == ("", "", "")
    assert incident.service_label == "payments"


LIES: list[dict[str, Any]] = [
    {"labels": {"environment": "dev", "env": "dev", "service": "payments"}},
    {"details": {"environment": "dev"}},
    {"title": "environment=dev service=payments [dev] ServiceDown"},
    {"service": ServiceReference(id="PSVC1", name="payments (dev)")},
    {"service": ServiceReference(id="PNOBODY", name="payments"), "labels": {"environment": "dev"}},
    {"service": ServiceReference(id="psvc1", name="payments")},
    {"service": ServiceReference(id="PSVC1\u200b", name="payments")},
]


@pytest.mark.parametrize("lie", LIES, ids=[",".join(lie) + str(n) for n, lie in enumerate(LIES)])
async def test_T35_text_never_sets_the_environment(empty: Scene, lie: dict[str, Any]) -> None:
    await empty.fold(alert(**lie))
    incident = await empty.incident()
    known = lie.get("service", ServiceReference(id="PSVC1")).id == "PSVC1"
    assert (incident.service, incident.environment) == (("payments", "prod") if known else ("", ""))


async def test_T35_a_later_signal_cannot_move_an_incident_to_another_service(trouble: Scene) -> None:
    lie = moved(SignalKind.UPDATED, "E2", 5, service=ServiceReference(id="POTHER"), labels={"environment": "dev"})
    await trouble.fold(lie)
    incident = await trouble.incident()
    assert (incident.service, incident.environment) == ("payments", "prod")


async def test_the_third_time_in_half_an_hour_is_flapping(empty: Scene) -> None:
    flags = []
    for number in range(4):
        empty.clock.now = START + timedelta(minutes=5 * number)
        at = empty.clock.now
        await empty.fold(alert(f"E{number}", f"PINC{number}", occurred_at=at))
        flags.append((await empty.incident(f"PINC{number}")).flapping)
        await empty.fold(
            alert(
                f"R{number}",
                f"PINC{number}",
                kind=SignalKind.RESOLVED,
                status=None,
                occurred_at=at + timedelta(minutes=1),
            )
        )
    assert flags == [False, False, True, True]


async def test_three_times_in_two_hours_is_not_flapping(empty: Scene) -> None:
    for number in range(3):
        empty.clock.now = START + timedelta(minutes=40 * number)
        at = empty.clock.now
        await empty.fold(alert(f"E{number}", f"PINC{number}", occurred_at=at))
        await empty.fold(
            alert(
                f"R{number}",
                f"PINC{number}",
                kind=SignalKind.RESOLVED,
                status=None,
                occurred_at=at + timedelta(minutes=1),
            )
        )
    assert not (await empty.incident("PINC2")).flapping


async def test_a_change_is_kept_beside_its_service_and_opens_nothing(empty: Scene) -> None:
    deployed = alert(
        "D1",
        "",
        source="github",
        kind=SignalKind.CHANGE,
        title="Deploy 42",
        service=ServiceReference(id="acme/payments"),
        actor_name="ana",
        revision="abc123",
    )
    folded = await empty.fold(deployed, deployed)
    assert (folded.opened, await empty.outbox()) == (0, [])
    found: list[Change] = await empty.read(
        lambda s: changes.recent(s, "payments", "prod", START - timedelta(hours=1), 10)
    )
    assert [(c.summary, c.author, c.revision) for c in found] == [("Deploy 42", "ana", "abc123")]


@pytest.mark.parametrize("kind", [SignalKind.NOTE, SignalKind.OTHER])
async def test_notes_and_the_like_move_nothing(trouble: Scene, kind: SignalKind) -> None:
    before = await trouble.incident()
    folded = await trouble.fold(moved(kind, "E2", 5), moved(kind, "E3", 6, external_id="PINC9"))
    assert (folded.opened, folded.enrich) == (0, {})
    assert await trouble.incident() == before
    assert await trouble.read(lambda s: signals.seen(s, "pagerduty", ["E2", "E3"])) == {"E2", "E3"}


async def test_reassignment_and_severity_are_taken_over(trouble: Scene) -> None:
    await trouble.fold(moved(SignalKind.REASSIGNED, "E2", 3, assignees=("Ben",), actor_name="Cora"))
    await trouble.fold(moved(SignalKind.UPDATED, "E3", 4, severity=Severity.WARNING))
    incident = await trouble.incident()
    assert (incident.assignees, incident.severity) == (("Ben",), Severity.WARNING)
    assert (await trouble.kinds())[1:] == ["reassigned"]


HOSTILE = [
    "<!channel> <@U1> <https://evil.example|Approve>",
    "{{ 7*7 }} {% include 'x' %} ${target}",
    "; rm -rf / && $(id) `id`",
    "a\nb\x1b[31mred\x00 \u202eabc",
    "'; drop table incident; --",
    "password=hunter2 token: xoxb-1234567890-abcdefghijkl",
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_T39_T44_T46_hostile_text_is_kept_as_data_and_redacted(empty: Scene, text: str) -> None:
    await empty.fold(alert(title=text, details={"note": text}, labels={"l": text}))
    incident = await empty.incident()
    entry = (await empty.entries())[0]
    assert entry.data["title"] == incident.title
    for kept in (incident.title, incident.details["note"], incident.labels["l"]):
        if "hunter2" in text:
            assert "hunter2" not in kept
            assert "xoxb" not in kept
        else:
            assert kept == text
    assert (incident.service, incident.environment) == ("payments", "prod")


async def test_T46_no_secret_of_a_signal_is_stored_in_the_clear(empty: Scene, tmp_path: Path) -> None:
    secret = "xoxb-1234567890-abcdefghijkl"
    pushed = alert("C1", "", kind=SignalKind.CHANGE, title=f"Commit {secret}", service=ServiceReference(id="PSVC1"))
    await empty.fold(alert(title=f"token {secret}", details={"n": secret}), pushed)
    raw = b"".join(path.read_bytes() for path in tmp_path.glob("app.db*"))
    assert secret.encode() not in raw
