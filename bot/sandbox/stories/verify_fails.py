"""payments runs but cannot reach its database. A restart does not prove itself; a changed setting neither, and is undone.

Trust cases T59, T60 and promise V2, V3: no success is assumed, what declares an undo is undone, and people are paged with
what was tried. payments ends exactly as it was before the second step.
"""

from __future__ import annotations

import json

from bot.sandbox import judge
from bot.sandbox.configuration import SandboxSettings
from bot.sandbox.people import ANA, BEN
from bot.sandbox.stories.scene import (
    APPROVED,
    ESCALATED,
    FAILED,
    NOT_PROVED,
    REQUESTED,
    ROLLED_BACK,
    WAS_ROLLED_BACK,
    Scene,
)
from bot.sandbox.story import Narrator, Story
from bot.sandbox.workspace import Workspace

RESTART = """\
id: restart-payments
title: Restart payments
owner: payments-team
review_every: 90d
match:
  symptoms: ["health check failing", "does not answer"]
  alerts: ["HealthCheckFailing"]
  when: "incident.severity in ['critical', 'error']"
params:
  target: {type: target, kind: supervisor_program}
steps:
  - id: restart
    title: Restart the program
    action: supervisor.restart
    with: {target: "${target}"}
    verify: {fact: health, expect: "status == 200", within: 5s, samples: 2 of 3, every: 1s}
    rollback: none
    irreversible: false
    safety: {risk: safe, scopes: [dev, staging, prod]}
escalate: {after_failures: 2, severity: critical}
"""
SLOW_MODE = """\
id: slow-mode
title: Let payments work without its database, slowly
owner: payments-team
review_every: 90d
match:
  symptoms: ["health check failing"]
  alerts: ["HealthCheckFailing"]
params:
  target: {type: target, kind: setting_file}
steps:
  - id: set-slow
    title: Switch to slow mode
    action: settings.set
    with: {target: "${target}", key: mode, value: slow}
    verify: {fact: health, expect: "status == 200 && took_ms < 1000", within: 5s, samples: 2 of 3, every: 1s}
    rollback: [{action: settings.restore, with: {target: "${target}", key: mode}}]
    irreversible: false
    safety: {risk: safe, scopes: [dev, staging, prod]}
escalate: {after_failures: 1, severity: critical}
"""


async def play(workspace: Workspace, say: Narrator) -> None:
    """See the module's text."""
    scene = Scene(workspace, say)
    before = workspace.starts("payments")
    await workspace.break_service("payments", "broken")
    say("payments loses its database and answers 503")
    await scene.alert()
    offered = await scene.button("step_run", within=30)
    await scene.press(ANA, offered)
    first = await scene.button("plan_approve")
    await scene.press(BEN, first)
    await say.expect(
        lambda: bool(scene.pages()), within=60, what="people are paged through PagerDuty", last=scene.picture
    )
    page = scene.pages()[0]
    wanted = {"what it is about": r"HealthCheckFailing", "which runbook": r"restart-payments", "why": r"prove"}
    say.check(judge.missing(wanted, page), "the page says what was tried and why it was not enough", page)
    scene.starts(before + 1)
    await scene.everywhere((REQUESTED, APPROVED, NOT_PROVED, ESCALATED, FAILED))
    say("the next step is another one; it is tried, does not help, and is undone")
    await scene.press(ANA, await scene.button("step_run", within=30, other_than=offered.value))
    await scene.press(BEN, await scene.button("plan_approve", other_than=first.value))
    await say.expect(
        lambda: not judge.missing({"it was undone": r"rolled back"}, scene.cards()[-1]),
        within=60,
        what="the card says that it did not help and was rolled back",
        last=scene.picture,
    )
    mode = json.loads(workspace.places.program("payments").settings.read_text(encoding="utf-8"))["mode"]
    say.check([] if mode == "broken" else [f"mode {mode}"], "the setting is what it was before the step")
    scene.starts(before + 1)
    await scene.everywhere((FAILED, REQUESTED, APPROVED, NOT_PROVED, ROLLED_BACK, ESCALATED, WAS_ROLLED_BACK))
    keys = {str(event["body"].get("dedup_key")) for event in workspace.pagerduty.events()}
    say.check([] if len(keys) == 1 else sorted(keys), "everything went to one page, not to a new one for each try")
    await say.expect(
        lambda: not judge.missing({"no more": r"needs a person"}, scene.summary()),
        within=20,
        what="nothing more is offered: this one needs a person",
        last=scene.picture,
    )
    state = scene.status()
    say.check([] if state != "resolved" else [state], "the incident is still open")
    scene.one_summary()
    await scene.audit()


STORY = Story(
    "verify-fails",
    "what was done does not help: it is not called a success, it is undone, and people are paged",
    play,
    SandboxSettings(runbooks={"restart-payments.yaml": RESTART, "slow-mode.yaml": SLOW_MODE}, builtin_runbooks=False),
)
