"""Known: policy sees the group and the budget only as they were observed; what is missing stays unknown and denies."""

from __future__ import annotations

from typing import Any

import pytest

from bot.errors import Transient
from bot.facts.base import FactRequest
from bot.services import Catalogue
from bot.stages.known import NOTHING, Known, known, needed
from guards import Policy
from guards.context import Inventory
from tests.fakes.equipment import POLICY, SERVICES
from tests.fakes.scene import Scene

WIDE = {"blast_radius": {"prod": {"max_targets": 1, "min_healthy": 1}}}
BUDGET = {"error_budget": {"max_burned_percent": 20}}


def policy(**more: Any) -> Policy:
    return Policy.from_mapping({**POLICY, **more})


NEEDS: dict[str, tuple[dict[str, Any], str, set[str]]] = {
    "nothing is counted": ({}, "prod", set()),
    "targets alone need no look": ({"blast_radius": {"prod": {"max_targets": 3}}}, "prod", set()),
    "a share of the group": ({"blast_radius": {"prod": {"max_targets": 3, "max_percent": 50}}}, "prod", {"inventory"}),
    "who stays healthy": (WIDE, "prod", {"inventory"}),
    "one domain": ({"blast_radius": {"prod": {"max_targets": 2, "one_domain": True}}}, "prod", {"inventory"}),
    "another environment": (WIDE, "staging", set()),
    "the budget": (BUDGET, "dev", {"error_budget"}),
    "both": ({**WIDE, **BUDGET}, "prod", {"inventory", "error_budget"}),
}


@pytest.mark.parametrize(("more", "environment", "names"), NEEDS.values(), ids=NEEDS)
def test_only_what_the_policy_counts_is_observed(more: dict[str, Any], environment: str, names: set[str]) -> None:
    assert needed(policy(**more), environment) == names


class Observed:
    """A fact of the test's own."""

    kind = "http"

    def __init__(self, value: dict[str, Any] | Exception) -> None:
        self.value = value
        self.asked = 0

    async def observe(self, _request: FactRequest) -> dict[str, Any]:
        self.asked += 1
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


def give(scene: Scene, *, declared: dict[str, dict[str, Any] | Exception], more: dict[str, Any]) -> None:
    """Declare facts with those values and a policy that counts them."""
    service = SERVICES["services"][0]
    facts = {name: {"kind": f"test_{name}", "settings": {}} for name in declared}
    found = {**service, "facts": {**service["facts"], **facts}}
    scene.change(
        catalogue=Catalogue.model_validate({"services": [found]}),
        fact_sources={
            **scene.equipment.fact_sources,
            **{f"test_{name}": Observed(value) for name, value in declared.items()},
        },
        policy=policy(**more),
    )


GROUP = {"total": 4, "healthy": 3, "domains": {"a": "rack-1", "b": 2}}
INVENTORIES: dict[str, tuple[dict[str, Any] | Exception, Inventory | None]] = {
    "whole": (GROUP, Inventory(4, 3, {"a": "rack-1", "b": "2"})),
    "without domains": ({"total": 4, "healthy": 0}, Inventory(4, 0, {})),
    "no domains are none": ({"total": 4, "healthy": 3, "domains": None}, Inventory(4, 3, {})),
    "domains of another kind": ({"total": 4, "healthy": 3, "domains": ["rack-1"]}, Inventory(4, 3, {})),
    "no total": ({"healthy": 3}, None),
    "no healthy": ({"total": 4}, None),
    "a total that is a word": ({"total": "4", "healthy": 3}, None),
    "a truth is no number": ({"total": True, "healthy": 3}, None),
    "a fraction": ({"total": 4, "healthy": 2.5}, None),
    "less than none": ({"total": 4, "healthy": -1}, None),
    "not reached": (Transient("down"), None),
}


@pytest.mark.parametrize(("value", "wanted"), INVENTORIES.values(), ids=INVENTORIES)
async def test_the_group_is_what_was_observed_or_unknown(
    trouble: Scene, value: dict[str, Any] | Exception, wanted: Inventory | None
) -> None:
    give(trouble, declared={"inventory": value}, more=WIDE)
    assert await known(trouble.equipment, await trouble.incident()) == Known(inventory=wanted)


BURNS: dict[str, tuple[dict[str, Any] | Exception, float | None]] = {
    "a share": ({"burned": 0.25}, 0.25),
    "nothing": ({"burned": 0}, 0.0),
    "not there": ({}, None),
    "a word": ({"burned": "0.1"}, None),
    "a truth": ({"burned": False}, None),
    "not reached": (Transient("down"), None),
}


@pytest.mark.parametrize(("value", "wanted"), BURNS.values(), ids=BURNS)
async def test_the_burned_budget_is_what_was_observed_or_unknown(
    trouble: Scene, value: dict[str, Any] | Exception, wanted: float | None
) -> None:
    give(trouble, declared={"error_budget": value}, more=BUDGET)
    found = await known(trouble.equipment, await trouble.incident())
    assert (found.inventory, found.budget_burned) == (None, wanted)


async def test_nothing_is_observed_when_the_policy_counts_nothing(trouble: Scene) -> None:
    give(trouble, declared={"inventory": GROUP, "error_budget": {"burned": 0.1}}, more={})
    assert await known(trouble.equipment, await trouble.incident()) is NOTHING
    sources = [trouble.equipment.fact_sources[f"test_{name}"] for name in ("inventory", "error_budget")]
    assert [source.asked for source in sources if isinstance(source, Observed)] == [0, 0]


CASES: dict[str, tuple[dict[str, dict[str, Any] | Exception], dict[str, Any], str]] = {
    "T37 no such fact is declared": ({}, WIDE, "missing_context"),
    "T37 the group cannot be observed": ({"inventory": Transient("down")}, WIDE, "missing_context"),
    "T37 too few would stay healthy": ({"inventory": {"total": 2, "healthy": 1}}, WIDE, "blast_radius"),
    "T37 enough stay healthy": ({"inventory": {"total": 4, "healthy": 3}}, WIDE, ""),
    "no burn is declared": ({}, BUDGET, "missing_context"),
    "too much is burned": ({"error_budget": {"burned": 0.21}}, BUDGET, "error_budget"),
    "little is burned": ({"error_budget": {"burned": 0.2}}, BUDGET, ""),
}


@pytest.mark.parametrize(("declared", "more", "code"), CASES.values(), ids=CASES)
async def test_what_is_not_known_is_denied(
    trouble: Scene, declared: dict[str, dict[str, Any] | Exception], more: dict[str, Any], code: str
) -> None:
    give(trouble, declared=declared, more=more)
    reply = await trouble.ask()
    assert (reply.ok, reply.data.get("code", "")) == (not code, code)


async def test_what_is_lost_between_asking_and_acting_refuses(trouble: Scene) -> None:
    give(trouble, declared={"inventory": {"total": 4, "healthy": 3}}, more=WIDE)
    assert (await trouble.ask()).ok
    assert (await trouble.vote("ben")).ok
    source = trouble.equipment.fact_sources["test_inventory"]
    assert isinstance(source, Observed)
    source.value = Transient("down")
    assert await trouble.carry_out() == "refused"
    assert [operation for operation, _ in trouble.world.acts] == ["supervisor.tail_log"], "a look needs no group"
