"""checkout is slow because the workers of payments are at their limit. Six become nine, and nine twelve, each proved.

Worked example X5 and promise G7: doubling needs somebody else's yes, the card shows the whole change, both increments and
what they cost, and the second increment begins only when the first has been proved. `play` also tells the variant in which
the second increment does not hold: it is taken back to nine, where it began, and people are called.
"""

from __future__ import annotations

from bot.sandbox import judge
from bot.sandbox.people import ANA, BEN
from bot.sandbox.stories.scene import (
    APPROVED,
    ESCALATED,
    REQUESTED,
    RESOLVED,
    WAS_ROLLED_BACK,
    WORKED,
    Button,
    Scene,
)
from bot.sandbox.story import Narrator, Story
from bot.sandbox.workspace import Workspace

TITLE = "CPUSaturated: checkout latency p95 is 2.1 s, CPU saturated on every worker of payments"
BEFORE, BETWEEN, AFTER = 6, 9, 12
FIRST = r"supervisorctl start payments-workers:worker_06 \S+_07 \S+_08 \(6 to 9\)"
SECOND = r"supervisorctl start payments-workers:worker_09 \S+_10 \S+_11 \(9 to 12\)"
SUMMARY = {
    "what is wrong": r"CPU saturated",
    "how many run, looked at now": r"6 of 12 run",
    "the next step": r"next safe step: run more workers",
    "the first increment": FIRST,
    "the second increment": SECOND,
    "the undo": r"by supervisorctl stop \S+_11 \S+_10 \S+_09 \(12 to 9\)",
    "whose yes": r"payments-oncall",
}
CARD = {
    "what is asked": r"approval needed",
    "the first increment": FIRST,
    "the second increment": SECOND,
    "the whole change": r"6 to 12 processes \(\+100 %\), in 2 increments",
    "the blast radius": r"blast radius\W* 1 target, tier 1",
    "the cost": r"cost\W* 2\.4 more",
    "what proves the first": r"running == 9",
    "what proves the second": r"running == 12",
    "how the second is undone": r"supervisorctl stop \S+_11 \S+_10 \S+_09 \(12 to 9\)",
    "the evidence": r"6 of 12 run",
    "who may answer": r"payments-oncall",
}
DONE_FIRST, DONE_SECOND = r"\bdone\W+scale-1", r"\bdone\W+scale-2"
PROVED_FIRST, PROVED_SECOND = r"(?<!not )proved\W*pool.*running == 9", r"(?<!not )proved\W*pool.*running == 12"
NOT_PROVED_SECOND = r"not proved\W*pool.*running == 12"
TAKEN_BACK = r"rolled back\W*scale-2[\s\S]*12 to 9"


async def play(workspace: Workspace, say: Narrator) -> None:
    """See the module's text."""
    scene = Scene(workspace, say)
    await asked(scene)
    await scene.everywhere(
        (REQUESTED, APPROVED, DONE_FIRST, PROVED_FIRST, DONE_SECOND, PROVED_SECOND, WORKED),
        within=90,
        also_known_to_pagerduty=(RESOLVED,),
    )
    await run_now(scene, AFTER, "twelve workers run, says supervisord itself")
    say.check([str(page) for page in scene.pages()], "nobody was paged by the bot")
    await say.expect(
        lambda: scene.status() == "resolved", within=15, what="PagerDuty has it resolved", last=scene.picture
    )
    scene.one_summary()
    await scene.audit()


async def play_second_fails(workspace: Workspace, say: Narrator) -> None:
    """The same, with a worker that ends soon after its start in the second increment."""
    scene = Scene(workspace, say)
    await asked(scene)
    await scene.everywhere(
        (
            REQUESTED,
            APPROVED,
            DONE_FIRST,
            PROVED_FIRST,
            DONE_SECOND,
            NOT_PROVED_SECOND,
            TAKEN_BACK,
            ESCALATED,
            WAS_ROLLED_BACK,
        ),
        within=150,
    )
    await run_now(
        scene, BETWEEN, "nine workers run: the second increment was taken back to where it began, and no further"
    )
    say.check([] if scene.pages() else ["no page"], "people are paged")
    state = scene.status()
    say.check([] if state != "resolved" else [state], "the incident is still open")
    await scene.audit()


async def asked(scene: Scene) -> Button:
    """From the alert to Ben's yes; nothing is started before."""
    say = scene.say
    await run_now(scene, BEFORE, "six workers of payments run")
    await scene.alert(title=TITLE, alert_name="CPUSaturated", cpu="98 %", latency_p95="2.1 s")
    await say.expect(
        lambda: not judge.missing(SUMMARY, scene.summary()),
        within=30,
        what="the summary says how many run, and offers six to twelve in two increments",
        last=lambda: f"without {judge.missing(SUMMARY, scene.summary())}:\n{scene.summary()}",
    )
    await scene.press(ANA, await scene.button("step_run"))
    approve = await scene.button("plan_approve")
    card = scene.cards()[-1]
    say.check(
        judge.missing(CARD, card), "the card shows the whole change, both increments, undo, cost and radius", card
    )
    await scene.refused(ANA, approve, r"your own|who asked|self", "Ana cannot approve what she asked for")
    await run_now(scene, BEFORE, "nothing was started meanwhile")
    say(f"{BEN.name} reads the card")
    await scene.press(BEN, approve)
    return approve


async def run_now(scene: Scene, wanted: int, what: str) -> None:
    """Supervisord says that exactly the first so many workers run."""
    pool = scene.workspace.settings.pool
    found = await scene.workspace.supervisor.running(pool.group)
    scene.say.check([] if found == pool.names(wanted) else [f"{len(found)} run: {found}"], what)


STORY = Story(
    "scale-with-approval",
    "workers at their limit: six become twelve in two increments, after somebody else's yes, each proved",
    play,
)
