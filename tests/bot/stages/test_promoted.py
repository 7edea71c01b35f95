"""Promoted: above the lowest environment only what has its own record, asked before every step, ended by a failure."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import guards
from bot.plan import Plan
from bot.stages.execute import Attempt, execute
from bot.stages.gate import decide_step, snapshot
from bot.stages.match import choose, version_in
from bot.stages.promoted import Promoted, demoted, in_words, setback_of, to_review
from bot.store import automation_events, decisions, leases, runs
from guards import Allow, Decision, Deny, Policy
from runbooks.digest import digest
from runbooks.ladder import Ladder
from runbooks.load import BUILTIN, Library
from runbooks.next_step import NextStep, NoStep
from runbooks.promotion import Promotion, Withdrawal, new_record, record_text
from runbooks.promotion_records import PromotionRecords
from tests.bot.stages.test_gate import made
from tests.fakes.equipment import POLICY, START, everything_promoted
from tests.fakes.scene import Scene, scene

LADDER = Ladder("dev", ("dev", "staging", "prod"))
TARGET = "supervisor_program:prod/payments"
URL = "https://example.test/1"


def record(scene: Scene, env: str = "prod", *, runbook: str = "restart-service", **changes: Any) -> Promotion:
    """A record of the runbook as it is, a month old."""
    found = scene.equipment.library.get(runbook)
    assert found is not None
    new = new_record(runbook, digest(found), env, URL, 3, "cora", START - timedelta(days=30))
    return new.model_copy(update=changes)


def hold(scene: Scene, *records: Promotion, demotes: bool = True) -> None:
    scene.change(promotions=PromotionRecords(ladder=LADDER, demotes=demotes, records=records))


async def decided(scene: Scene, found: Plan, *, undo: bool = False) -> Decision:
    person, now, step = scene.person("ana"), scene.clock(), found.steps[-1]

    def work(session: Any) -> Decision:
        context = snapshot(session, scene.equipment, found, step, person, "run_x", (), now, undo=undo)
        setback = setback_of(session, scene.equipment, found)
        return decide_step(scene.equipment, found, step, context, setback=setback, undo=undo)

    return await scene.read(work)


def verdict(decision: Decision) -> Any:
    return next(finding.verdict for finding in decision.trace if finding.rule == "promotion")


# -- the rule -------------------------------------------------------------------------------------------------------


async def test_T41_without_a_record_it_is_refused_and_the_trace_says_why(trouble: Scene) -> None:
    hold(trouble)
    reply = await trouble.ask()
    assert not reply.ok
    decision = await decided(trouble, made(trouble))
    assert decision.outcome == "deny"
    assert [denial.code for denial in decision.denials] == ["not_promoted"]
    assert verdict(decision).reason.endswith("has no promotion record for prod.")


async def test_T41_with_its_record_people_are_asked_as_usual(trouble: Scene) -> None:
    hold(trouble, record(trouble))
    decision = await decided(trouble, made(trouble))
    assert decision.outcome == "ask"
    assert verdict(decision) == Allow(f"Promoted to prod by cora on 2026-10-22, evidence {URL}")


WRONG: list[dict[str, Any]] = [
    {"digest": "b" * 64},
    {"env": "staging"},
    {"id": "start-service"},
    {"when": START + timedelta(days=1)},
    {"withdrawn": Withdrawal(by="ben", when=START, why="it made it worse")},
]


@pytest.mark.parametrize("changes", WRONG, ids=lambda changes: next(iter(changes)))
async def test_T41_the_record_of_anything_else_promotes_nothing(trouble: Scene, changes: dict[str, Any]) -> None:
    hold(trouble, record(trouble, **changes))
    decision = await decided(trouble, made(trouble))
    assert [denial.code for denial in decision.denials] == ["not_promoted"]


@pytest.mark.parametrize("environment", ["dev", "staging"])
async def test_below_and_where_none_is_asked_for_it_needs_none(empty: Scene, environment: str) -> None:
    empty.change(promotions=PromotionRecords(ladder=replace(LADDER, without_record=frozenset({"staging"}))))
    assert verdict(await decided(empty, made(empty, environment=environment))) == Allow(
        f"{environment} asks for no promotion record."
    )


async def test_T41_an_environment_that_nobody_knows_is_not_below(empty: Scene) -> None:
    hold(empty, record(empty))
    denials = (await decided(empty, made(empty, environment="moon"))).denials
    assert "not_promoted" in [denial.code for denial in denials]


def rule(**changes: Any) -> Promoted:
    return Promoted(**{"runbook": "demo", "digest": "a" * 64, "records": (), "ladder": LADDER, **changes})


def context(**changes: Any) -> guards.Context:
    return guards.Context(**{"environment": "prod", "risk": "safe", "now": START, **changes})


def test_what_only_reads_and_what_takes_back_needs_no_record() -> None:
    assert isinstance(rule().check(context(risk="read")), Allow)
    assert isinstance(rule(undo=True).check(context()), Allow)
    assert isinstance(rule().check(context()), Deny)


def test_T34_without_environment_or_time_it_is_refused() -> None:
    known = new_record("demo", "a" * 64, "prod", URL, 3, "cora", START)
    for found, about in [(rule(undo=True), context(environment="")), (rule(records=(known,)), context(now=None))]:
        answer = found.check(about)
        assert isinstance(answer, Deny)
        assert answer.code == "missing_context"


def test_T41_a_rule_that_breaks_refuses() -> None:
    broken: Any = [object()]
    decision = guards.decide([rule(records=broken)], context())
    assert [denial.code for denial in decision.denials] == ["guard_error"]


DIGESTS = ["a" * 64, "b" * 64, "c" * 64]
PLACES = ["dev", "staging", "prod", "moon"]
RECORDS = st.lists(
    st.builds(
        lambda name, version, place, days, gone: Promotion(
            id=name,
            env=place,
            digest=version,
            evidence_url=URL,
            runs=3,
            who="cora",
            when=START + timedelta(days=days),
            withdrawn=None if gone is None else Withdrawal(by="ben", when=START + timedelta(days=gone), why="no"),
        ),
        st.sampled_from(["demo", "other"]),
        st.sampled_from(DIGESTS),
        st.sampled_from(PLACES),
        st.integers(-9, 3),
        st.none() | st.integers(-9, 3),
    ),
    max_size=8,
)


@settings(max_examples=2_000, deadline=None)
@given(
    records=RECORDS,
    version=st.sampled_from([*DIGESTS, ""]),
    place=st.sampled_from([*PLACES, ""]),
    risk=st.sampled_from(["safe", "caution", "forbidden", ""]),
    free=st.frozensets(st.sampled_from(["staging", ""])),
)
def test_T41_property_no_change_above_the_lowest_without_its_own_record(
    records: list[Promotion], version: str, place: str, risk: str, free: frozenset[str]
) -> None:
    ladder = Ladder("dev", ("dev", "staging", "prod"), free)
    kept = tuple(PromotionRecords(ladder=ladder, records=records).of("demo", place))
    answer = rule(digest=version, records=kept, ladder=ladder).check(context(environment=place, risk=risk))
    if isinstance(answer, Deny):
        own = [r for r in records if (r.id, r.env, r.digest) == ("demo", place, version)]
        gone = [r.withdrawn.when for r in own if r.withdrawn]
        newest = max((r.when for r in own if not r.withdrawn and all(r.when > at for at in gone)), default=None)
        assert place not in ("dev", *(free - {""})), "it is refused only above"
        assert place == "" or newest is None or newest > START, "and only for want of a record that stands"
        return
    assert isinstance(answer, Allow)
    if place in ("dev", *(free - {""})):
        return
    own = [r for r in records if (r.id, r.env, r.digest) == ("demo", place, version) and r.when <= START]
    assert place, "an unknown environment is never below"
    assert version, "an unknown version has no record"
    assert any(r.withdrawn is None for r in own), "a record of this very version, that was not withdrawn"


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    which=st.sampled_from(["restart-service", "start-service", "roll-back-setting"]),
    edit=st.sampled_from(["", "x", "y"]),
)
def test_T41_property_the_whole_decision_follows_the_digest(which: str, edit: str) -> None:
    """Through the gate: records of every runbook as shipped, and one of them edited (or not) afterwards."""

    async def work(folder: Path) -> str:
        async with scene(folder) as room:
            shipped = Library([BUILTIN])
            books = folder / "books"
            books.mkdir()
            source = Path(shipped.runbooks[which].source)
            text = source.read_text(encoding="utf-8").replace("title: ", f"title: {edit}", 1)
            (books / source.name).write_text(text, encoding="utf-8")
            room.change(library=Library([books]), promotions=everything_promoted(room.equipment.policy, shipped))
            return (await decided(room, made(room, which))).outcome

    with tempfile.TemporaryDirectory() as name:
        assert asyncio.run(work(Path(name))) == ("deny" if edit else "ask")


# -- before every step ----------------------------------------------------------------------------------------------


@pytest.fixture
async def ready(trouble: Scene, tmp_path: Path) -> Scene:
    """Approved under a record in a file, and the run holds its target."""
    place = tmp_path / "promotions"
    place.mkdir()
    (place / "restart-service.prod.yaml").write_text(record_text(record(trouble)), encoding="utf-8")
    trouble.change(promotions=PromotionRecords([place], LADDER))
    assert (await trouble.ask()).ok
    assert (await trouble.vote("ben")).ok
    run, now = trouble.started[0], trouble.clock()
    await trouble.write(lambda s: leases.acquire(s, [TARGET], run, now))
    return trouble


async def act(scene: Scene, undo: int = -1) -> dict[str, Any]:
    return await execute(scene.equipment, Attempt(scene.started[0], 1, 1, undo))


async def test_T41_an_approved_run_starts_while_its_record_stands(ready: Scene) -> None:
    assert (await act(ready))["state"] == "done"


async def test_T41_a_record_withdrawn_between_approval_and_act_refuses(ready: Scene, tmp_path: Path) -> None:
    taken = record(ready, withdrawn=Withdrawal(by="cora", when=START, why="it made it worse"))
    (tmp_path / "promotions" / "restart-service.prod.yaml").write_text(record_text(taken), encoding="utf-8")
    done = await act(ready)
    assert (done["state"], done["code"]) == ("refused", "not_promoted")
    assert "withdrawn by cora" in done["reason"]
    assert ready.world.acts == []


async def test_T41_a_record_that_became_unreadable_refuses(ready: Scene, tmp_path: Path) -> None:
    (tmp_path / "promotions" / "restart-service.prod.yaml").write_text("{", encoding="utf-8")
    done = await act(ready)
    assert (done["state"], done["code"]) == ("refused", "not_promoted")
    assert ready.world.acts == []


async def test_T41_a_runbook_edited_between_approval_and_act_refuses(ready: Scene, tmp_path: Path) -> None:
    books = tmp_path / "books"
    books.mkdir()
    source = Path(ready.equipment.library.runbooks["restart-service"].source)
    text = source.read_text(encoding="utf-8").replace("title: ", "title: Quickly ", 1)
    (books / source.name).write_text(text, encoding="utf-8")
    ready.change(library=Library([books]), promotions=ready.equipment.promotions)
    assert (await act(ready))["state"] == "refused"
    assert ready.world.acts == []


async def test_T41_a_failure_elsewhere_between_approval_and_act_refuses(ready: Scene) -> None:
    approved = await ready.run()
    plan, now = approved.plan, ready.clock()
    other = replace(approved, id="run_other", state="waiting")

    def write(session: Any) -> None:
        runs.create(session, other)
        runs.close(session, other.id, "failed", "", now)
        automation_events.add(
            session,
            now,
            plan.action,
            "shop",
            "prod",
            "requires_manual",
            other.id,
            "inc_x",
            plan.runbook,
            "ana",
            (),
            1.0,
        )

    await ready.write(write)
    done = await act(ready)
    assert (done["state"], done["code"]) == ("refused", "not_promoted")
    assert "when run_other failed" in done["reason"]
    assert ready.world.acts == []


async def test_what_was_begun_is_taken_back_although_the_record_went_meanwhile(ready: Scene, tmp_path: Path) -> None:
    (tmp_path / "promotions" / "restart-service.prod.yaml").unlink()
    ready.equipment.promotions.refresh()
    plan = (await ready.run()).plan
    assert (await decided(ready, plan)).outcome == "deny"
    assert verdict(await decided(ready, plan, undo=True)) == Allow("It takes back what this run did.")


@pytest.mark.parametrize("promoted", [True, False])
async def test_T59_X3_an_undo_needs_no_record_either_where_only_the_record_let_its_step_be_used(
    trouble: Scene, tmp_path: Path, promoted: bool
) -> None:
    """The runbook is for staging, a record put prod into its scopes, and is withdrawn while the run goes on."""
    source = Path(trouble.equipment.library.runbooks["restart-service"].source)
    text = source.read_text(encoding="utf-8").replace("scopes: [dev, staging, prod]", "scopes: [dev, staging]")
    text = text.replace(", env: prod}]", "}]")
    (tmp_path / source.name).write_text(text, encoding="utf-8")
    trouble.change(library=Library([tmp_path]))
    hold(trouble, *([record(trouble)] if promoted else []))
    plan = made(trouble)
    denied = {denial.code for denial in (await decided(trouble, plan)).denials}
    assert bool(denied) is not promoted
    assert (await decided(trouble, plan, undo=True)).denials == ()


@pytest.mark.parametrize("when", [START - timedelta(days=30), START + timedelta(days=30)])
async def test_T41_where_no_record_is_asked_for_a_record_puts_nothing_into_scopes(
    trouble: Scene, tmp_path: Path, when: datetime
) -> None:
    """Nothing looks at its date there, and no failure ends it: the scopes that the author wrote are all there is."""
    source = Path(trouble.equipment.library.runbooks["restart-service"].source)
    text = source.read_text(encoding="utf-8").replace("scopes: [dev, staging, prod]", "scopes: [dev, staging]")
    (tmp_path / source.name).write_text(text.replace(", env: prod}]", "}]"), encoding="utf-8")
    trouble.change(library=Library([tmp_path]))
    ladder = Ladder("dev", ("dev", "staging"), without_record=frozenset({"prod"}))
    trouble.change(promotions=PromotionRecords(ladder=ladder, records=[record(trouble, when=when)]))
    found = await decided(trouble, made(trouble))
    assert {denial.code for denial in found.denials} == {"out_of_scope", "wrong_environment"}
    reply = await trouble.ask()
    assert (reply.ok, reply.data["code"]) == (False, "wrong_environment")
    assert (await decided(trouble, made(trouble), undo=True)).denials == ()


# -- the end of a promotion -----------------------------------------------------------------------------------------


async def fail(scene: Scene) -> str:
    """A run that does not prove itself."""
    scene.world.mends = False
    assert (await scene.ask()).ok
    assert (await scene.vote("ben")).ok
    return await scene.carry_out()


async def test_a_failure_ends_the_promotion_and_the_thread_says_so(trouble: Scene) -> None:
    hold(trouble, record(trouble))
    assert await fail(trouble) == "failed"
    told = [entry for entry in await trouble.entries() if entry.kind.value == "demoted"]
    assert [entry.data["runbook"] for entry in told] == ["restart-service"]
    decision = await decided(trouble, made(trouble))
    assert "not_promoted" in [denial.code for denial in decision.denials]
    assert f"ended on 2026-11-21 03:00 UTC, when {trouble.started[0]} failed" in verdict(decision).reason


async def test_a_record_newer_than_the_failure_counts_again(trouble: Scene) -> None:
    hold(trouble, record(trouble))
    await fail(trouble)
    hold(trouble, record(trouble, when=trouble.clock()))
    assert isinstance(verdict(await decided(trouble, made(trouble))), Allow)


async def test_the_failure_of_another_version_ends_nothing(trouble: Scene, tmp_path: Path) -> None:
    hold(trouble, record(trouble))
    await fail(trouble)
    books = tmp_path / "books"
    books.mkdir()
    source = Path(trouble.equipment.library.runbooks["restart-service"].source)
    (books / source.name).write_text(
        source.read_text("utf-8").replace("title: ", "title: Mended ", 1), encoding="utf-8"
    )
    trouble.change(library=Library([books]))
    hold(trouble, record(trouble))
    assert isinstance(verdict(await decided(trouble, made(trouble))), Allow)


async def test_an_installation_may_keep_promotions_after_failures(trouble: Scene) -> None:
    hold(trouble, record(trouble), demotes=False)
    await fail(trouble)
    assert isinstance(verdict(await decided(trouble, made(trouble))), Allow)
    assert "demoted" not in await trouble.kinds()


async def test_R8_what_failed_is_to_be_looked_at_until_it_is_promoted_anew_or_changed(trouble: Scene) -> None:
    hold(trouble, record(trouble))
    await fail(trouble)

    async def listed(records: PromotionRecords, version: str | None = None) -> list[str]:
        def digest_of(name: str) -> str:
            found = trouble.equipment.library.get(name)
            return version or (digest(found) if found else "")

        found = await trouble.read(lambda s: to_review(s, digest_of, records, trouble.clock()))
        return [in_words(setback) for setback in found.values()]

    assert await listed(trouble.equipment.promotions) == [f"{trouble.started[0]} failed in prod on 2026-11-21"]
    assert await listed(PromotionRecords(records=[record(trouble, when=trouble.clock())])) == []
    assert await listed(trouble.equipment.promotions, "b" * 64) == []


# -- what is offered ------------------------------------------------------------------------------------------------


async def offered(scene: Scene) -> NextStep | NoStep:
    facts = {"health": {"status": 0}, "state": {"state": "EXITED"}}
    found, _ = choose(scene.equipment, await scene.incident(), facts, [])
    return found


async def test_C3_what_is_not_promoted_is_passed_over_and_the_reason_is_said(trouble: Scene) -> None:
    hold(trouble)
    found = await offered(trouble)
    assert isinstance(found, NoStep)
    assert "restart-service (version" in found.why
    assert "has no promotion record for prod." in found.why
    hold(trouble, record(trouble))
    assert isinstance(await offered(trouble), NextStep)


async def test_C3_what_failed_is_passed_over_in_the_next_incident_as_well(trouble: Scene) -> None:
    hold(trouble, record(trouble))
    await fail(trouble)
    version = version_in(trouble.equipment)
    ended = await trouble.read(lambda s: demoted(s, trouble.equipment, "prod", version))
    assert list(ended) == ["restart-service"]
    assert await trouble.read(lambda s: demoted(s, trouble.equipment, "staging", version)) == {}
    assert await trouble.read(lambda s: demoted(s, trouble.equipment, "", version)) == {}
    facts = {"health": {"status": 0}, "state": {"state": "EXITED"}}
    found, _ = choose(trouble.equipment, await trouble.incident(), facts, [], ended)
    assert isinstance(found, NoStep)
    assert f"when {trouble.started[0]} failed." in found.why
    hold(trouble, record(trouble, when=trouble.clock()))
    assert await trouble.read(lambda s: demoted(s, trouble.equipment, "prod", version)) == {}


async def test_T14_a_broken_glass_is_no_promotion(trouble: Scene) -> None:
    glass = {"any_of": ["payments-oncall"], "timeout": "10m"}
    trouble.change(policy=Policy.from_mapping({**POLICY, "break_glass": glass}))
    hold(trouble)
    why, ana = "payments loses orders since 14:02", trouble.person("ana")
    reply = await trouble.requests.break_glass("restart-service", "payments", None, ana, "C0PAY", why)
    assert (reply.ok, reply.data["code"]) == (False, "not_promoted")


async def test_asked_for_by_name_it_is_refused_by_the_guards_and_their_decision_is_kept(trouble: Scene) -> None:
    hold(trouble)
    reply = await trouble.ask()
    assert (reply.ok, reply.data["code"]) == (False, "not_promoted")
    incident = await trouble.incident()
    kept = await trouble.read(lambda s: decisions.for_incident(s, incident.id))
    told = [f for decision in kept for f in decision.findings if f["rule"] == "promotion" and f["verdict"] == "deny"]
    assert [finding["code"] for finding in told] == ["not_promoted"]


async def test_G11_what_is_only_watched_is_watched_before_it_is_promoted(trouble: Scene) -> None:
    watching = Policy.from_mapping({**POLICY, "autonomy": {"prod": {"safe": "shadow"}}})
    trouble.change(policy=watching)
    hold(trouble)
    assert isinstance(await offered(trouble), NextStep)
