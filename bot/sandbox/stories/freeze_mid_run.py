"""A freeze of prod begins between two increments: the run pauses, says so, pages, and goes on only when it is over.

Worked example X11 and trust case T56: guards run before every step. Going on while it is frozen pauses again.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from bot.sandbox.configuration import Freeze, SandboxSettings
from bot.sandbox.people import ANA, BEN
from bot.sandbox.stories.scale_with_approval import AFTER, BEFORE, BETWEEN, DONE_FIRST, PROVED_FIRST, TITLE, run_now
from bot.sandbox.stories.scene import APPROVED, ESCALATED, REQUESTED, RESOLVED, WORKED, Scene
from bot.sandbox.story import Narrator, Story, StoryFailed
from bot.sandbox.workspace import Workspace

FREEZE = Freeze(after=24.0, lasts=24.0)
JUST_BEFORE = timedelta(seconds=1.8)
"""The first increment begins at once and takes longer than this to prove itself."""
PAUSED = r"paused\W*before"
ANSWERED = r"looked and said"


async def play(workspace: Workspace, say: Narrator) -> None:
    """See the module's text. Raises StoryFailed when the machine is too slow to be ready before the freeze."""
    scene = Scene(workspace, say)
    begins = FREEZE.begins(workspace.configured_at)
    await run_now(scene, BEFORE, "six workers of payments run")
    await scene.alert(title=TITLE, alert_name="CPUSaturated", cpu="98 %")
    await scene.press(ANA, await scene.button("step_run", within=25))
    approve = await scene.button("plan_approve")
    wait = (begins - JUST_BEFORE - workspace.clock()).total_seconds()
    if wait < 0:
        raise StoryFailed("everything is ready before the freeze", f"{-wait:.1f} s too late")
    say(f"Ben reads the card for {wait:.0f} seconds; the freeze begins just after his yes")
    await asyncio.sleep(wait)
    await scene.press(BEN, approve)
    go_on = await scene.button("unknown_retry", within=40)
    await run_now(scene, BETWEEN, "nine workers run: the second increment was not begun in the freeze")
    await scene.everywhere((REQUESTED, APPROVED, DONE_FIRST, PROVED_FIRST, PAUSED, ESCALATED))
    say.check([] if scene.pages() else ["no page"], "people are paged")
    await scene.press(ANA, go_on)
    again = await scene.button("unknown_retry", within=20, other_than=go_on.value)
    await run_now(scene, BETWEEN, "it is still frozen, so going on changed nothing")
    rest = (begins + timedelta(seconds=FREEZE.lasts + 1.0) - workspace.clock()).total_seconds()
    say(f"the freeze ends in {max(rest, 0):.0f} seconds")
    await asyncio.sleep(max(rest, 0.0))
    await scene.press(ANA, again)
    await scene.everywhere((PAUSED, ANSWERED, PAUSED, ANSWERED, WORKED), within=60, also_known_to_pagerduty=(RESOLVED,))
    await run_now(scene, AFTER, "twelve workers run, says supervisord itself")
    await scene.audit()


STORY = Story(
    "freeze-mid-run",
    "a freeze begins between two increments: the run pauses, and goes on when it is over",
    play,
    SandboxSettings(freeze=FREEZE),
)
