"""Cora stops all automation while an approval waits: Ben's yes starts nothing, Ana cannot lift it, and Cora can.

Mission G10, worked example X12 and trust case T55: the emergency off wins over an approval that was given, survives a
restart of the bot, and only a role with a reason lifts it.
"""

from __future__ import annotations

from bot.sandbox.people import ANA, BEN, CORA
from bot.sandbox.stories.scene import RESOLVED, WORKED, Scene
from bot.sandbox.story import Narrator, Story
from bot.sandbox.workspace import Workspace

STOPPED = r"emergency stop is engaged|kill_switch"


async def play(workspace: Workspace, say: Narrator) -> None:
    """See the module's text."""
    scene = Scene(workspace, say)
    before = workspace.starts("payments")
    await workspace.break_service("payments")
    await scene.alert()
    offered = await scene.button("step_run", within=30)
    await scene.press(ANA, offered)
    approve = await scene.button("plan_approve")
    await command(
        scene, "/runbook kill all network storm", r"stop|off|engaged", "Cora is told that everything is stopped"
    )
    say("the bot is killed and started again: the stop must survive that")
    await workspace.kill_bot()
    await workspace.start_bot()
    await scene.press(BEN, approve)
    await say.expect(
        lambda: any("refused" in line.lower() for line in scene.entries()),
        within=30,
        what="the thread says that the step was refused",
        last=scene.picture,
    )
    scene.starts(before)
    status = await workspace.health("payments")
    say.check([] if status == 0 else [f"HTTP {status}"], "payments was not touched: it is still down")
    again = await scene.button("step_run", within=30, other_than=offered.value)
    await scene.refused(ANA, again, STOPPED, "Ana, who asks again, is told that the emergency stop is engaged")
    known = len(scene.whispers(ANA))
    await scene.type(ANA, "/runbook resume all it is fine")
    await scene.told(ANA, r"role|operator", known, "Ana, who is no operator, may not lift it")
    await command(scene, "/runbook resume all the storm is over", r"lifted|on again|resum", "Cora lifts it")
    await scene.press(ANA, await scene.button("step_run", within=30))
    await scene.press(BEN, await scene.button("plan_approve", other_than=approve.value))
    await say.expect(
        lambda: scene.status() == "resolved", within=40, what="PagerDuty has it resolved", last=scene.picture
    )
    await scene.up()
    scene.starts(before + 1)
    await scene.everywhere((r"refused", WORKED), also_known_to_pagerduty=(RESOLVED,))
    await scene.audit()


async def command(scene: Scene, text: str, pattern: str, what: str) -> None:
    """Cora types a command and is told, she alone, something that matches."""
    before = len(scene.whispers(CORA))
    await scene.type(CORA, text)
    await scene.told(CORA, pattern, before, what)


STORY = Story("kill-switch", "everything is stopped while an approval waits; only an operator lifts it", play)
