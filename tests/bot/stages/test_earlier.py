"""Earlier: a plan that is asked for again says what changed since (P3)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.plan import Plan
from bot.services import Catalogue
from bot.stages.earlier import asked_before
from tests.bot.stages.test_plan import plan
from tests.fakes.equipment import SERVICES
from tests.fakes.scene import Scene


async def last_request(scene: Scene) -> dict[str, Any]:
    return [entry.data for entry in await scene.entries() if entry.kind.value == "requested"][-1]


def another_program() -> Catalogue:
    entry = SERVICES["services"][0]
    program = entry["targets"][0]
    changed = {**program, "settings": {**program["settings"], "program": "payments-2"}}
    return Catalogue.model_validate({"services": [{**entry, "targets": [changed, entry["targets"][1]]}]})


@pytest.mark.parametrize("ending", ["declined", "expired", "plan changed"])
async def test_P3_a_plan_that_takes_the_place_of_another_says_what_changed(trouble: Scene, ending: str) -> None:
    assert (await trouble.ask()).ok
    before = await trouble.run()
    assert "changed" not in await last_request(trouble), "there was none before"
    if ending != "expired":
        await trouble.vote("ben", approve=ending == "plan changed", reason="not now")
    else:
        trouble.clock.now += timedelta(minutes=16)
    trouble.change(catalogue=another_program())
    assert await trouble.carry_out() == ("expired" if ending == "expired" else "refused")
    note = (await trouble.run()).note
    assert ("the request (program): payments → payments-2" in note) == (ending == "plan changed")
    assert (await trouble.ask("cora")).ok
    found = await last_request(trouble)
    assert found["instead_of"] == before.digest[:12]
    assert "step restart, the request (program): payments → payments-2" in found["changed"]
    assert not any("who asks" in line or "when it" in line for line in found["changed"])


async def test_P3_the_same_plan_again_claims_no_change(trouble: Scene) -> None:
    assert (await trouble.ask()).ok
    await trouble.vote("ben", approve=False, reason="not now")
    await trouble.carry_out()
    assert (await trouble.ask("cora")).ok
    assert not {"changed", "instead_of"} & (await last_request(trouble)).keys()


async def test_P3_a_run_that_was_carried_out_is_not_replaced(trouble: Scene) -> None:
    assert (await trouble.ask()).ok
    await trouble.vote("ben")
    assert await trouble.carry_out() == "succeeded"
    made = plan(trouble, incident=await trouble.incident(), created_at=trouble.clock())
    assert isinstance(made, Plan)
    assert await trouble.read(lambda s: asked_before(s, made)) is None
