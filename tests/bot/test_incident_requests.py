"""Skip, stop, escalate, acknowledge, resolve, reassign, kill, resume: who may, what it writes, and that it happens once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bot.errors import Transient
from bot.incident import IncidentStatus
from bot.services import People, Person
from bot.stages.reply import Reply
from bot.store import approvals, proposals
from bot.store.proposals import Proposal
from tests.fakes.equipment import PEOPLE, START, alert
from tests.fakes.scene import Scene, scene

WITH_IDS = {
    **PEOPLE,
    "people": [{**person, "pagerduty": f"P{person['id'].upper()}"} for person in PEOPLE["people"][:2]]
    + PEOPLE["people"][2:],
}


@pytest.fixture
async def trouble(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path, people=People.model_validate(WITH_IDS)) as made:
        await made.fold(alert())
        incident = await made.incident()
        offer = Proposal(
            "prop_1", incident.id, "restart-service", "restart", "w", "open", None, 1, [], created_at=START
        )
        await made.write(lambda s: proposals.save(s, offer))
        yield made


Ask = Callable[[Scene, Person, str], Awaitable[Reply]]
ASKS: dict[str, Ask] = {
    "skip": lambda s, who, _inc: s.requests.skip_step("prop_1", who, "not now"),
    "stop": lambda s, who, _inc: s.requests.stop(s.started[-1], who),
    "escalate": lambda s, who, inc: s.requests.escalate(inc, who, ""),
    "acknowledge": lambda s, who, inc: s.requests.acknowledge(inc, who),
    "resolve": lambda s, who, inc: s.requests.resolve(inc, who),
    "reassign": lambda s, who, inc: s.requests.reassign(inc, who, "ben"),
    "kill": lambda s, who, _inc: s.requests.kill("all", "", "storm", who),
}


@pytest.mark.parametrize("name", [*ASKS, "resume"])
async def test_T01_a_viewer_changes_nothing(trouble: Scene, name: str) -> None:
    await trouble.ask()
    incident = await trouble.incident()
    before = await trouble.entries()
    dev = trouble.person("dev")
    reply = await (
        ASKS[name](trouble, dev, incident.id) if name in ASKS else trouble.requests.resume("all", "", "r", dev)
    )
    assert (reply.ok, reply.data["code"]) == (False, "wrong_role")
    assert (await trouble.entries(), await trouble.incident()) == (before, incident)
    assert await trouble.equipment.kill_switch.stops() == ()


WRITES = {
    "skip": ("skipped", {"by": "Ana", "reason": "not now"}),
    "stop": ("stopped", {"by": "Ana", "reason": "asked to stop; no further step will start"}),
    "escalate": ("escalated", {"reason": "Ana asked for help", "severity": "critical", "page": True}),
    "resolve": ("resolved", {"by": "Ana", "via": "slack"}),
    "reassign": ("reassigned", {"by": "Ana", "via": "slack", "assignees": ["Ben"]}),
    "kill": ("killed", {"level": "all", "name": "", "reason": "storm"}),
}


@pytest.mark.parametrize("name", WRITES)
async def test_each_is_one_entry_with_who_did_it(trouble: Scene, name: str) -> None:
    if name == "stop":
        await trouble.ask(runbook="roll-back-setting")
    kind, data = WRITES[name]
    reply = await ASKS[name](trouble, trouble.person("ana"), (await trouble.incident()).id)
    assert reply.ok
    entry = (await trouble.entries())[-1]
    assert (entry.kind.value, entry.data) == (kind, data)


FORGED: dict[str, Callable[[Scene, str], Awaitable[Reply]]] = {
    "unknown_proposal": lambda s, x: s.requests.skip_step(x, s.person("ana"), ""),
    "unknown_run": lambda s, x: s.requests.stop(x, s.person("ana")),
    "unknown_incident": lambda s, x: s.requests.acknowledge(x, s.person("ana")),
    "unknown_incident ": lambda s, x: s.requests.escalate(x, s.person("ana"), ""),
    "unknown_incident  ": lambda s, x: s.requests.reassign(x, s.person("ana"), "me"),
}


@pytest.mark.parametrize("code", FORGED)
@pytest.mark.parametrize("forged", ["", "x_404", "*"])
async def test_T12_an_id_that_is_none_of_ours(trouble: Scene, code: str, forged: str) -> None:
    reply = await FORGED[code](trouble, forged)
    assert (reply.ok, reply.data["code"]) == (False, code.strip())


@pytest.mark.parametrize("name", ["skip", "resolve"])
async def test_T04_a_second_time_changes_nothing(trouble: Scene, name: str) -> None:
    incident = await trouble.incident()
    assert (await ASKS[name](trouble, trouble.person("ana"), incident.id)).ok
    before = await trouble.entries()
    again = await ASKS[name](trouble, trouble.person("ben"), incident.id)
    assert (again.ok, again.name) == (False, "already")
    assert await trouble.entries() == before


async def test_acknowledging_tells_the_monitor_once(trouble: Scene) -> None:
    incident = await trouble.incident()
    assert (await trouble.requests.acknowledge(incident.id, trouble.person("ana"))).ok
    assert (await trouble.requests.acknowledge(incident.id, trouble.person("ben"))).name == "already"
    assert (await trouble.incident()).status is IncidentStatus.ACKNOWLEDGED
    assert [row["payload"] for row in await trouble.outbox("pagerduty", "status")] == [{"status": "acknowledged"}]


async def test_T23_resolving_by_hand_voids_what_is_open(trouble: Scene) -> None:
    await trouble.ask()
    await trouble.requests.resolve((await trouble.incident()).id, trouble.person("ana"))
    assert (await trouble.approval()).state == "void"
    assert [a.id for a in await trouble.read(approvals.undelivered)] == [(await trouble.approval()).id]
    assert not (await trouble.vote("ben")).ok
    assert await trouble.carry_out() == "refused"
    assert trouble.world.acts == []
    offer = await trouble.read(lambda s: proposals.get(s, "prop_1"))
    assert offer is not None
    assert offer.state != "open"


async def test_T23_resolving_by_hand_after_the_approval_stops_the_run_before_its_first_act(trouble: Scene) -> None:
    await trouble.ask()
    await trouble.vote("ben")
    await trouble.requests.resolve((await trouble.incident()).id, trouble.person("ana"))
    trouble.world.live = None
    assert await trouble.carry_out() == "refused"
    assert trouble.world.acts == []


async def test_stopping_an_ended_run_says_how_it_ended(trouble: Scene) -> None:
    await trouble.ask()
    await trouble.vote("ben", approve=False)
    await trouble.carry_out()
    reply = await trouble.requests.stop(trouble.started[0], trouble.person("ana"))
    assert (reply.name, reply.data["text"]) == ("already", "The run has ended: refused.")


@pytest.mark.parametrize(("name", "wanted"), [("me", "Ana"), ("ben", "Ben"), ("BEN", "Ben")])
async def test_reassigning_to_somebody_of_the_directory(trouble: Scene, name: str, wanted: str) -> None:
    assert (await trouble.requests.reassign((await trouble.incident()).id, trouble.person("ana"), name)).ok
    assert (await trouble.incident()).assignees == (wanted,)
    assert [row["payload"] for row in await trouble.outbox("pagerduty", "reassign")] == [
        {"user_ids": [f"P{wanted.upper()}"]}
    ]


@pytest.mark.parametrize("name", ["zoe", "", "cora", "PBEN", "<@U2>"])
async def test_T07_reassigning_to_nobody_we_know_is_refused(trouble: Scene, name: str) -> None:
    reply = await trouble.requests.reassign((await trouble.incident()).id, trouble.person("ana"), name)
    assert (reply.ok, reply.data["code"]) == (False, "unknown_person")
    assert (await trouble.incident()).assignees == ()


async def test_T55_a_responder_stops_and_an_operator_lifts_with_a_reason(trouble: Scene) -> None:
    requests, ana, cora = trouble.requests, trouble.person("ana"), trouble.person("cora")
    assert (await requests.kill("service", "payments", "looks wrong", ana)).ok
    assert [(s.level, s.name, s.by) for s in await trouble.equipment.kill_switch.stops()] == [
        ("service", "payments", "ana")
    ]
    assert (await trouble.ask()).data["code"] == "kill_switch"
    refusals: list[Any] = [
        (await requests.resume("service", "payments", "fine", ana)).data["code"],
        (await requests.resume("service", "payments", "  ", cora)).data["code"],
        (await requests.resume("all", "", "fine", cora)).name,
    ]
    assert refusals == ["wrong_role", "reason_missing", "already"]
    assert (await requests.resume("service", "payments", "fine", cora)).ok
    assert await trouble.equipment.kill_switch.stops() == ()
    assert (await trouble.kinds())[-1] == "resumed"
    assert (await trouble.ask()).ok


async def test_T55_every_open_incident_hears_of_the_stop(trouble: Scene) -> None:
    await trouble.fold(alert("E2", "PINC2"))
    await trouble.requests.kill("all", "", "storm", trouble.person("ana"))
    for name in ("PINC1", "PINC2"):
        assert (await trouble.kinds(name))[-1] == "killed"


async def test_T60_an_operator_releases_what_an_ended_run_kept(tmp_path: Path) -> None:
    from bot.store import leases, runs

    async with scene(tmp_path) as made:
        await made.fold(alert())
        await made.ask()
        run = await made.run()
        now = made.equipment.clock()
        await made.write(lambda s: leases.acquire(s, ["supervisor_program:prod/payments"], run.id, now))
        cora, ana = made.person("cora"), made.person("ana")
        codes = [
            (await made.requests.release(run.id, ana, "looked")).data["code"],
            (await made.requests.release(run.id, cora, " ")).data["code"],
            (await made.requests.release("run_nothing", cora, "looked")).data["code"],
            (await made.requests.release(run.id, cora, "looked")).data["code"],
        ]
        assert codes == ["wrong_role", "reason_missing", "unknown_run", "run_under_way"]
        await made.write(lambda s: runs.close(s, run.id, "unknown", "", now))
        assert (await made.requests.release(run.id, cora, "looked")).ok
        assert await made.read(leases.holders) == {}
        assert not (await made.requests.release(run.id, cora, "looked")).ok


@pytest.mark.parametrize(
    ("level", "name", "known"),
    [
        ("all", "", True),
        ("service", "payments", True),
        ("service", "Payments", True),
        ("service", "paymnets", False),
        ("environment", "prod", True),
        ("environment", "production", False),
        ("action", "supervisor.restart", True),
        ("action", "restart", False),
    ],
)
async def test_T55_a_stop_of_something_that_is_not_here_is_engaged_and_says_that_it_may_stop_nothing(
    trouble: Scene, level: str, name: str, known: bool
) -> None:
    reply = await trouble.requests.kill(level, name, "storm", trouble.person("ana"))
    assert reply.ok
    assert ("`/runbook kill all`" in reply.data["text"]) is not known
    assert [stop.name for stop in await trouble.equipment.kill_switch.stops()] == [name]


async def test_T46_the_reason_of_a_stop_is_stored_redacted(trouble: Scene) -> None:
    assert (await trouble.requests.kill("all", "", "password=hunter2 leaked", trouble.person("ana"))).ok
    (stop,) = await trouble.equipment.kill_switch.stops()
    assert stop.reason.startswith("password=[redacted:")


async def test_T55_a_stop_that_cannot_be_told_in_the_threads_is_engaged_and_says_so(
    trouble: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses(_work: Callable[[Any], Any]) -> None:
        raise Transient("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(trouble.equipment.store, "write", refuses)
        reply = await trouble.requests.kill("all", "", "storm", trouble.person("ana"))
    assert (reply.ok, reply.name) == (True, "done")
    assert [stop.level for stop in await trouble.equipment.kill_switch.stops()] == ["all"]
