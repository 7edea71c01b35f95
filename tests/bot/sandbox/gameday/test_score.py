"""The score: what was seen in, marks out. Every way in which a round can be wrong costs exactly its mark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from bot.sandbox.gameday.load import load_scenario
from bot.sandbox.gameday.reading import acts, contains, short
from bot.sandbox.gameday.scenario import MARKS, Round
from bot.sandbox.gameday.score import Mark, holds, score
from bot.sandbox.gameday.sight import Answer, Seen, Sight, WorldSeen
from bot.sandbox.gameday.words import JIRA, LINES, NOTES, SERVICENOW, THREAD

OFFER = """\
Critical: payments in prod
Next safe step: Restart a service
It will do
```
1. supervisorctl tail payments (last 50 lines)
2. supervisorctl restart payments
```"""
LINES_SEEN = ("Ana *asked to run* restart", "*Approved* by Ben", "*Done:* restart", "✅ *Proved:* health is `status == 200`",
              "*Finished:* restart worked", "*Resolved* by Countersign")  # fmt: skip
GOOD = Seen(
    incident="Q1",
    sights=(
        Sight(1.0, "summary", "HealthCheckFailing on payments"),
        Sight(1.5, "summary", OFFER),
        Sight(1.5, "offer", OFFER),
        Sight(1.6, "status", "triggered"),
        Sight(2.0, "card", "🟠 Approval needed: Restart a service\nNeeds 1 person from payments-oncall"),
        Sight(3.0, "card", "✅ Done and proved"),
        *(Sight(4.0 + i, "thread", line) for i, line in enumerate(LINES_SEEN)),
        Sight(9.5, "status", "resolved"),
    ),
    records=dict.fromkeys((THREAD, NOTES, JIRA, SERVICENOW), LINES_SEEN),
    answers=(Answer("Ana Marin", "clicked approve", "self_approval", came=True, said=("Reason code: self_approval",)),),
    world=WorldSeen(health={"payments": 200}, starts={"payments": 1, "checkout": 0}, workers=6, workers_before=6),
    summaries=1,
    messages=1,
    title="Restart a service",
    status="resolved",
    audit="verified",
)
EXPECT = """\
      detection: {within: 30s, says: ["HealthCheckFailing"], messages: 1}
      step: {runbook: restart-service, acts: ["tail payments", "restart payments$"]}
      guard: {answer: asked, says: ["payments-oncall"]}
      verify: {answer: proved, fact: health, world: {health: {payments: 200}, starts: {payments: 1}, workers: 6}}
      record: {lines: [requested, approved, done, proved, worked, resolved], incident: resolved}
