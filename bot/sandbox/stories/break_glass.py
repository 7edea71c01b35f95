"""Prod is frozen and payments is down: Ana breaks the glass with a reason, two people let her, and a review is asked for.

Trust case T14: without the glass it is refused and says why; with it the freeze is passed and nothing else; the follow-up is
a ticket of its own that the transcript links.
"""

from __future__ import annotations

from typing import Any

from bot.sandbox import judge
from bot.sandbox.configuration import Freeze, SandboxSettings
from bot.sandbox.people import ANA, BEN, CORA
from bot.sandbox.stories.scene import PROVED, REQUESTED, RESOLVED, WORKED, Scene
from bot.sandbox.story import Narrator, Story
from bot.sandbox.workspace import Workspace

WHY = "the shop loses orders and month-end can wait"
FROZEN = r"month-end"
EXPLAIN = r"/runbook explain inc_"
BROKEN = r"the glass was broken\W*by"
REVIEW = r"review why the glass was broken"
FOLLOW_UP = r"follow-up ticket\W*OPS-\d+"
LABEL = "countersign-review"


async def play(workspace: Workspace, say: Narrator) -> None:
    """See the module's text."""
    scene = Scene(workspace, say)
    before = workspace.starts("payments")
    await workspace.break_service("payments")
    await scene.alert()
    offered = await scene.button("step_run", within=30)
    knew = len(scene.whispers(ANA))
    await scene.press(ANA, offered)
    refusal = await scene.told(ANA, FROZEN, knew, "Ana is refused: prod is frozen")
    say.check(judge.missing({"it": EXPLAIN}, refusal), "she is told how to ask what every rule said", refusal)
    await scene.type(ANA, f"/runbook breakglass restart-service payments because {WHY}")
    approve = await scene.button("plan_approve")
    knew = len(scene.whispers(BEN))
    await scene.press(BEN, approve)
    await scene.told(BEN, r"still needed", knew, "Ben's yes alone is not enough: the glass has a group of its own")
    await scene.press(CORA, approve)
    told = (REQUESTED, BROKEN, PROVED, REVIEW, WORKED)
    await say.expect(
        lambda: not judge.out_of_order((*told, FOLLOW_UP), scene.entries()) and scene.status() == "resolved",
        within=60,
        what="the thread tells the reason, the proof, the review and its ticket",
        last=lambda: f"{judge.out_of_order((*told, FOLLOW_UP), scene.entries())} in\n" + scene.picture(),
    )
    await say.expect(
        lambda: not judge.out_of_order((*told, FOLLOW_UP), scene.notes()),
        within=30,
        what="so do PagerDuty's notes",
        last=lambda: "\n".join(scene.notes()),
    )
    reviews = [issue for issue in workspace.tickets.issues() if LABEL in issue["fields"]["labels"]]
    say.check([] if len(reviews) == 1 else [f"{len(reviews)} of them"], "one Jira issue asks for the review")
    text = said_in(reviews[0])
    wanted = {
        "the reason": WHY,
        "the rule": r"rules passed: freeze",
        "Ana": ANA.name,
        "Ben": BEN.name,
        "Cora": CORA.name,
    }
    say.check(judge.missing(wanted, text), "it names the reason, the rule that was passed and the people", text)
    say.check(
        judge.missing({"the key": reviews[0]["key"]}, "\n".join(scene.entries())), "the thread links that very issue"
    )
    scene.one_summary()
    scene.starts(before + 1)
    await scene.up()
    say.check(judge.missing({"it": RESOLVED}, "\n".join(scene.entries())), "the incident is resolved")
    await scene.audit()


def said_in(issue: dict[str, Any]) -> str:
    """Everything that a person reads in a Jira issue."""
    return judge.flat([issue["fields"]["summary"], issue["fields"]["description"]])


STORY = Story(
    "break-glass",
    "prod is frozen and payments is down: with a reason and two people past the freeze, and a review afterwards",
    play,
    SandboxSettings(
        freeze=Freeze(after=-3600.0, lasts=7200.0), policy={"break_glass": {"any_of": ["sre"], "timeout": "10m"}}
    ),
)
