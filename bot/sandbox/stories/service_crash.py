"""payments was killed. Ana asks for the next step, Ben approves, the bot restarts it, proves it and writes it down.

The loop of the product from the first alert to the resolved incident (worked example X1).
"""

from __future__ import annotations

from bot.sandbox import judge
from bot.sandbox.people import ANA, BEN
from bot.sandbox.stories.scene import RESOLVED, SUCCESS, Scene
from bot.sandbox.story import Narrator, Story
from bot.sandbox.workspace import Workspace

SUMMARY = {
    "what is wrong": r"HealthCheckFailing",
    "since when": r"since",
    "service": r"payments",
    "environment": r"\bprod\b",
    "owner": r"payments-team",
    "tier": r"tier 1",
    "who is on call": r"Ben Osei",
    "what the alert says": r"does not answer",
    "health, looked at now": r"health",
    "what supervisord says": r"EXITED",
    "the recent change": r"acme/payments",
    "a similar incident": r"seen before",
}
STEP = {
    "exactly one next step": r"next safe step",
    "why this one": r"confidence|why",
    "what it will do": r"supervisorctl restart payments",
    "what proves it": r"success",
    "how it is undone": r"undo",
    "who may run it": r"who",
}
CARD = {
    "what is asked": r"approval needed",
    "the exact act": r"supervisorctl restart payments",
    "the target": r"payments.*prod|prod.*payments",
    "the risk": r"risk",
    "who asked": r"Ana Marin",
    "who may answer": r"payments-oncall",
    "the plan's digest": r"plan [0-9a-f]{12}",
}


async def play(workspace: Workspace, say: Narrator) -> None:
    """See the module's text."""
    scene = Scene(workspace, say)
    before = workspace.starts("payments")
    await workspace.break_service("payments")
    say("the kernel kills payments")
    await scene.alert()
    await say.expect(scene.summary, within=30, what="a summary is in #incidents")
    await say.expect(
        lambda: not judge.missing(SUMMARY | STEP, scene.summary()),
        within=10,
        what="the summary says what is wrong, since when, whose it is, what changed, and one next step",
        last=lambda: f"without {judge.missing(SUMMARY | STEP, scene.summary())}:\n{scene.summary()}",
    )
    await scene.press(ANA, await scene.button("step_run"))
    approve = await scene.button("plan_approve")
    card = scene.cards()[-1]
    say.check(judge.missing(CARD, card), "the card shows exactly what would be done, and who may say yes", card)
    scene.starts(before)
    say(f"{BEN.name} reads the card")
    await scene.press(BEN, approve)
    await say.expect(
        lambda: scene.status() == "resolved", within=60, what="PagerDuty has it resolved", last=scene.picture
    )
    await scene.up()
    scene.starts(before + 1)
    await scene.everywhere(SUCCESS, also_known_to_pagerduty=(RESOLVED,))
    await say.expect(
        lambda: not judge.missing({"the end": r"resolved"}, scene.summary()),
        within=10,
        what="the summary says that it is resolved",
        last=scene.summary,
    )
    scene.one_summary()
    say.check([str(page) for page in scene.pages()], "nobody was paged by the bot")
    await scene.audit()


STORY = Story("service-crash", "payments crashes; a restart is asked for, approved, carried out and proved", play)
