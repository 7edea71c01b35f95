"""Ana writes a runbook for checkout, tries it, sees it offered, runs it in staging, and promotes it: ten minutes in one.

The walk of docs/write-a-runbook.md (mission R1, R3-R5): the same commands, and the running bot takes the file up by itself.
"""

from __future__ import annotations

from bot.sandbox import judge
from bot.sandbox.people import ANA, BEN
from bot.sandbox.stories.scene import APPROVED, EXECUTED, PROVED, REQUESTED, WORKED, Scene
from bot.sandbox.story import Narrator, Story
from bot.sandbox.workspace import Workspace

NAME = "restart-checkout"
TITLE = "Restart checkout when it does not answer"
EVIDENCE = "https://sandbox.invalid/game-day-1"
NEW = (
    *("--title", TITLE, "--action", "supervisor.restart", "--owner", "checkout-team"),
    *("--symptom", "checkout does not answer", "--alert", "HealthCheckFailing", "--undo", "nothing"),
    *("--scope", "dev", "--scope", "staging"),
)


async def play(workspace: Workspace, say: Narrator) -> None:
    """See the module's text."""
    scene = Scene(workspace, say)
    before = workspace.starts("checkout")
    folder = workspace.folder / "runbooks"
    path = str(folder / f"{NAME}.yaml")
    await told(scene, "Ana writes it with `runbookctl new`", "new", NAME, *NEW, "--into", str(folder))
    await told(scene, "it lints", "lint", path)
    await told(scene, "its own test passes", "test", path)
    await told(
        scene,
        "`simulate` shows the cards and touches nothing",
        *("simulate", "--service", "checkout", "--environment", "staging", "--symptom", "checkout does not answer"),
    )
    await refused(scene, "nobody can promote what was never run", "promote", *promotion())
    await workspace.break_service("checkout")
    await scene.alert("checkout")
    await say.expect(
        lambda: not judge.missing({"the new runbook": TITLE}, scene.summary()),
        within=40,
        what="the bot took the file up by itself and offers exactly that step",
        last=scene.picture,
    )
    await scene.press(ANA, await scene.button("step_run"))
    await scene.press(BEN, await scene.button("plan_approve"))
    await scene.everywhere((REQUESTED, APPROVED, EXECUTED, PROVED, WORKED), within=60)
    starts = workspace.starts("checkout")
    say.check([] if starts == before + 1 else [f"{starts - before} starts"], "checkout was started once, in staging")
    await told(scene, "one run of this very version in staging is evidence enough here", "promote", *promotion())
    record = folder / "promotions" / f"{NAME}.prod.yaml"
    say.check([] if record.is_file() else ["no file"], f"the record for prod waits for its review: {record.name}")
    await scene.audit()


def promotion() -> tuple[str, ...]:
    """The words of the one promotion of this story."""
    return ("--action", NAME, "--env", "prod", "--by", "ana", "--evidence-url", EVIDENCE)


async def told(scene: Scene, what: str, *words: str) -> None:
    """A command of an author that must be fine."""
    code, output = await scene.workspace.command(*words)
    scene.say.check([] if code == 0 else [f"exit code {code}"], what, output)


async def refused(scene: Scene, what: str, *words: str) -> None:
    """A command that must be refused with exit code 1."""
    code, output = await scene.workspace.command(*words)
    scene.say.check([] if code == 1 else [f"exit code {code}"], what, output)


STORY = Story(
    "first-runbook",
    "a new runbook: written, linted, tested, simulated, offered, run in staging, promoted",
    play,
)
