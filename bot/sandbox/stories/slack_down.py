"""Slack and PagerDuty cannot be reached while an incident comes in, and again while the step runs.

Trust case T64: afterwards everything is delivered, in order, once. The worst moment is `lose_answers`: the vendor does
what it was told and the answer is lost, so sending again without looking would double it.
"""

from __future__ import annotations

import asyncio

from bot.sandbox.people import ANA, BEN
from bot.sandbox.stories.scene import RESOLVED, SUCCESS, Scene
from bot.sandbox.story import Narrator, Story
from bot.sandbox.workspace import Workspace

BOTH = ("slack", "pagerduty")


async def play(workspace: Workspace, say: Narrator) -> None:
    """See the module's text."""
    scene = Scene(workspace, say)
    before = workspace.starts("payments")
    workspace.outage.set("slack", "refuse")
    say("Slack refuses every connection")
    workspace.outage.set("pagerduty", "rate_limited")
    say("PagerDuty answers 429; its webhooks still come through")
    await workspace.break_service("payments")
    await scene.alert()
    await workspace.pagerduty.drained()
    say.seen("the bot has taken PagerDuty's webhook")
    await spell(workspace, say, "refuse", 4.0)
    say.check([m.text for m in scene.summaries()], "nothing is in Slack yet")
    await spell(workspace, say, "rate_limited", 3.0)
    await spell(workspace, say, "lose_answers", 3.0)
    await spell(workspace, say, "up", 0.0)
    await say.expect(scene.summary, within=60, what="the summary is in #incidents", last=scene.picture)
    await scene.press(ANA, await scene.button("step_run", within=40))
    approve = await scene.button("plan_approve", within=30)
    knew = len(scene.whispers(BEN))
    await scene.press(BEN, approve)
    # A click is acknowledged before anybody has looked at who clicked: Slack must stay until that look-up, or Ben's yes
    # is rightly refused. His receipt comes in the moment the run is woken, so the outage still falls into its step.
    await scene.told(BEN, r"approved\W+plan", knew, "Ben's yes has been taken")
    await spell(workspace, say, "refuse", 0.0)
    await say.expect(
        lambda: workspace.starts("payments") > before,
        within=30,
        what="the bot goes on without Slack and PagerDuty: payments is started again",
    )
    await asyncio.sleep(4.0)
    await spell(workspace, say, "lose_answers", 3.0)
    await spell(workspace, say, "up", 0.0)
    await say.expect(
        lambda: scene.status() == "resolved", within=120, what="PagerDuty has it resolved", last=scene.picture
    )
    await scene.everywhere(SUCCESS, within=60, also_known_to_pagerduty=(RESOLVED,))
    scene.one_summary()
    await scene.up()
    scene.starts(before + 1)
    await scene.audit()


async def spell(workspace: Workspace, say: Narrator, mode: str, seconds: float) -> None:
    """Both vendors behave like that for a while."""
    for vendor in BOTH:
        workspace.outage.set(vendor, mode)
    say(f"Slack and PagerDuty: {mode}" + (f" for {seconds:g} s" if seconds else ""))
    await asyncio.sleep(seconds)


STORY = Story(
    "slack-down", "Slack and PagerDuty fail in every way; afterwards nothing is lost and nothing is double", play
)
