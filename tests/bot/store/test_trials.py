"""Trials: how one version did, from its ended runs, and the first of them that left it to people."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session

from bot.plan import Plan
from bot.store import attempts, automation_events, runs, trials
from bot.store.runs import Run
from bot.store.session import Store
from bot.store.trials import Setback
from tests.bot.store.conftest import NOW

DIGEST, OTHER = "a" * 64, "b" * 64
Ends = Callable[..., Any]


@pytest.fixture
def ends(store: Store, plan: Callable[..., Plan], new_run: Callable[..., Run]) -> Ends:
    """Makes a run and ends it as the flow does."""

    async def make(number: int, outcome: str, *, done: bool = True, digest: str = DIGEST, **changes: Any) -> None:
        made = new_run(number, plan=plan(runbook_digest=digest, **changes))
        at = NOW + timedelta(hours=number)

        def write(session: Session) -> None:
            runs.create(session, made)
            if done:
                attempts.intend(session, made.id, "restart", 1, made.plan.steps[1].act, "w1", at)
                attempts.finish(session, made.id, "restart", 1, "done", {}, at)
            runs.close(session, made.id, outcome, "", at)
            status = outcome if outcome in ("succeeded", "refused", "expired") else "requires_manual"
            p = made.plan
            automation_events.add(
                session, at, p.action, p.service, p.environment, status, made.id, "inc_1", p.runbook, "ada", (), 1.0
            )

        await store.write(write)

    return make


async def first(store: Store, since: datetime = NOW, environment: str = "prod", digest: str = DIGEST) -> Setback | None:
    return await store.read(lambda s: trials.setback(s, "restart-service", digest, environment, since))


@pytest.mark.parametrize("outcome", ["failed", "rolled_back", "unknown"])
async def test_a_run_that_left_it_to_people_is_a_setback(store: Store, ends: Ends, outcome: str) -> None:
    await ends(1, outcome)
    await ends(2, "failed")
    assert await first(store) == Setback("run_1", "prod", NOW + timedelta(hours=1), outcome)


@pytest.mark.parametrize("outcome", ["succeeded", "refused", "expired"])
async def test_a_run_that_tried_nothing_or_worked_is_none(store: Store, ends: Ends, outcome: str) -> None:
    await ends(1, outcome)
    assert await first(store) is None


async def test_only_this_version_this_environment_and_what_came_after_count(store: Store, ends: Ends) -> None:
    await ends(1, "failed", digest=OTHER)
    await ends(2, "failed", environment="staging")
    await ends(3, "failed", runbook="start-service")
    assert await first(store) is None
    await ends(4, "failed")
    assert await first(store, NOW + timedelta(hours=4)) is None
    found = await first(store, NOW + timedelta(hours=3))
    assert found is not None
    assert found.run_id == "run_4"


@pytest.mark.parametrize("digest", ["", "%", "a" * 63, "A" * 64, "a" * 63 + "_"])
async def test_what_is_no_digest_finds_nothing_by_accident(store: Store, ends: Ends, digest: str) -> None:
    await ends(1, "failed")
    with pytest.raises(ValueError, match="digest"):
        await first(store, digest=digest)


async def test_the_trials_of_a_version_in_their_order_with_what_they_changed(store: Store, ends: Ends) -> None:
    await ends(2, "failed")
    await ends(1, "succeeded", done=False)
    await ends(3, "refused")
    await ends(4, "succeeded")
    await ends(5, "succeeded", environment="staging")
    await ends(6, "succeeded", digest=OTHER)
    found = await store.read(lambda s: trials.ended(s, "restart-service", DIGEST, "prod"))
    assert [(trial.run_id, trial.succeeded, sorted(trial.steps)) for trial in found] == [
        ("run_1", True, []),
        ("run_2", False, ["restart"]),
        ("run_4", True, ["restart"]),
    ]


async def test_R8_the_newest_setback_of_each_present_version(store: Store, ends: Ends) -> None:
    await ends(1, "failed")
    await ends(2, "unknown", environment="staging")
    await ends(3, "failed", runbook="start-service", digest=OTHER)
    await ends(4, "failed", runbook="gone")
    present = {"restart-service": DIGEST, "start-service": DIGEST}
    since = NOW
    found = await store.read(lambda s: trials.setbacks(s, lambda name: present.get(name, ""), since))
    assert {name: setback.run_id for name, setback in found.items()} == {"restart-service": "run_2"}
    later = NOW + timedelta(hours=2)
    assert await store.read(lambda s: trials.setbacks(s, lambda name: present.get(name, ""), later)) == {}
