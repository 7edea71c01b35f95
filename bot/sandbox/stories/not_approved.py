"""Ana may ask but not approve her own step, Dev may do neither, and silence is no: nothing is touched.

Trust cases T01, T03, T08: self-approval, an outsider, an approval that expired.
"""

from __future__ import annotations

from bot.sandbox import judge
from bot.sandbox.configuration import SandboxSettings
from bot.sandbox.people import ANA, BEN, DEV
from bot.sandbox.stories.scene import EXPIRED, REQUESTED, Scene
from bot.sandbox.story import Narrator, Story
from bot.sandbox.workspace import Workspace

APPROVAL_SECONDS = 8
SELF = r"(your own|who asked|yourself|self_approval|somebody else|another person)"
OUTSIDER = r"(group|payments-oncall|role|not allowed|may not)"
TOO_LATE = r"(expired|no longer|already)"


async def play(workspace: Workspace, say: Narrator) -> None:
    """See the module's text."""
    scene = Scene(workspace, say)
    before = workspace.starts("payments")
    await workspace.break_service("payments")
    await scene.alert()
    offered = await scene.button("step_run", within=30)
    await scene.refused(DEV, offered, OUTSIDER, "Dev, who may only look, is told so, and what would help")
    await scene.press(ANA, offered)
    approve = await scene.button("plan_approve")
    await scene.refused(ANA, approve, SELF, "Ana is told that she cannot approve what she asked for")
    await scene.refused(DEV, approve, OUTSIDER, "Dev is told that he is not among those who may approve")
    card = scene.cards()[-1]
    say.check(judge.missing({"it still waits": r"approval needed"}, card), "the card still waits", card)
    say(f"nobody else answers for {APPROVAL_SECONDS} seconds")
    await say.expect(
        lambda: not judge.missing({"it expired": r"nobody answered in time"}, scene.cards()[-1]),
        within=APPROVAL_SECONDS + 15,
        what="the card says that nobody answered in time and nothing was done",
        last=scene.picture,
    )
    await scene.refused(BEN, approve, TOO_LATE, "Ben, who comes too late, is told so", stale=True)
    scene.starts(before)
    status = await workspace.health("payments")
    say.check([] if status == 0 else [f"HTTP {status}"], "payments was not touched: it is still down")
    state = scene.status()
    say.check([] if state != "resolved" else [state], "the incident is still open")
    await scene.everywhere((REQUESTED, EXPIRED))
    scene.one_summary()
    await scene.button("step_run", within=15, other_than=offered.value)
    say.seen("the step is offered again, as a new question")
    await scene.audit()


STORY = Story(
    "not-approved",
    "the one who asked tries to approve, an outsider tries, and then time runs out",
    play,
    SandboxSettings(approval_seconds=APPROVAL_SECONDS),
)
