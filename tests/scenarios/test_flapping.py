"""G8: without a limit, the third restart within ten minutes opens the circuit breaker, and that pages people."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path
from time import monotonic

import pytest
from rich.console import Console

from bot.sandbox.configuration import SandboxSettings
from bot.sandbox.stories.flapping_restart import RESTART, THREE_IN_TEN_MINUTES, play_breaker
from bot.sandbox.story import Story, tell
from bot.sandbox.workspace import Workspace

pytestmark = [
    pytest.mark.timeout(200),
    pytest.mark.skipif(importlib.util.find_spec("supervisor") is None, reason="supervisor is not installed"),
]


async def test_G8_the_third_restart_in_ten_minutes_opens_the_breaker_and_pages(tmp_path: Path) -> None:
    settings = SandboxSettings(
        policy=THREE_IN_TEN_MINUTES, runbooks={"restart-payments.yaml": RESTART}, builtin_runbooks=False
    )
    story = Story("flapping-breaker", "three restarts are enough", play_breaker, settings)
    told = io.StringIO()
    async with Workspace(story.settings, folder=tmp_path / "sandbox") as workspace:
        code = await tell(story, workspace, Console(file=told, width=200), monotonic)
    assert code == 0, told.getvalue()
