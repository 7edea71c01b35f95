"""X1 without anybody awake: where runbook and policy let the bot, it restarts, proves and tells; in the shadow it only tells."""

from __future__ import annotations

import importlib.util
import io
import json
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from rich.console import Console

from bot.sandbox import judge
from bot.sandbox.configuration import SandboxSettings
from bot.sandbox.stories.scene import APPROVED, EXECUTED, PROVED, REQUESTED, RESOLVED, WORKED, Scene
from bot.sandbox.story import Narrator, Play, Story, tell
from bot.sandbox.workspace import Workspace

pytestmark = [
    pytest.mark.timeout(200),
    pytest.mark.skipif(importlib.util.find_spec("supervisor") is None, reason="supervisor is not installed"),
]
RESTART = """\
id: restart-checkout
title: Restart checkout
owner: checkout-team
review_every: 90d
match:
  symptoms: ["does not answer"]
  alerts: ["HealthCheckFailing"]
  when: "facts.health.status != 200 || facts.state.state != 'RUNNING'"
params:
  target: {type: target, kind: supervisor_program}
steps:
  - id: restart
    title: Restart the program
    action: supervisor.restart
    with: {target: "${target}"}
    precheck: "facts.state.state != 'RUNNING' || facts.health.status != 200"
    verify: {fact: health, expect: "status == 200", within: 20s, samples: 3 of 4, every: 1s}
    rollback: none
    rollback_note: a restart cannot be taken back
    safety: {risk: safe, scopes: [dev, staging], autonomy: auto}
escalate: {after_failures: 1, severity: critical}
"""
MATRIX: Mapping[str, Any] = {
    "dev": {"read": "auto", "safe": "auto", "caution": "confirm", "forbidden": "forbid"},
    "staging": {"read": "auto", "safe": "auto", "caution": "approve", "forbidden": "forbid"},
    "prod": {"read": "auto", "safe": "approve", "caution": "approve", "forbidden": "forbid"},
}
WOULD_HAVE = r"would have run restart-checkout and run it alone[\s\S]*supervisorctl restart checkout"


async def crash(scene: Scene) -> None:
    """Checkout dies, the monitor sees it, and a summary is in #incidents."""
    await scene.workspace.break_service("checkout")
    scene.say("checkout crashes")
    await scene.alert("checkout")
    await scene.say.expect(scene.summary, within=30, what="a summary is in #incidents", last=scene.picture)


async def play_alone(workspace: Workspace, say: Narrator) -> None:
    """Nobody clicks anything."""
    scene = Scene(workspace, say)
    before = workspace.starts("checkout")
    await crash(scene)
    await say.expect(
        lambda: scene.status() == "resolved", within=60, what="PagerDuty has it resolved", last=scene.picture
    )
    await scene.everywhere((REQUESTED, EXECUTED, PROVED, WORKED), also_known_to_pagerduty=(RESOLVED,))
    first = scene.entries()[0]
    say.check(
        judge.missing({"who asked": r"Countersign"}, first), "the thread says that the bot asked by itself", first
    )
    asked = [line for line in scene.thread() if not judge.missing({"a yes": APPROVED}, line)]
    say.check(asked, "nobody was asked")
    starts = workspace.starts("checkout") - before
    say.check([] if starts == 1 else [f"{starts} starts"], "checkout was started once, says its own ledger")
    status = await workspace.health("checkout")
    say.check([] if status == 200 else [f"HTTP {status}"], "checkout answers 200 again")
    say.check(scene.pages(), "nobody was paged by the bot")
    await scene.audit()


async def play_shadow(workspace: Workspace, say: Narrator) -> None:
    """The same crash, and nothing but words."""
    scene = Scene(workspace, say)
    before = workspace.starts("checkout")
    await crash(scene)
    await say.expect(
        lambda: any(not judge.missing({"it": WOULD_HAVE}, line) for line in scene.entries()),
        within=20,
        what="the thread says what would have been done",
        last=scene.picture,
    )
    await say.expect(
        lambda: not judge.missing({"why": r"only watched"}, scene.summary()),
        within=20,
        what="the summary says that it is only watched",
        last=scene.summary,
    )
    buttons = [name for name in ("step_run", "plan_approve") if workspace.slack.find_button(name, "C0INCIDENTS")]
    say.check(buttons, "nothing is offered that would be denied", scene.picture())
    say.check(scene.cards(), "there is no run", scene.picture())
    say.check([] if len(scene.entries()) == 1 else ["more"], "it is said once", scene.picture())
    starts = workspace.starts("checkout") - before
    say.check([] if starts == 0 else [f"{starts} starts"], "checkout was not touched")
    code, output = await workspace.command("report", "shadow", "--json")
    found = json.loads(output[output.index("{") :]) if code == 0 else {}
    counts = [(one["runbook"], one["environment"], one["times"]) for one in found.get("runbooks", [])]
    say.check([] if counts == [("restart-checkout", "staging", 1)] else [str(counts)], "the report counts it", output)
    await scene.audit()


@pytest.mark.parametrize(
    ("level", "play"), [("auto", play_alone), ("shadow", play_shadow)], ids=["by itself", "in the shadow"]
)
async def test_X1_G2_G11_checkout_crashes_while_everybody_sleeps(tmp_path: Path, level: str, play: Play) -> None:
    settings = SandboxSettings(
        policy={"matrix": MATRIX, "autonomy": {"staging": {"safe": level}}},
        runbooks={"restart-checkout.yaml": RESTART},
        builtin_runbooks=False,
    )
    story = Story(f"by-itself-{level}", "checkout crashes and nobody is awake", play, settings)
    told = io.StringIO()
    async with Workspace(story.settings, folder=tmp_path / "sandbox") as workspace:
        code = await tell(story, workspace, Console(file=told, width=200), monotonic)
    assert code == 0, told.getvalue()
