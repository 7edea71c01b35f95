"""Nobody of the first group answers: the question is opened to the next, the thread says so, and then Ben may say yes.

Mission P2. Who may answer depends on the time alone, never on whether the thread was told in time.
"""

from __future__ import annotations

from bot.sandbox import judge
from bot.sandbox.configuration import SandboxSettings
from bot.sandbox.people import ANA, BEN
from bot.sandbox.stories.scene import RESOLVED, SUCCESS, Scene
from bot.sandbox.story import Narrator, Story
from bot.sandbox.workspace import Workspace

AFTER = 10
NOT_YET = r"only people from the approving groups"
LATER = r"others may answer too: payments-oncall from"
OPENED = r"nobody answered yet:\W*payments-oncall may answer"
ONE = {"count": 1, "any_of": ["sre"], "timeout": "10m"}


async def play(workspace: Workspace, say: Narrator) -> None:
    """See the module's text."""
    scene = Scene(workspace, say)
    before = workspace.starts("payments")
    await workspace.break_service("payments")
    await scene.alert()
    await scene.press(ANA, await scene.button("step_run", within=30))
    approve = await scene.button("plan_approve")
    card = scene.cards()[-1]
    say.check(judge.missing({"it": LATER}, card), "the card says who may answer later, and from when", card)
    await scene.refused(BEN, approve, NOT_YET, "Ben is told that it is not his to answer yet")
    say(f"nobody of the first group answers for {AFTER} seconds")
    await say.expect(
        lambda: not judge.missing({"it": OPENED}, "\n".join(scene.entries())),
        within=AFTER + 20,
        what="the thread says that the next group may answer now",
        last=scene.picture,
    )
    await scene.press(BEN, approve)
    requested, *rest = SUCCESS
    await scene.everywhere((requested, OPENED, *rest), within=60, also_known_to_pagerduty=(RESOLVED,))
    scene.one_summary()
    scene.starts(before + 1)
    await scene.up()
    await scene.audit()


STORY = Story(
    "unanswered",
    "nobody of the first group answers, so the question is opened to the next",
    play,
    SandboxSettings(
        policy={
            "approvals": {
                "staging": ONE,
                "prod": {**ONE, "escalate": [{"after": f"{AFTER}s", "to": ["payments-oncall"]}]},
            }
        }
    ),
)
