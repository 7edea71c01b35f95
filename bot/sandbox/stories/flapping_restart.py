"""payments crashes three times in a short while. Policy allows one controlled restart per hour, approved beforehand.

Worked example X4 and promises G6, P6: the first restart is carried out on the standing approval, and proved. What comes
after is not a second restart but a refusal with its reason, written down everywhere, and people: the third time it is
marked as flapping. `ONE_PER_HOUR` is the policy's part of the story; `first`, `refused_again` and `third` are one
occurrence each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from bot.sandbox import judge
from bot.sandbox.configuration import SandboxSettings
from bot.sandbox.people import ANA
from bot.sandbox.stories.scene import APPROVED, EXECUTED, PROVED, REQUESTED, RESOLVED, WORKED, Scene
from bot.sandbox.story import Narrator, Story
from bot.sandbox.workspace import Workspace

TITLE = "Api5xxSpike: payments answers 5xx"
RESTART = """\
id: restart-payments
title: Restart payments
owner: payments-team
review_every: 90d
match:
  symptoms: ["answers 5xx", "5xx spike"]
  alerts: ["Api5xxSpike"]
  when: "facts.health.status != 200 || facts.state.state != 'RUNNING'"
params:
  target: {type: target, kind: supervisor_program}
steps:
  - id: restart
    title: Restart one instance
    action: supervisor.restart
    with: {target: "${target}"}
    precheck: "facts.state.state != 'RUNNING' || facts.health.status != 200"
    verify: {fact: health, expect: "status == 200", within: 20s, samples: 3 of 4, every: 1s}
    rollback: none
    rollback_note: a restart cannot be taken back
    safety: {risk: safe, scopes: [dev, staging, prod]}
escalate: {after_failures: 1, severity: critical}
"""
THREE_IN_TEN_MINUTES: Mapping[str, Any] = {
    "breakers": {"remediation": {"max": 3, "window": "10m", "cooldown": "30m"}, "incident": {"failures": 2}},
    "standing": [
        {
            "id": "payments-restart-hourly",
            "runbook": "restart-payments",
            "action": "supervisor.restart",
            "service": "payments",
            "environment": "prod",
            "max": 24,
            "until": "2099-12-31T00:00:00Z",
            "by": ["ben", "cora"],
        }
    ],
}
ONE_PER_HOUR: Mapping[str, Any] = {
    **THREE_IN_TEN_MINUTES,
    "limits": [{"max": 1, "per": "service", "window": "1h", "env": "prod", "action": "supervisor.restart"}],
}
REFUSED = r"refused[\s\S]*rate_limited"
WHY = {"the code or its words": r"rate_limited|at most|limit", "how often it may be": r"3600 s"}


async def play(workspace: Workspace, say: Narrator) -> None:
    """See the module's text."""
    scene = Scene(workspace, say)
    before = workspace.starts("payments")
    await first(scene, before)
    await refused_again(scene, before + 1)
    await third(scene, before + 2)
    await scene.audit()


async def play_breaker(workspace: Workspace, say: Narrator) -> None:
    """The same without the limit: the third restart in ten minutes opens the breaker, which pages; the fourth is refused."""
    scene = Scene(workspace, say)
    before = workspace.starts("payments")
    for number in (1, 2, 3):
        say.check(scene.pages(), "nobody has been paged")
        await crash(scene)
        await scene.press(ANA, await scene.button("step_run", within=30))
        await say.expect(
            lambda: scene.status() == "resolved", within=40, what=f"restart {number} helps", last=scene.picture
        )
        scene.starts(before + number)
    await say.expect(lambda: bool(scene.pages()), within=20, what="the third restart pages people", last=scene.picture)
    page = scene.pages()[0]
    say.check(
        judge.missing({"why": r"circuit breaker opened", "how often": r"3 runs"}, page), "the page says why", page
    )
    await crash(scene)
    told = len(scene.whispers(ANA))
    await scene.press(ANA, await scene.button("step_run", within=30))
    await scene.told(ANA, r"breaker", told, "Ana is told that the breaker is open")
    scene.starts(before + 3)
    await scene.audit()