"""


def round_of(expect: str = EXPECT, never: str = "[page, second_summary]") -> Round:
    text = (
        "id: demo\ntitle: a demo\nsetup: {area: {service: payments}}\nrounds:\n  - name: only one\n"
        f"    script: [{{alert: {{}}}}]\n    never: {never}\n    expect:\n{expect}"
    )
    return load_scenario(text, "demo.yaml").rounds[0]


def wrong(seen: Seen, played: Round) -> dict[str, tuple[str, ...]]:
    return {mark.name: mark.wrong for mark in score(played, seen) if mark.wrong}


def test_everything_as_it_must_be_is_five_of_five_with_seconds_and_evidence() -> None:
    marks = score(round_of(), GOOD)
    assert [mark.name for mark in marks] == list(MARKS)
    assert [mark.score for mark in marks] == [1] * 5, wrong(GOOD, round_of())
    assert holds(marks)
    assert [mark.at for mark in marks] == [1.0, 1.5, 2.0, 7.0, 9.5]
    assert all(mark.evidence for mark in marks)
    assert "supervisorctl restart payments" in marks[1].evidence
    assert "audit chain verified" in marks[4].evidence


def without(place: str, words: str = "") -> Callable[[Seen], Seen]:
    return lambda seen: replace(seen, sights=tuple(s for s in seen.sights if s.place != place or words not in s.text))


def also(*more: Sight) -> Callable[[Seen], Seen]:
    return lambda seen: replace(seen, sights=(*seen.sights, *more))


def with_(**changes: Any) -> Callable[[Seen], Seen]:
    return lambda seen: replace(seen, **changes)


def record_of(place: str, *lines: str) -> Callable[[Seen], Seen]:
    return lambda seen: replace(seen, records={**seen.records, place: lines})


def world(**changes: Any) -> Callable[[Seen], Seen]:
    return lambda seen: replace(seen, world=replace(seen.world, **changes))


# what is different -> the mark it costs, and words of the reason
CASES: list[tuple[Callable[[Seen], Seen], str, str]] = [
    (without("summary"), "detection", "no summary"),
    (lambda s: replace(s, sights=tuple(replace(x, at=x.at + 60) for x in s.sights)), "detection", "after 61.0 s, not within 30"),
    (without("summary", "HealthCheckFailing"), "detection", "never says /HealthCheckFailing/"),
    (with_(unseen=("Q7",)), "detection", "1 incidents without a summary: Q7"),
    (with_(messages=2), "detection", "2 messages in #incidents, not 1"),
    (with_(summaries=2), "detection", "2 summaries of one incident"),
    (without("offer"), "step", "no step is offered"),
    (with_(title="Scale the workers"), "step", "“Scale the workers” is not what is offered"),
    (without("card"), "guard", "no card asks anybody"),
    (without("card", "payments-oncall"), "guard", "no card asks anybody"),
    (with_(answers=(replace(GOOD.answers[0], came=False, said=("done",)),)), "guard", "was not told /self_approval/"),
    (with_(missed=("Ben waited 60 s",)), "guard", "Ben waited 60 s"),
    (without("thread", "Proved"), "verify", "no line says proved by health"),
    (world(health={"payments": 503}), "verify", "payments /health is 503, not 200"),
    (world(starts={"payments": 2}), "verify", "starts of payments is 2, not 1"),
    (world(starts={}), "verify", "starts of payments is 0, not 1"),
    (world(workers=7), "verify", "workers that run is 7, not 6"),
    (record_of(NOTES, *LINES_SEEN[:-2]), "record", "PagerDuty's notes: not there, or not in this order: worked"),
    (record_of(JIRA, *reversed(LINES_SEEN)), "record", "the Jira issue: "),
    (record_of(SERVICENOW), "record", "the ServiceNow incident: not there, or not in this order: requested, approved"),
    (record_of(THREAD, *LINES_SEEN, LINES_SEEN[0]), "record", "2 times"),
    (with_(status="triggered"), "record", "the incident is triggered in PagerDuty, not resolved"),
    (also(Sight(5.0, "page", "restart failed")), "record", "people were paged"),
    (with_(audit="row 3 does not follow"), "record", "the audit chain: row 3"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "mark", "words"), CASES, ids=[f"{m} {w}" for _, m, w in CASES])
def test_what_is_wrong_costs_its_mark_and_no_other(change: Callable[[Seen], Seen], mark: str, words: str) -> None:
    found = wrong(change(GOOD), round_of())
    assert list(found) == [mark]
    assert any(words in text for text in found[mark]), found


@pytest.mark.parametrize("name", MARKS)
def test_nothing_was_seen_is_nought_for_every_mark(name: str) -> None:
    marks = {mark.name: mark for mark in score(round_of(), Seen())}
    assert marks[name].score == 0
    assert marks[name].wrong


# an expectation that is wrong (a saboteur's) must cost its mark, though the round went well
SABOTAGE: Mapping[str, tuple[str, str]] = {
    "detection": ('says: ["HealthCheckFailing"]', 'says: ["DiskFull"]'),
    "step": ('"restart payments$"', '"restart checkout"'),
    "guard": ("answer: asked, says", "answer: allowed, says"),
    "verify": ("answer: proved, fact: health", "answer: failed, fact: health"),
    "record": ("incident: resolved", "incident: open"),
}


@pytest.mark.parametrize("name", MARKS)
def test_a_wrong_expectation_fails_a_good_round(name: str) -> None:
    old, new = SABOTAGE[name]
    assert old in EXPECT
    assert list(wrong(GOOD, round_of(EXPECT.replace(old, new), "[]"))) == [name]


@pytest.mark.parametrize(
    "acts_wanted", ['["tail payments"]', '["restart payments", "tail payments"]', '["a", "b", "c"]']
)
def test_acts_are_compared_one_by_one_and_none_may_be_more(acts_wanted: str) -> None:
    expect = EXPECT.replace('["tail payments", "restart payments$"]', acts_wanted)
    assert list(wrong(GOOD, round_of(expect))) == ["step"]


# -- refusals ----------------------------------------------------------------------------------------------------------
REFUSED_EXPECT = """\
      detection: {within: 30s}
      step: {runbook: restart-service, acts: ["tail payments", "restart payments$"]}
      guard: {answer: refused, code: rate_limited}
      verify: {answer: not_reached}
      record: {lines: [refused], incident: open}
