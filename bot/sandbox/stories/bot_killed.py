"""kill -9 of the bot, twice: while its card waits for an answer, and in the middle of the restart it carries out.

Trust case T51: the step is not started, done or unknown; unknown is asked of a person and never repeated by itself. The
service's own ledger says how often it was really started.
"""

from __future__ import annotations

from bot.sandbox.configuration import SandboxSettings
from bot.sandbox.people import ANA, BEN, CORA
from bot.sandbox.stories.scene import ANSWERED, APPROVED, REQUESTED, UNKNOWN, WORKED, Scene
from bot.sandbox.story import Narrator, Story
from bot.sandbox.workspace import Workspace

START_SECONDS = 5
"""supervisord answers a start only after this long: the time in which the bot is killed."""


async def play(workspace: Workspace, say: Narrator) -> None:
    """See the module's text."""
    scene = Scene(workspace, say)
    before = workspace.starts("payments")
    await workspace.break_service("payments")
    await scene.alert()
    await scene.press(ANA, await scene.button("step_run", within=30))
    approve = await scene.button("plan_approve")
    say("kill -9 while the card waits")
    await workspace.kill_bot()
    await workspace.start_bot()
    say.seen("the bot is back")
    await scene.press(BEN, approve)
    await say.expect(
        lambda: workspace.starts("payments") > before,
        within=30,
        what="the restart is under way: payments has begun to start",
        last=scene.picture,
    )
    say("kill -9 in the middle of the step, before its answer came")
    await workspace.kill_bot()
    await workspace.start_bot()
    say.seen("the bot is back")

    def asked_or_over() -> str:
        if scene.status() == "resolved":
            return "over"
        return "asked" if workspace.slack.find_button("unknown_done") else ""

    how = await say.expect(
        asked_or_over, within=40, what="it is finished, or a person is asked whether it happened", last=scene.picture
    )
    if how == "asked":
        await answer(workspace, scene, before)
    await say.expect(
        lambda: scene.status() == "resolved", within=60, what="PagerDuty has it resolved", last=scene.picture
    )
    await scene.up()
    scene.starts(before + 1)
    middle = (UNKNOWN, ANSWERED) if how == "asked" else ()
    await scene.everywhere((REQUESTED, APPROVED, *middle, WORKED))
    scene.one_summary()
    await scene.audit()


async def answer(workspace: Workspace, scene: Scene, before: int) -> None:
    """A person does what the card asks: looks at the service itself, and says what they found."""
    scene.starts(before + 1)
    question = await scene.button("unknown_done")
    await scene.refused(ANA, question, r"role|operator", "Ana, who is no operator, may not answer that")
    started = workspace.starts("payments") > before
    scene.say(f"{CORA.name} looks at payments: it was {'started' if started else 'not started'}")
    await scene.press(CORA, question if started else await scene.button("unknown_retry"))


STORY = Story(
    "bot-killed",
    "the bot is killed while it waits and while it acts; the restart happens once",
    play,
    SandboxSettings(start_seconds=START_SECONDS),
)
