"""X5 gone wrong: the second increment does not hold. It is taken back to where it began, not to where the run began."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path
from time import monotonic

import pytest
from rich.console import Console

from bot.sandbox.configuration import SandboxSettings
from bot.sandbox.stories.scale_with_approval import play_second_fails
from bot.sandbox.story import Story, tell
from bot.sandbox.worker_pool import WorkerPool
from bot.sandbox.workspace import Workspace
from runbooks.load import BUILTIN

pytestmark = [
    pytest.mark.timeout(200),
    pytest.mark.skipif(importlib.util.find_spec("supervisor") is None, reason="supervisor is not installed"),
]
RUNBOOK = BUILTIN / "compute" / "scale-workers.yaml"


async def test_X5_a_second_increment_that_does_not_hold_is_taken_back_to_the_first(tmp_path: Path) -> None:
    hurried = RUNBOOK.read_text(encoding="utf-8").replace("within: 60s", "within: 8s")
    assert "within: 8s" in hurried
    story = Story(
        "scale-second-fails",
        "worker_10 ends two seconds after its start",
        play_second_fails,
        SandboxSettings(
            pool=WorkerPool(weak=(10,), weak_seconds=2),
            runbooks={"scale-workers.yaml": hurried},
            builtin_runbooks=False,
        ),
    )
    told = io.StringIO()
    async with Workspace(story.settings, folder=tmp_path / "sandbox") as workspace:
        code = await tell(story, workspace, Console(file=told, width=200), monotonic)
    assert code == 0, told.getvalue()
