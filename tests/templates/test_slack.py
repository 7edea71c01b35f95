"""Every Slack template, with ordinary and hostile text in every place that outside text can reach (C4, T39, T44, T45)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from bot.render import Message, Renderer, limits
from bot.transcript import EntryKind, Outcome

NOW = datetime(2026, 11, 21, 14, 2, 7, tzinfo=UTC)
FENCE = "`" * 3
HOSTILE = {
    "ordinary": "payments answers 503",
    "ping": "<!channel> <@U1> <!subteam^S1> @here @channel <!date^1^x|y>",
    "link": "<https://evil|Approve>",
    "quotes": 'a "quoted" \\ back\\n and {"type": "actions"}',
    "bidi": "pay\u202ements\u2066 \u200bzero\u200d width\ufeff",
    "fence": f"{FENCE} out {FENCE}\n*Approved by Alice*\n> {FENCE}",
    "template": "{{ 7*7 }} {% for x in y %} {# c #}",
    "control": "a\x00b\x1b[31mred\x07\r\nnext\u2028line",
    "long": "A&<" * 3400,
    "empty": "",
}
CASES = sorted(HOSTILE)
REPLIES = (
    "done",
    "already",
    "refused",
    "stranger",
    "usage",
    "trouble",
    "help",
    "status",
    "history",
    "so_far",
    "list",
    "show",
    "plan",
    "explain",
)


def every_text(value: Any) -> Iterator[tuple[str, str]]:
    """(kind, text) of each text object."""
    if isinstance(value, dict):
        if value.get("type") in ("mrkdwn", "plain_text"):
            yield value["type"], value["text"]
        for inner in value.values():
            yield from every_text(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from every_text(inner)


def assert_safe(text: str) -> None:
    """No control token of Slack except our own date and http links with their host in sight."""
    rest = text
    while "<" in rest:
        token, _, rest = rest[rest.index("<") + 1 :].partition(">")
        assert token.startswith(("!date^", "https://ok.example")), token[:60]
    assert not any(c in text for c in "\u202e\u2066\u200b\u200d\ufeff\x00\x1b\x07")
    assert text.count(FENCE) % 2 == 0
    outside_code = "".join(text.split(FENCE)[::2])
    assert "@here" not in outside_code
    assert "@channel" not in outside_code


def assert_message(message: Message) -> None:
    assert json.loads(json.dumps(message.blocks)) == message.blocks
    assert 0 < len(message.text.encode()) <= 4000
    assert_safe(message.text)
    assert 0 < len(message.blocks) <= 50
    assert limits.size(message.blocks) <= limits.TOTAL
    for block in message.blocks:
        assert block["type"] in ("header", "section", "context", "actions", "divider")
        if block["type"] == "header":
            assert len(block["text"]["text"]) <= 150
        assert len(block.get("fields", [])) <= 10
    for kind, text in every_text(message.blocks):
        assert 0 < len(text) <= 3000
        if kind == "mrkdwn":
            assert_safe(text)


def buttons(blocks: list[dict[str, Any]]) -> list[str]:
    return [e["action_id"] for b in blocks if b["type"] == "actions" for e in b["elements"]]


def names(person: str) -> str:
    return person


def summary(renderer: Renderer, shape: Any, **changes: Any) -> Message:
    return renderer.blocks("summary", board=shape.board(**changes), service=shape.service(), names=names, now=NOW)


def card(renderer: Renderer, shape: Any, run: Any, approvals: list[Any], **more: Any) -> Message:
    data: dict[str, Any] = {"votes": {}, "entries": [], "facts": shape.facts()}
    return renderer.blocks(
        "card",
        run=run,
        approvals=approvals,
        incident=shape.incident(),
        service=shape.service(),
        names=names,
        now=NOW,
        **(data | more),
    )


@pytest.mark.parametrize("case", CASES)
def test_T44_T45_summary_is_safe_with_any_text(renderer: Renderer, shapes: Callable[[str], Any], case: str) -> None:
    shape = shapes(HOSTILE[case])
    message = summary(renderer, shape)
    assert_message(message)
    assert buttons(message.blocks) == ["step_run", "step_plan", "step_skip", "incident_escalate"]
    unknown = shape.board(incident=shape.incident(service="", environment=""))
    assert_message(renderer.blocks("summary", board=unknown, service=None, names=names, now=NOW))


@pytest.mark.parametrize("case", CASES)
def test_T44_cards_are_safe_in_every_state(renderer: Renderer, shapes: Callable[[str], Any], case: str) -> None:
    shape = shapes(HOSTILE[case])
    vote = SimpleNamespace(person=HOSTILE[case], approve=False, reason=HOSTILE[case], at=NOW)
    pending, doubt = shape.approval(), shape.approval(kind="unknown")
    runs = [shape.run(), shape.run(state="running", started_at=NOW)]
    runs += [shape.run(state="closed", outcome=o, started_at=NOW, finished_at=NOW) for o in Outcome]
    for run in runs:
        for approvals in ([], [pending], [doubt], [shape.approval(state="approved")]):
            entries = [shape.entry(kind, step="restart") for kind in EntryKind]
            assert_message(card(renderer, shape, run, approvals, votes={pending.id: [vote]}, entries=entries))


@pytest.mark.parametrize("kind", list(EntryKind))
@pytest.mark.parametrize("case", CASES)
def test_T44_every_entry_kind_has_safe_wording(
    renderer: Renderer, shapes: Callable[[str], Any], kind: EntryKind, case: str
) -> None:
    shape = shapes(HOSTILE[case])
    message = renderer.blocks("entry", entry=shape.entry(kind), names=names, mentions=[])
    assert_message(message)
    bare = shape.entry(kind).model_copy(update={"data": {}})
    assert_message(renderer.blocks("entry", entry=bare, names=names, mentions=[]))


def reply_data(shape: Any, name: str) -> dict[str, Any]:
    t = shape.text
    decision = [{"rule": t, "verdict": verdict, "reason": t} for verdict in ("deny", "allow", "ask")]
    run = {
        "id": t,
        "runbook": t,
        "service": t,
        "environment": t,
        "outcome": t,
        "requester": t,
        "approvers": [t],
        "finished_at": NOW,
    }
    data: dict[str, dict[str, Any]] = {
        "status": {
            "incidents": [
                shape.incident().model_dump(mode="json")
                | {"next_step": t, "why": t, "running": [{"id": t, "runbook": t, "state": t}]}
            ]
            * 20,
            "services": [{"name": t, "environment": t}, t],
            "stops": [{"level": t, "name": t, "reason": t, "by": t}],
            "catalogue": {"problems": 2, "first": t, "since": NOW},
        },
        "history": {"runs": [run] * 30},
        "so_far": {
            "incident": shape.incident().model_dump(mode="json"),
            "entries": [shape.entry(k) for k in EntryKind] * 3,
        },
        "list": {
            "runbooks": [{"id": t, "title": t, "owner": t, "scopes": [t], "waits_for": [t, t]}] * 60,
            "catalogue": {"problems": 1, "first": t, "since": None},
        },
        "show": {
            "runbook": {
                "id": t,
                "title": t,
                "owner": t,
                "description": t,
                "steps": [{"id": t, "title": t, "action": t}] * 60,
            }
        },
        "plan": {
            "plan": shape.plan().model_dump(mode="json"),
            "digest": shape.plan().short_digest,
            "decision": decision,
            "asks": [{"kind": "approval", "message": t}],
        },
        "explain": {
            "subject": t,
            "more": 3,
            "ranking": [
                {"runbook": t, "score": 0.9, "reasons": [t, t], "blocked": blocked, "offered": not blocked}
                for blocked in ("", t)
            ]
            * 2,
            "decisions": [
                {
                    "about": t,
                    "at": NOW.isoformat(),
                    "run": t,
                    "incident": t,
                    "by": t,
                    "outcome": outcome,
                    "codes": [t],
                    "questions": [t],
                    "policy": t,
                    "refused": [{"rule": t, "code": t, "reason": t, "remedy": t}] * 12,
                    "asked": [{"rule": t, "reason": t, "who": t}] * 9,
                    "allowed": [{"rule": t, "reason": t}] * 30,
                }
                for outcome in ("deny", "ask", "allow", t)
            ],
        },
        "refused": {"code": t, "reason": t, "remedy": t, "incident": t},
        "stranger": {"team": t, "user": t},
        "trouble": {"kind": "permanent", "text": t},
    }
    return data.get(name, {"text": t, "command": "/runbook"})


@pytest.mark.parametrize("name", REPLIES)
@pytest.mark.parametrize("case", CASES)
def test_T44_every_reply_is_safe(renderer: Renderer, shapes: Callable[[str], Any], name: str, case: str) -> None:
    assert_message(renderer.blocks(f"reply_{name}", data=reply_data(shapes(HOSTILE[case]), name), names=names))


@pytest.mark.parametrize("case", CASES)
def test_T44_views_are_safe(renderer: Renderer, shapes: Callable[[str], Any], case: str) -> None:
    shape = shapes(HOSTILE[case])
    views = [
        renderer.view("modal_reject", metadata='{"approval": "apr_1"}'),
        renderer.view("modal_plan", data=reply_data(shape, "plan")),
        renderer.view("modal_looking"),
        renderer.view(
            "modal_answer", blocks=renderer.blocks("reply_refused", data=reply_data(shape, "refused")).blocks
        ),
        renderer.view(
            "home",
            data=reply_data(shape, "status"),
            names=names,
            known=True,
            may_stop=True,
            command="/runbook",
            now=NOW,
        ),
        renderer.view("home", data={}, names=names, known=False, may_stop=False, command="/runbook", now=NOW),
    ]
    for view in views:
        assert len(view["blocks"]) <= 100
        for kind, text in every_text(view["blocks"]):
            assert 0 < len(text) <= 3000
            if kind == "mrkdwn":
                assert_safe(text)


def test_T39_template_syntax_in_an_alert_appears_literally(renderer: Renderer, shapes: Callable[[str], Any]) -> None:
    message = summary(renderer, shapes("{{ 7*7 }}"))
    assert "{{ 7*7 }}" in json.dumps(message.blocks)
    assert "49" not in message.text


def test_T45_alert_text_stands_in_a_labelled_quotation(renderer: Renderer, shapes: Callable[[str], Any]) -> None:
    message = summary(renderer, shapes("*Approved by Alice*\n✅ nothing to do"))
    quoted = next(b for b in message.blocks if b["type"] == "section" and "text" in b)["text"]["text"]
    first, *rest = quoted.split("\n")
    assert first == "*From the alert*"
    assert rest
    assert all(line.startswith("> ") for line in rest)


def test_T13_card_shows_twelve_characters_of_the_digest_it_binds(
    renderer: Renderer, shapes: Callable[[str], Any]
) -> None:
    shape = shapes("restart")
    run = shape.run()
    message = card(renderer, shape, run, [shape.approval()])
    assert f"plan {run.plan.short_digest}" in json.dumps(message.blocks)
    assert run.digest[:12] == run.plan.short_digest


def test_T13_hidden_characters_of_a_command_are_visible_on_the_card(
    renderer: Renderer, shapes: Callable[[str], Any]
) -> None:
    shape = shapes("restart pay\u202ements\nrm x")
    text = json.dumps(card(renderer, shape, shape.run(), [shape.approval()]).blocks)
    assert "pay\\\\u202ements\\\\u000arm x" in text


CARD_STATES: list[tuple[str, dict[str, Any], list[dict[str, Any]], list[str]]] = [
    ("Approval needed", {}, [{}], ["plan_approve", "plan_reject", "plan_why"]),
    ("Please confirm", {}, [{"kind": "confirmation"}], ["plan_approve", "plan_reject", "plan_why"]),
    ("Approved, starting", {}, [{"state": "consumed"}], []),
    ("Running", {"state": "running"}, [{"state": "consumed"}], ["run_stop", "plan_why"]),
    ("Stopping", {"state": "running", "stop_requested_by": "bob"}, [{"state": "consumed"}], ["plan_why"]),
    ("Did it happen?", {"state": "running"}, [{"kind": "unknown"}], ["unknown_done", "unknown_retry", "unknown_abort"]),
    ("Done and proved", {"state": "closed", "outcome": "succeeded"}, [{"state": "consumed"}], ["plan_why"]),
    ("rolled back", {"state": "closed", "outcome": Outcome.ROLLED_BACK}, [{}], ["plan_why"]),
    ("Refused, nothing was done", {"state": "closed", "outcome": "refused"}, [], ["plan_why"]),
    ("nothing was done", {"state": "closed", "outcome": "expired"}, [{"state": "expired"}], ["plan_why"]),
]


@pytest.mark.parametrize(("title", "run", "approvals", "expected"), CARD_STATES)
def test_card_offers_only_what_its_state_allows(
    renderer: Renderer,
    shapes: Callable[[str], Any],
    title: str,
    run: dict[str, Any],
    approvals: list[dict[str, Any]],
    expected: list[str],
) -> None:
    shape = shapes("restart")
    message = card(renderer, shape, shape.run(**run), [shape.approval(**a) for a in approvals])
    assert title in message.blocks[0]["text"]["text"]
    assert buttons(message.blocks) == expected


QUESTIONS = [
    (["pending", "pending"], "Please confirm", ["Confirm", "Reject"], "After that it needs somebody else's approval."),
    (["approved", "pending"], "Approval needed", ["Approve", "Reject"], "not the one who asked"),
    (["pending", "approved"], "Please confirm", ["Confirm", "Reject"], "who asked, may confirm. No answer by"),
]


@pytest.mark.parametrize("latest", ["confirmation", "approval"])
@pytest.mark.parametrize(("states", "title", "labels", "words"), QUESTIONS)
def test_X3_the_confirmation_is_asked_before_the_approval(
    renderer: Renderer,
    shapes: Callable[[str], Any],
    states: list[str],
    title: str,
    labels: list[str],
    words: str,
    latest: str,
) -> None:
    shape = shapes("clear-cache")
    asked = [
        shape.approval(id="apr_confirm", kind="confirmation", state=states[0]),
        shape.approval(id="apr_approve", kind="approval", state=states[1]),
    ]
    asked.sort(key=lambda question: question.kind == latest)
    message = card(renderer, shape, shape.run(), asked)
    assert title in message.blocks[0]["text"]["text"]
    shown = next(block["elements"] for block in message.blocks if block["type"] == "actions")
    assert [button["text"]["text"] for button in shown] == [*labels, "Why"]
    assert {button["value"] for button in shown[:2]} == {"apr_confirm" if labels[0] == "Confirm" else "apr_approve"}
    assert words in json.dumps(message.blocks)


def test_P3_the_card_says_what_changed_since_the_plan_before(renderer: Renderer, shapes: Callable[[str], Any]) -> None:
    shape = shapes("restart <payments>")
    data = {
        "digest": "0" * 12,
        "instead_of": "a1b2c3d4e5f6",
        "changed": ["step scale, the exact act: 6 → 12 `workers`", "the policy: aaa → <!channel>"],
    }
    entry = shape.entry(EntryKind.REQUESTED, **data)
    message = card(renderer, shape, shape.run(), [shape.approval()], entries=[entry])
    assert_message(message)
    (found,) = [b["text"]["text"] for b in message.blocks if "Changed since plan" in str(b)]
    assert found.split("\n") == [
        "⚠️ *Changed since plan a1b2c3d4e5f6, which was asked about before*",
        "• step scale, the exact act: 6 → 12 'workers'",
        "• the policy: aaa → &lt;!channel&gt;",
    ]
    plain = shape.entry(EntryKind.REQUESTED, changed=[])
    assert "Changed since" not in str(card(renderer, shape, shape.run(), [shape.approval()], entries=[plain]).blocks)


def test_P2_the_card_says_who_may_answer_later(renderer: Renderer, shapes: Callable[[str], Any]) -> None:
    shape = shapes("restart")
    chain = [
        {"at": "2026-11-21T14:07:07+00:00", "to": ["leads"]},
        {"at": "2026-11-21T14:12:07+00:00", "to": ["board", "ceo"]},
    ]
    approval = shape.approval(approvers={"count": 1, "any_of": ["oncall"], "all_of": [], "chain": chain})
    message = card(renderer, shape, shape.run(), [approval])
    assert_message(message)
    assert (
        "from oncall. Unanswered, others may answer too: leads from <!date^1795270027^{time_secs}|14:07:07Z>, "
        "board or ceo from <!date^1795270327^{time_secs}|14:12:07Z>. No answer by"
    ) in str(message.blocks)


def test_card_does_not_claim_a_proof_that_nobody_asked_for(renderer: Renderer, shapes: Callable[[str], Any]) -> None:
    shape = shapes("clear-cache")
    run = shape.run(state="closed", outcome="succeeded")
    steps = tuple(step.model_copy(update={"check": None}) for step in run.plan.steps)
    run.plan = run.plan.model_copy(update={"steps": steps})
    assert card(renderer, shape, run, []).blocks[0]["text"]["text"].startswith("✅ Done: ")


def test_a_confirmation_is_not_called_an_approval(renderer: Renderer, shapes: Callable[[str], Any]) -> None:
    data = {"kind": "confirmation", "by": ["ana"], "digest": "abc"}
    entry = shapes("x").entry(EntryKind.APPROVED).model_copy(update={"data": data})
    for text in (
        renderer.blocks("entry", entry=entry, names=names, mentions=[]).text,
        renderer.text("pagerduty", "entry", entry=entry, names=names),
    ):
        assert "Confirmed" in text
        assert "Approved" not in text


def test_card_shows_progress_per_step(renderer: Renderer, shapes: Callable[[str], Any]) -> None:
    shape = shapes("restart")
    entries = [
        shape.entry(EntryKind.STARTED, step="diagnose"),
        shape.entry(EntryKind.EXECUTED, step="diagnose"),
        shape.entry(EntryKind.STARTED, step="restart"),
    ]
    text = json.dumps(card(renderer, shape, shape.run(state="running"), [], entries=entries).blocks, ensure_ascii=False)
    assert "☑️ 1. restart, done" in text
    assert "▶️ 2. restart, under way" in text


SUMMARY_STATES: list[tuple[str, Callable[[Any], dict[str, Any]], list[str]]] = [
    ("Resolved", lambda s: {"incident": s.incident(status="resolved")}, []),
    ("No safe step", lambda s: {"proposal": s.proposal(state="none", plan=None)}, ["incident_escalate"]),
    ("Looking for the next safe step", lambda s: {"proposal": None}, ["incident_escalate"]),
    ("Follow it on its card", lambda s: {"runs": [s.run(state="running")]}, ["incident_escalate"]),
]


@pytest.mark.parametrize(("words", "changes", "expected"), SUMMARY_STATES)
def test_summary_says_one_thing_to_do(
    renderer: Renderer,
    shapes: Callable[[str], Any],
    words: str,
    changes: Callable[[Any], dict[str, Any]],
    expected: list[str],
) -> None:
    shape = shapes("payments answers 503")
    message = summary(renderer, shape, **changes(shape))
    assert words in json.dumps(message.blocks)
    assert buttons(message.blocks) == expected


def test_summary_reads_well(renderer: Renderer, shapes: Callable[[str], Any]) -> None:
    message = summary(renderer, shapes("payments answers 503"))
    assert message.text == "🔴 CRITICAL payments (prod): payments answers 503"
    assert message.blocks[0]["text"]["text"] == "🔴 Critical: payments in prod"
    fields = [field["text"] for field in message.blocks[2]["fields"]]
    assert fields[0] == "*Since* <!date^1795269535^{time_secs}|13:58:55Z> (3 min 12 s)"
    assert "*Owner* payments answers 503, tier 1" in fields
    assert "⚠️ *cpu* no data (payments answers 503) at 14:02:07Z" in message.blocks[3]["text"]["text"]


def test_links_show_their_host(renderer: Renderer, shapes: Callable[[str], Any]) -> None:
    fields = summary(renderer, shapes("https://ok.example/incidents/1")).blocks[2]["fields"]
    assert fields[-1]["text"] == "<https://ok.example/incidents/1|Open the incident (ok.example)>"


@pytest.mark.parametrize("destination", ["pagerduty", "ticket"])
@pytest.mark.parametrize("kind", list(EntryKind))
@pytest.mark.parametrize("case", CASES)
def test_plain_records_have_wording_for_every_kind(
    renderer: Renderer, shapes: Callable[[str], Any], destination: str, kind: EntryKind, case: str
) -> None:
    text = renderer.text(destination, "entry", entry=shapes(HOSTILE[case]).entry(kind))
    assert text.startswith("2026-11-21 14:02:07Z ")
    assert not any(c in text for c in "\u202e\u200b\x00\x1b\x07")
    bare = shapes("x").entry(kind).model_copy(update={"data": {}})
    assert renderer.text(destination, "entry", entry=bare, names=names)


def explained(outcome: str, **parts: Any) -> dict[str, Any]:
    decision: dict[str, Any] = {
        "about": "restart-service, step restart, on payments in prod, when it was asked for",
        "at": NOW.isoformat(), "run": "", "incident": "inc_1", "by": "you", "outcome": outcome, "codes": [],
        "questions": [], "policy": "30ae37152e3f", "refused": [], "asked": [], "allowed": [],
    }  # fmt: skip
    return {"subject": "inc_1", "decisions": [decision | parts], "more": 0}


def test_C3_why_says_the_outcome_first_then_what_would_help_then_the_rest(renderer: Renderer) -> None:
    denial = {"rule": "freeze", "code": "frozen", "reason": "Changes are frozen.", "remedy": "Wait until Monday."}
    asked = {"rule": "matrix", "reason": "Approve it?", "who": "1 of leads, within 15 min"}
    allowed = {"rule": "scopes", "reason": "prod is in scope."}
    data = explained("deny", codes=["frozen"], refused=[denial], asked=[asked], allowed=[allowed])
    message = renderer.blocks("reply_explain", data=data, names=names)
    said = json.dumps([text for _, text in every_text(message.blocks)])
    order = [
        "Refused",
        "asked by you",
        "Changes are frozen.",
        "frozen",
        "Wait until Monday.",
        "would also ask",
        "leads",
    ]
    places = [said.index(word) for word in [*order, "Allowed by", "scopes: prod is in scope."]]
    assert places == sorted(places)
    assert message.text.startswith("Refused (frozen): restart-service")


def test_why_of_nothing_is_a_sentence(renderer: Renderer) -> None:
    message = renderer.blocks("reply_explain", data={"subject": "run_1", "decisions": []}, names=names)
    assert "Nothing is recorded" in message.text
    assert_message(message)


def test_C3_a_refusal_says_where_every_rule_is_told(renderer: Renderer) -> None:
    data = {"code": "frozen", "reason": "r", "remedy": "w", "incident": "inc_1", "command": "/runbook"}
    assert "/runbook explain inc_1" in json.dumps(renderer.blocks("reply_refused", data=data, names=names).blocks)
    del data["incident"]
    assert "explain" not in json.dumps(renderer.blocks("reply_refused", data=data, names=names).blocks)
