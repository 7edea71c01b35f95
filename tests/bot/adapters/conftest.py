"""A registry of given targets, acts on them, and a progress callback that remembers what it was told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bot.adapters.registry import Registry
from bot.plan import Act, Target
from bot.services import Catalogue, Service, TargetEntry


class Told:
    """A progress callback."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: str) -> Awaitable[None]:
        self.lines.append(line)
        return self._nothing()

    async def _nothing(self) -> None:
        return None


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def registry() -> Callable[..., Registry]:
    """registry(kind, settings, name="payments", environment="dev"): a catalogue with that one target."""

    def make(kind: str, settings: dict[str, Any], name: str = "payments", environment: str = "dev") -> Registry:
        entry = TargetEntry(kind=kind, name=name, settings=settings)
        service = Service(name="payments", environment=environment, owner="team", tier=1, targets=(entry,))
        return Registry(Catalogue(services=(service,)))

    return make


@pytest.fixture
def act() -> Callable[..., Act]:
    """act(adapter, operation, kind, request, ...): an act on payments in dev."""

    def make(
        adapter: str,
        operation: str,
        kind: str,
        request: dict[str, Any],
        *,
        name: str = "payments",
        environment: str = "dev",
        deadline: float = 10,
        idempotent: bool = False,
    ) -> Act:
        # model_construct: a hard block must also hold for a target that the plan model would refuse
        target = Target.model_construct(kind=kind, environment=environment, name=name)
        return Act.model_construct(
            adapter=adapter,
            operation=operation,
            target=target,
            request=request,
            shown=operation,
            deadline_seconds=deadline,
            idempotent=idempotent,
            cancel_safe=False,
        )

    return make