"""
NOTE = "2026-11-30 12:00:00Z Refused restart-service for Ana Marin: once per 3600 s (rate_limited)"
REFUSED = replace(
    GOOD,
    sights=GOOD.sights[:4],
    records={THREAD: (), NOTES: (NOTE,), JIRA: (NOTE,), SERVICENOW: (NOTE,)},
    answers=(),
    world=WorldSeen(starts={"payments": 0}, workers=6, workers_before=6),
    status="triggered",
    refused_at=2.5,
)
ALL_NEVER = "[act, success, page, resolve, second_summary]"


def test_a_refusal_is_recognised_by_its_code_and_leaves_the_world_alone() -> None:
    marks = score(round_of(REFUSED_EXPECT, ALL_NEVER), REFUSED)
    assert holds(marks), wrong(REFUSED, round_of(REFUSED_EXPECT, ALL_NEVER))
    assert marks[2].at == 2.5


NEVER_CASES: list[tuple[Callable[[Seen], Seen], str, str]] = [
    (also(Sight(3.0, "thread", "▶️ *Started:* restart")), "guard", "something was done"),
    (also(Sight(3.0, "thread", "☑️ *Done:* restart")), "guard", "something was done"),
    (world(starts={"payments": 1}), "guard", "payments was started 1 times"),
    (world(workers=7), "guard", "workers were started or stopped"),
    (world(renewed=1), "guard", "workers were started or stopped"),
    (also(Sight(3.0, "card", "✅ Done and proved: restart")), "verify", "it says success"),
    (also(Sight(3.0, "page", "{}")), "record", "people were paged"),
    (also(Sight(3.0, "status", "resolved")), "record", "it was resolved"),
    (with_(summaries=2), "detection", "2 summaries"),
    (with_(records={**REFUSED.records, NOTES: (NOTE.replace("rate_limited", "frozen"),),
                    JIRA: (), SERVICENOW: ()}), "guard", "nothing was refused with rate_limited"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "mark", "words"), NEVER_CASES, ids=[w for _, _, w in NEVER_CASES])
def test_what_must_never_happen_costs_a_mark(change: Callable[[Seen], Seen], mark: str, words: str) -> None:
    found = wrong(change(REFUSED), round_of(REFUSED_EXPECT, ALL_NEVER))
    assert any(words in text for text in found[mark]), found


# -- the other answers -------------------------------------------------------------------------------------------------
def guard_of(answer: str, seen: Seen) -> Mark:
    expect = EXPECT.replace('guard: {answer: asked, says: ["payments-oncall"]}', f"guard: {{answer: {answer}}}")
    return score(round_of(expect, "[]"), seen)[2]


ALONE = replace(
    without("card")(GOOD),
    sights=tuple(
        replace(s, text=s.text.replace("Ana *asked", "🙋 Countersign *asked")) for s in without("card")(GOOD).sights
    ),
)
NOBODY = replace(GOOD, sights=GOOD.sights[:4], answers=())


@pytest.mark.parametrize(
    ("answer", "seen", "right"),
    [
        ("allowed", without("card")(GOOD), 1),
        ("allowed", GOOD, 0),
        ("allowed", ALONE, 0),
        ("allowed", NOBODY, 0),
        ("alone", ALONE, 1),
        ("alone", without("card")(GOOD), 0),
        ("not_reached", NOBODY, 1),
        ("not_reached", GOOD, 0),
    ],
)
def test_allowed_alone_and_not_reached_are_three_things(answer: str, seen: Seen, right: int) -> None:
    assert guard_of(answer, seen).score == right


@pytest.mark.parametrize(("says", "right"), [("no runbook", 1), ("NO RUNBOOK", 1), ("frozen", 0)])
def test_no_step_is_an_answer_with_a_reason(says: str, right: int) -> None:
    expect = REFUSED_EXPECT.replace(
        'step: {runbook: restart-service, acts: ["tail payments", "restart payments$"]}', f"step: {{none: {says}}}"
    )
    seen = also(Sight(2.0, "no_step", "✋ No safe step. No runbook matches well enough."))(REFUSED)
    mark = score(round_of(expect), seen)[1]
    assert mark.score == right
    assert right or "instead" in mark.wrong[-1]


@pytest.mark.parametrize(
    ("pages", "words"),
    [
        ((), "nobody was paged"),
        ((Sight(200.0, "page", "restart-service failed"),), "after 200.0 s, not within 180 s"),
        ((Sight(20.0, "page", "something else"),), "the page never says /restart-service/"),
        ((Sight(20.0, "page", "restart-service failed"),), ""),
    ],
)
def test_a_page_must_come_in_time_and_say_what_was_tried(pages: tuple[Sight, ...], words: str) -> None:
    expect = REFUSED_EXPECT.replace("incident: open", 'incident: open, page: {says: ["restart-service"]}')
    found = wrong(also(*pages)(REFUSED), round_of(expect, "[]"))
    assert any(words in text for text in found["record"]) if words else not found, found


def test_the_machine_is_looked_at_for_the_disk_too() -> None:
    expect = EXPECT.replace("workers: 6}", "hanging: 0, disk_below: 80%, kept: true}")
    assert not wrong(world(disk=40.0)(GOOD), round_of(expect))
    full = wrong(world(disk=80.0, lost=("data/ledger.db",), hanging=("payments",))(GOOD), round_of(expect))["verify"]
    assert [text.split(",")[0] for text in full] == [
        "processes that hang is 1",
        "the area is 80.0 % full",
        "data/ledger.db was deleted",
    ]
    assert wrong(world(disk=None)(GOOD), round_of(expect))["verify"]


# -- reading -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "found"),
    [
        (OFFER, ["supervisorctl tail payments (last 50 lines)", "supervisorctl restart payments"]),
        ("no fence", []),
        ("```\n```", []),
        ("``` one fence only", []),
        ("", []),
    ],
)
def test_acts_are_the_lines_of_the_fenced_block(text: str, found: list[str]) -> None:
    assert acts(text) == found


@pytest.mark.parametrize(
    ("pattern", "text", "there"),
    [
        ("tcp refuses connections", "• *tcp* refuses connections at 12:29:08Z", True),
        ("a && b < 2", "`a &amp;&amp; b &lt; 2`", True),
        ("SERVICE", "the service", True),
        ("^x|y$", "xx\ny", True),
        ("services", "the service", False),
    ],
)
def test_expressions_meet_what_people_read(pattern: str, text: str, there: bool) -> None:
    assert contains(pattern, text) is there


def test_short_is_one_plain_line() -> None:
    assert short("✅ *Proved:* `a &amp;&amp; b`\n[cs-12]") == "Proved: a && b"
    assert len(short("x" * 500)) == 160


@pytest.mark.parametrize(
    ("word", "line", "fits"),
    [
        ("proved", "✅ *Proved:* health", True),
        ("proved", "❌ *Not proved:* health", False),
        ("not_proved", "Not proved: health was not 200 often enough", True),
        ("done", "*Rejected* by Ben. Nothing was done.", False),
        ("done", "Done: restart, exit code 0", True),
        ("refused", NOTE, True),
        ("refused", "Finished: restart-service refused", False),
        ("was_refused", "*Finished:* restart-service was refused", True),
        ("rolled_back", "*Finished:* x was rolled back", False),
        ("rolled_back", "↩️ *Rolled back:* x", True),
        ("worked", "Finished: restart-service succeeded, took 3 s", True),
    ],
)
def test_words_are_recognised_in_every_wording(word: str, line: str, fits: bool) -> None:
    import re

    assert bool(re.search(LINES[word], line, re.IGNORECASE)) is fits  # type: ignore[index]  # reason: words as data
