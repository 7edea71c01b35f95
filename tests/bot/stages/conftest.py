"""A scene: equipment over a real store, with one incident in it when a test asks for `trouble`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.equipment import alert
from tests.fakes.scene import Scene, scene


@pytest.fixture
async def empty(tmp_path: Path) -> AsyncIterator[Scene]:
    """Nothing has happened yet."""
    async with scene(tmp_path) as made:
        yield made


@pytest.fixture
async def trouble(empty: Scene) -> Scene:
    """Payments is down: one incident, PINC1."""
    await empty.fold(alert())
    return empty
