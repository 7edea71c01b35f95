"""The next step: one, safe, explained; or none, with the reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from runbooks.match import Ranked
from runbooks.model import Runbook
from runbooks.next_step import NextStep, NoStep, PastStep, next_step

READ = frozenset({"supervisor.tail_log", "http.get"})
SICK = {"health": {"status": 500}}
WELL = {"health": {"status": 200}}


def _ask(
    *books: Runbook,
    past: tuple[PastStep, ...] = (),
    facts: dict[str, dict[str, int]] | None = None,
    environment: str = "prod",
    score: float = 0.9,
    blocked: str = "",
) -> NextStep | NoStep:
    ranked = [Ranked(book, score, ("the alert is X",), blocked) for book in books]
    return next_step(
        ranked, past, SICK if facts is None else facts, environment, read_only=READ, incident={"title": "t"}
    )


def _past(*tried: tuple[str, str]) -> tuple[PastStep, ...]:
    return tuple(PastStep("demo", step, outcome) for step, outcome in tried)


def test_N2_leading_looks_and_exactly_one_changing_step(make: Callable[..., Runbook]) -> None:
    chosen = _ask(make())
    assert isinstance(chosen, NextStep)
    assert [s.id for s in chosen.steps] == ["look", "act"]
    assert chosen.success == "health: status == 200, 3 of 4 samples within 30 s"
    assert chosen.undo == "there is no undo"
    assert "alert is X" in chosen.why
    assert "90%" in chosen.why


def test_N3_what_succeeded_is_not_repeated(make: Callable[..., Runbook]) -> None:
    second = (
        '  - id: again\n    action: supervisor.restart\n    with: {target: "${target}"}\n'
        "    rollback: none\n    safety: {scopes: [prod]}\n"
    )
    book = make("escalate:", second + "escalate:")
    chosen = _ask(book, past=_past(("look", "succeeded"), ("act", "succeeded")))
    assert isinstance(chosen, NextStep)
    assert [s.id for s in chosen.steps] == ["again"]
    assert chosen.success == "nothing proves it"


def test_all_done_is_nothing_left_to_do(make: Callable[..., Runbook]) -> None:
    chosen = _ask(make(), past=_past(("look", "succeeded"), ("act", "succeeded")))
    assert isinstance(chosen, NoStep)
    assert "nothing left to do" in chosen.why
    assert not chosen.escalate


@pytest.mark.parametrize("outcome", ["failed", "rolled back"])
def test_a_failed_step_is_not_offered_again_and_escalates(make: Callable[..., Runbook], outcome: str) -> None:
    chosen = _ask(make(), past=_past(("look", outcome), ("act", outcome)))
    assert isinstance(chosen, NoStep)
    assert chosen.escalate
    assert chosen.severity == "critical"
    assert "failed 1 time " in chosen.why


def test_before_after_failures_the_next_runbook_is_offered(make: Callable[..., Runbook]) -> None:
    patient = make("after_failures: 1", "after_failures: 2")
    other = make("id: demo", "id: other", "title: Demo", "title: Other")
    chosen = _ask(patient, other, past=_past(("act", "failed")))
    assert isinstance(chosen, NextStep)
    assert chosen.runbook.id == "other"
    assert "already failed" in chosen.why


def test_a_failed_look_does_not_stand_in_the_way(make: Callable[..., Runbook]) -> None:
    chosen = _ask(make(), past=_past(("look", "failed")))
    assert isinstance(chosen, NextStep)
    assert [s.id for s in chosen.steps] == ["act"]


@pytest.mark.parametrize(("outcome", "words"), [("unknown", "a person must say"), ("running", "still running")])
def test_an_open_or_unknown_step_stops_every_offer(make: Callable[..., Runbook], outcome: str, words: str) -> None:
    chosen = _ask(make("id: demo", "id: other"), make(), past=_past(("act", outcome)))
    assert isinstance(chosen, NoStep)
    assert words in chosen.why


@pytest.mark.parametrize("outcome", ["refused", "expired"])
def test_what_was_never_tried_is_offered_again(make: Callable[..., Runbook], outcome: str) -> None:
    assert isinstance(_ask(make(), past=_past(("look", outcome), ("act", outcome))), NextStep)


def test_a_precheck_that_no_longer_holds_skips_with_the_reason(make: Callable[..., Runbook]) -> None:
    chosen = _ask(make(), facts=WELL)
    assert isinstance(chosen, NoStep)
    assert "act is not needed" in chosen.why


def test_a_precheck_that_cannot_be_answered_offers_nothing(make: Callable[..., Runbook]) -> None:
    chosen = _ask(make(), facts={})
    assert isinstance(chosen, NoStep)
    assert "cannot be judged" in chosen.why


def test_T35_an_environment_out_of_scope_is_not_offered(make: Callable[..., Runbook]) -> None:
    chosen = _ask(make("[dev, staging, prod]", "[dev]", ", env: prod", ""))
    assert isinstance(chosen, NoStep)
    assert "for dev, not for prod" in chosen.why


def test_T35_an_unknown_environment_offers_nothing(make: Callable[..., Runbook]) -> None:
    assert isinstance(_ask(make(), environment=""), NoStep)


def test_read_only_steps_alone_are_an_offer(make: Callable[..., Runbook]) -> None:
    book = make("supervisor.restart", "http.get")
    chosen = _ask(book)
    assert isinstance(chosen, NextStep)
    assert [s.id for s in chosen.steps] == ["look", "act"]
    assert chosen.undo == "nothing changes, so there is nothing to undo"


def test_N4_below_the_threshold_or_blocked_is_only_a_look(make: Callable[..., Runbook]) -> None:
    weak = _ask(make(), score=0.4)
    blocked = _ask(make(), blocked="x does not hold")
    assert isinstance(weak, NoStep)
    assert isinstance(blocked, NoStep)
    assert weak.looks == ("Demo: perhaps, confidence 40%",)
    assert blocked.looks == ("Demo: x does not hold",)


def test_a_forbidden_or_unscoped_change_is_not_offered(make: Callable[..., Runbook]) -> None:
    forbidden = _ask(make("risk: safe", "risk: forbidden"))
    assert isinstance(forbidden, NoStep)
    assert "forbidden" in forbidden.why


def test_undo_in_words(make: Callable[..., Runbook]) -> None:
    action = 'rollback: [{action: supervisor.stop, with: {target: "${target}"}}]'
    undone = _ask(make("rollback: none", action))
    final = _ask(make("rollback: none", "irreversible: true"))
    assert isinstance(undone, NextStep)
    assert isinstance(final, NextStep)
    assert undone.undo == "by supervisor.stop"
    assert final.undo == "it cannot be undone"
