"""Policy wants two people, one of them from sre: one yes is not enough, twice the same person is one, and Ana is none.

Mission P2 and trust cases T01, T02, T04: k of n over groups with all_of; the requester and outsiders never count.
"""

from __future__ import annotations

from bot.sandbox import judge
from bot.sandbox.configuration import SandboxSettings
from bot.sandbox.people import ANA, BEN, CORA, DEV
from bot.sandbox.stories.scene import RESOLVED, SUCCESS, Scene
from bot.sandbox.story import Narrator, Story
from bot.sandbox.workspace import Workspace

CARD = {"how many": r"2 people", "from where": r"payments-oncall", "and one of": r"sre"}
POLICY = {
    "approvals": {
        "staging": {"count": 1, "any_of": ["payments-oncall", "sre"], "timeout": "30m"},
        "prod": {"count": 2, "any_of": ["payments-oncall"], "all_of": ["sre"], "timeout": "15m"},
    }
}


async def play(workspace: Workspace, say: Narrator) -> None:
    """See the module's text."""
    scene = Scene(workspace, say)
    before = workspace.starts("payments")
    await workspace.break_service("payments")
    await scene.alert()
    await scene.press(ANA, await scene.button("step_run", within=30))
    approve = await scene.button("plan_approve")
    card = scene.cards()[-1]
    say.check(judge.missing(CARD, card), "the card says how many people, and from which groups", card)
    await scene.refused(ANA, approve, r"self_approval|who asked", "Ana cannot approve what she asked for")
    await scene.refused(DEV, approve, r"payments-oncall|group", "Dev is in none of the groups")
    await scene.refused(BEN, approve, r"recorded.*sre", "Ben's yes is recorded; somebody from sre is still needed")
    await scene.refused(BEN, approve, r"already recorded", "Ben's second click is no second person")
    scene.starts(before)
    await scene.press(CORA, approve)
    await scene.everywhere(SUCCESS, also_known_to_pagerduty=(RESOLVED,))
    await say.expect(
        lambda: scene.status() == "resolved", within=30, what="PagerDuty has it resolved", last=scene.picture
    )
    await scene.up()
    scene.starts(before + 1)
    await scene.audit()


STORY = Story(
    "two-groups",
    "two people must approve, one of them from sre; one person twice is one",
    play,
    SandboxSettings(policy=POLICY),
)