async def first(scene: Scene, before: int) -> None:
    """The one restart of this hour: asked for, approved beforehand, carried out, proved."""
    await crash(scene)
    await scene.press(ANA, await scene.button("step_run", within=30))
    await scene.everywhere((REQUESTED, EXECUTED, PROVED, WORKED), within=60, also_known_to_pagerduty=(RESOLVED,))
    answered = [note for note in scene.notes() if not judge.missing({"a yes": APPROVED}, note)]
    scene.say.check(answered, "nobody was asked: two people have approved this restart beforehand, once per hour")
    scene.starts(before + 1)
    await scene.up()


async def refused_again(scene: Scene, starts: int) -> None:
    """The second crash: nobody is even asked for approval, and the record says why."""
    workspace, say = scene.workspace, scene.say
    await crash(scene)
    await refusal(scene)
    scene.starts(starts)
    status = await workspace.health("payments")
    say.check([] if status == 0 else [f"HTTP {status}"], "payments was not touched: it is still down")
    say("somebody at a terminal mends payments, and the monitor is content")
    await workspace.restore("payments")
    await workspace.pagerduty.resolve(scene.incident)
    await say.expect(
        lambda: not judge.missing({"the end": r"resolved"}, scene.summary()),
        within=20,
        what="the summary says that it is resolved",
        last=scene.summary,
    )


async def third(scene: Scene, starts: int) -> None:
    """The third crash within minutes: marked as flapping, refused again, and a person calls more people."""
    say = scene.say
    await crash(scene)
    await say.expect(
        lambda: not judge.missing({"it flaps": r"flapping"}, scene.summary()),
        within=20,
        what="the summary says that it is flapping",
        last=scene.summary,
    )
    await refusal(scene)
    scene.starts(starts)
    await scene.press(ANA, await scene.button("incident_escalate"))
    await say.expect(
        lambda: bool(scene.pages()), within=30, what="people are paged through PagerDuty", last=scene.picture
    )


async def crash(scene: Scene) -> None:
    """Payments dies, the monitor sees it, and a new summary is in #incidents."""
    known = len(scene.summaries())
    await scene.workspace.break_service("payments")
    scene.say("payments crashes")
    await scene.alert(title=TITLE, alert_name="Api5xxSpike", result="5xx rate 100 %")
    await scene.say.expect(
        lambda: len(scene.summaries()) > known, within=30, what="a new summary is in #incidents", last=scene.picture
    )


async def refusal(scene: Scene) -> None:
    """Ana asks for the restart and is told why not, she at once, and everybody by the record."""
    cards = len(scene.cards())
    before = len(scene.whispers(ANA))
    await scene.press(ANA, await scene.button("step_run", within=30))
    told = await scene.told(ANA, r"rate_limited|at most", before, "Ana is told that one restart per hour is the limit")
    scene.say.check(judge.missing(WHY, told), "she is told how often it may be", told)
    scene.say.check([] if len(scene.cards()) == cards else ["a card"], "nobody is asked to approve a second restart")
    tickets = scene.workspace.tickets
    places: dict[str, Callable[[], list[str]]] = {
        "PagerDuty's notes": scene.notes,
        "the Jira issue": lambda: [judge.flat(c["body"]) for c in tickets.comments(newest_issue(scene))],
        "the ServiceNow incident": lambda: tickets.work_notes(newest_record(scene)),
    }
    for name, read in places.items():
        await scene.say.expect(
            partial(written, read),
            within=20,
            what=f"{name}: the refusal is written down, with its reason",
            last=scene.picture,
        )


def written(read: Callable[[], list[str]]) -> bool:
    """Whether a place holds the refusal."""
    return not judge.out_of_order((REFUSED,), read())


def newest_issue(scene: Scene) -> str:
    """The key of the issue that was opened last."""
    return str(max(scene.workspace.tickets.issues(), key=lambda issue: int(issue["key"].rpartition("-")[2]))["key"])


def newest_record(scene: Scene) -> str:
    """The id of the ServiceNow incident that was opened last."""
    return str(max(scene.workspace.tickets.records(), key=lambda record: str(record["number"]))["sys_id"])


STORY = Story(
    "flapping-restart",
    "payments crashes three times; policy allows one restart per hour, so the others are refused and people are called",
    play,
    SandboxSettings(policy=ONE_PER_HOUR, runbooks={"restart-payments.yaml": RESTART}, builtin_runbooks=False),
)
