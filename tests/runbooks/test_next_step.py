"""The next step: one, safe, explained; or none, with the reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbooks.expression import condition_variables, holds
from runbooks.match import THRESHOLD, Ranked
from runbooks.model import Escalate, Runbook, Safety, Step
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


def test_a_runbook_that_waits_for_an_adapter_is_never_offered_also_when_a_person_names_it(
    make: Callable[..., Runbook],
) -> None:
    chosen = _ask(make().model_copy(update={"waits_for": ("kubernetes",)}), score=1.0)
    assert isinstance(chosen, NoStep)
    assert "waits for the adapter kubernetes" in chosen.why


@pytest.mark.parametrize("later", ["refused", "expired"])
def test_what_failed_stays_failed_after_a_refusal(make: Callable[..., Runbook], later: str) -> None:
    patient = make("after_failures: 1", "after_failures: 3")
    chosen = _ask(patient, past=_past(("act", "failed"), ("act", later)))
    assert isinstance(chosen, NoStep)
    assert "already failed" in chosen.why


def test_N4_no_step_brings_evidence_and_looks(make: Callable[..., Runbook]) -> None:
    book = make().model_copy(update={"diagnosis": ("Is the database reachable?",)})
    chosen = _ask(book, score=0.3, past=(PastStep("other", "purge", "succeeded"),))
    assert isinstance(chosen, NoStep)
    assert chosen.evidence == ("the step purge of other: succeeded", "health.status is 500")
    assert chosen.looks == ("Demo: perhaps, confidence 30%. Is the database reachable?",)


@pytest.mark.parametrize(
    ("severity", "escalate"), [("critical", True), ("error", True), ("warning", False), ("info", False), ("", False)]
)
def test_I3_unknown_and_severe_goes_to_people(severity: str, escalate: bool) -> None:
    chosen = next_step((), (), {}, "prod", read_only=READ, incident={"severity": severity})
    assert isinstance(chosen, NoStep)
    assert (chosen.escalate, chosen.severity) == (escalate, severity if escalate else "")


def test_facts_that_are_well_call_nobody(make: Callable[..., Runbook]) -> None:
    ranked = [Ranked(make(), 0.9, ("x",))]
    severe = {"severity": "critical"}
    well = next_step(ranked, (), WELL, "prod", read_only=READ, incident=severe)
    cannot = next_step(ranked, (), SICK, "moon", read_only=READ, incident=severe)
    assert isinstance(well, NoStep)
    assert isinstance(cannot, NoStep)
    assert (well.escalate, cannot.escalate) == (False, True)
    assert well.evidence == ("health.status is 200",)


def test_a_gauge_that_moves_changes_the_evidence_and_not_the_answer(make: Callable[..., Runbook]) -> None:
    book = make('precheck: "facts.health.status != 200"', 'precheck: "facts.disk.used > 85"')
    first, second = (_ask(book, facts={"disk": {"used": used}}) for used in (80, 81))
    assert isinstance(first, NoStep)
    assert isinstance(second, NoStep)
    assert first.why == second.why
    assert (first.evidence, second.evidence) == (("disk.used is 80",), ("disk.used is 81",))


# -- what must never be offered, whatever the catalogue, the past and the facts are ---------------------------------
ENVIRONMENTS = ("dev", "staging", "prod")
CONDITIONS = st.sampled_from(
    ["", "facts.health.status != 200", "facts.health.status == 200", "facts.pool.size > 2", "incident.title == 't'"]
)
SAFETY = st.none() | st.builds(
    Safety,
    scopes=st.lists(st.sampled_from(ENVIRONMENTS), min_size=1, max_size=3, unique=True).map(tuple),
    risk=st.sampled_from(["read", "safe", "caution", "forbidden"]),
)
STEPS = st.lists(
    st.tuples(st.sampled_from([*sorted(READ), "supervisor.restart"]), CONDITIONS, CONDITIONS, SAFETY),
    min_size=1,
    max_size=4,
)


@st.composite
def _runbooks(draw: st.DrawFn) -> Runbook:
    steps = tuple(
        Step(id=f"s{n}", action=action, when=when, precheck=precheck, safety=safety)
        for n, (action, when, precheck, safety) in enumerate(draw(STEPS))
    )
    name = draw(st.sampled_from(["a", "b", "c"]))
    waits = draw(st.sampled_from([(), (), ("ssh",)]))
    escalate = Escalate(after_failures=draw(st.integers(1, 4)))
    return Runbook(id=name, title=name, steps=steps, waits_for=waits, escalate=escalate)


RANKED = st.lists(
    st.builds(
        Ranked,
        runbook=_runbooks(),
        score=st.floats(0, 1),
        reasons=st.just(("x",)),
        blocked=st.sampled_from(["", "", "", "no"]),
    ),
    max_size=3,
    unique_by=lambda r: r.runbook.id,
)
OUTCOMES = ("succeeded", "failed", "rolled back", "skipped", "refused", "expired", "running", "waiting", "unknown")
PAST = st.lists(
    st.builds(
        PastStep,
        runbook=st.sampled_from(["a", "b", "c"]),
        step=st.sampled_from(["s0", "s1", "s2"]),
        outcome=st.sampled_from([*OUTCOMES[:6], *OUTCOMES]),
    ),
    max_size=5,
)
FACTS = st.fixed_dictionaries(
    {}, optional={"health": st.sampled_from([{}, {"status": 200}, {"status": 500}]), "pool": st.just({"size": 3})}
)


@settings(max_examples=400)
@given(RANKED, PAST, FACTS, st.sampled_from(["", *ENVIRONMENTS, "moon"]))
def test_what_is_offered_is_needed_in_scope_never_failed_never_waiting_and_always_the_same(
    ranked: list[Ranked], past: list[PastStep], facts: dict[str, dict[str, int]], environment: str
) -> None:
    def ask() -> NextStep | NoStep:
        return next_step(ranked, past, facts, environment, read_only=READ, incident={"title": "t"})

    chosen = ask()
    assert chosen == ask()
    assert chosen == next_step(
        ranked, past, dict(reversed(facts.items())), environment, read_only=sorted(READ), incident={"title": "t"}
    )
    assert chosen.why
    if isinstance(chosen, NoStep):
        return
    place = next(r for r in ranked if r.runbook is chosen.runbook)
    assert not place.blocked
    assert place.score >= THRESHOLD
    assert not chosen.runbook.waits_for
    assert environment in ENVIRONMENTS or all(s.action in READ and s.safety is None for s in chosen.steps)
    assert [s.action in READ for s in chosen.steps[:-1]] == [True] * (len(chosen.steps) - 1)
    variables = condition_variables({"environment": environment, "title": "t"}, facts)
    outcomes = {(p.runbook, p.step, p.outcome) for p in past}
    for step in chosen.steps:
        assert all(holds(condition, variables) for condition in (step.when, step.precheck) if condition)
        assert step.safety is None or environment in step.safety.scopes
        assert step.action in READ or (step.safety is not None and step.safety.risk != "forbidden")
        tried = {outcome for name, s, outcome in outcomes if (name, s) == (chosen.runbook.id, step.id)}
        assert not tried - {"refused", "expired"}, "offered again"
    last = {(p.runbook, p.step): p.outcome for p in past if p.outcome not in ("refused", "expired")}
    assert not {"running", "waiting", "unknown"} & set(last.values())


@settings(max_examples=150)
@given(RANKED, PAST, FACTS, st.sampled_from(ENVIRONMENTS))
def test_no_step_is_always_an_answer_with_bounded_evidence(
    ranked: list[Ranked], past: list[PastStep], facts: dict[str, dict[str, int]], environment: str
) -> None:
    incident = {"title": "t", "severity": "critical"}
    chosen = next_step(ranked, past, facts, environment, read_only=READ, incident=incident)
    if isinstance(chosen, NoStep):
        assert len(chosen.looks) <= 5
        assert len(chosen.evidence) <= 10
        assert bool(chosen.severity) == chosen.escalate
    else:
        assert chosen.success
        assert chosen.undo
