"""Enrich: every fact the catalogue names, gaps in sight, secrets out of the store."""

from __future__ import annotations

from typing import Any

from bot.errors import Transient
from bot.facts.base import FactRequest
from bot.stages.enrich import enrich, observe, values
from bot.store import enrichments
from tests.fakes.scene import Scene


class Fixed:
    def __init__(self, kind: str, answer: Any) -> None:
        self.kind = kind
        self._answer = answer

    async def observe(self, request: FactRequest) -> dict[str, Any]:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


async def test_all_facts_are_observed_and_kept_beside_the_incident(trouble: Scene) -> None:
    incident = await trouble.incident()
    facts = await enrich(trouble.equipment, incident)
    assert {fact.name: bool(fact.gap) for fact in facts} == {"health": False, "state": False}
    kept = await trouble.read(lambda s: enrichments.get(s, incident.id))
    assert kept is not None
    assert [fact["name"] for fact in kept.facts] == ["health", "state"]


async def test_only_the_named_facts_are_asked_for(trouble: Scene) -> None:
    incident = await trouble.incident()
    service = trouble.equipment.service_of(incident)
    assert [fact.name for fact in await observe(trouble.equipment, service, incident, {"state"})] == ["state"]


async def test_an_unknown_service_has_no_facts(trouble: Scene) -> None:
    assert await observe(trouble.equipment, None, await trouble.incident()) == ()


async def test_T58_a_fact_that_cannot_be_had_is_a_gap_and_has_no_value(trouble: Scene) -> None:
    broken = Fixed("http", Transient("connection refused"))
    trouble.change(fact_sources={"http": broken})
    facts = await enrich(trouble.equipment, await trouble.incident())
    gaps = {fact.name: fact.gap for fact in facts}
    assert gaps == {"health": "connection refused", "state": "no fact source is called supervisor"}
    assert values(facts) == {}


async def test_T46_secrets_in_facts_are_not_stored(trouble: Scene) -> None:
    trouble.change(fact_sources={"http": Fixed("http", {"body_head": "password=hunter2"})})
    incident = await trouble.incident()
    await enrich(trouble.equipment, incident)
    kept = await trouble.read(lambda s: enrichments.get(s, incident.id))
    assert kept is not None
    assert "hunter2" not in str(kept.facts)
