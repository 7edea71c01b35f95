"""A rehearsal in the example installation, as `runbookctl simulate` makes it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from bot.simulation import examples
from bot.simulation.alert import SOURCE, GivenAlerts, PlainAlert, about, plain_delivery, reference_of
from bot.simulation.rehearsal import Rehearsal, rehearse
from bot.simulation.still import still
from bot.stages.base import Equipment
from guards import Policy
from runbooks.load import BUILTIN, Library


@dataclass(frozen=True)
class Rehearsed:
    equipment: Equipment
    rehearsal: Rehearsal


Rehearse = Callable[..., AbstractAsyncContextManager[Rehearsed]]


@pytest.fixture
def rehearsed() -> Rehearse:
    @asynccontextmanager
    async def run(
        title: str = "elevated 5xx",
        facts: dict[str, dict[str, Any]] | None = None,
        environment: str = "prod",
        asker: str | None = "ana",
        runbook: str = "",
        policy: dict[str, Any] | None = None,
        library: Library | None = None,
        **alert: Any,
    ) -> AsyncIterator[Rehearsed]:
        given = {"health": {"status": 503}} if facts is None else facts
        service = examples.service((), environment=environment, facts=given)
        delivery = plain_delivery(PlainAlert(title=title, severity="critical", **alert))
        async with still(
            catalogue=about(examples.catalogue(service), service, reference_of(delivery)),
            people=examples.people(),
            policy=Policy.from_mapping({**examples.POLICY, **(policy or {})}),
            library=library or Library([BUILTIN]),
            facts=given,
            sources={SOURCE: GivenAlerts()},
            team=examples.TEAM,
        ) as here:
            person = here.equipment.people.by_id(asker) if asker else None
            yield Rehearsed(here.equipment, await rehearse(here, delivery, asker=person, runbook=runbook))

    return run
