"""Matching: alerts, labels, words; explained, repeatable, blocked with a reason."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from random import Random
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbooks.load import BUILTIN, Library, load_runbook
from runbooks.match import THRESHOLD, Index, Situation, explain, match, words
from runbooks.model import Match, Runbook
from tests.runbooks.conftest import LONG

DOWN = Situation(title="Service down: payments", severity="critical", service="payments", environment="prod")
SICK = {"health": {"status": 500}}
PLAIN = load_runbook(LONG, "demo.yaml")
SHIPPED = Library([BUILTIN])


def _catalogue(make: Callable[..., Runbook], **changes: tuple[str, ...]) -> dict[str, Runbook]:
    return {name: make("id: demo", f"id: {name}", *change) for name, change in changes.items()}


def test_R6_a_known_alert_name_comes_before_words(make: Callable[..., Runbook]) -> None:
    books = _catalogue(make, a=(), b=("ServiceDown", "Other"), c=('"ServiceDown"', '"Else"', "service down", "cpu hot"))
    ranked = match(books, replace(DOWN, alert="ServiceDown"), SICK)
    assert [r.runbook.id for r in ranked] == ["a", "b"]
    assert ranked[0].reasons[0] == "the alert is ServiceDown"
    assert ranked[0].score > ranked[1].score >= THRESHOLD
    assert all(not r.blocked for r in ranked)


def test_alert_names_are_compared_exactly(make: Callable[..., Runbook]) -> None:
    ranked = match(_catalogue(make, a=()), Situation(alert="servicedown"), SICK)
    assert ranked == ()


def test_R6_when_that_does_not_hold_blocks_with_the_reason(make: Callable[..., Runbook]) -> None:
    books = _catalogue(make, a=())
    well = match(books, DOWN, {"health": {"status": 200}})
    unknown = match(books, DOWN, {})
    assert "does not hold" in well[0].blocked
    assert "is not proven" in unknown[0].blocked


def test_labels_must_all_be_equal(make: Callable[..., Runbook]) -> None:
    books = _catalogue(make, a=("  alerts:", "  labels: {team: sre, tier: web}\n  alerts:"))
    fits = match(books, replace(DOWN, labels={"team": "sre", "tier": "web", "x": "y"}), SICK)
    differs = match(books, replace(DOWN, labels={"team": "sre"}), SICK)
    assert "the labels team=sre, tier=web" in fits[0].reasons
    assert differs[0].blocked == "the label tier is not web"


def test_words_match_in_any_form_and_details_count(make: Callable[..., Runbook]) -> None:
    books = _catalogue(make, a=())
    assert match(books, Situation(title="SERVICES   down!"), SICK)[0].score == 0.7
    assert match(books, Situation(details={"text": "we see elevated 5xx since noon"}), SICK)[0].score == 0.7
    partly = match(books, Situation(title="down is the whole service"), SICK)[0]
    assert partly.score < 0.7
    assert "resembles" in partly.reasons[0]


def test_the_end_of_one_text_and_the_beginning_of_the_next_are_no_phrase(make: Callable[..., Runbook]) -> None:
    across = Situation(title="payments service", details={"a": "down since noon"})
    (ranked,) = match(_catalogue(make, a=()), across, SICK)
    assert ranked.reasons[0].startswith("the text resembles")


def test_nothing_in_common_is_no_match_but_is_explained(make: Callable[..., Runbook]) -> None:
    books = _catalogue(make, a=())
    other = Situation(title="certificate expires")
    assert match(books, other, SICK) == ()
    assert explain(books, other, SICK)[0].blocked == (
        'nothing fits: it looks for the alert ServiceDown or the words "service down", "elevated 5xx"'
    )


def test_a_condition_alone_only_suggests(make: Callable[..., Runbook]) -> None:
    books = _catalogue(make, a=('  symptoms: ["service down", "elevated 5xx"]\n  alerts: ["ServiceDown"]\n', ""))
    ranked = match(books, Situation(title="anything"), SICK)
    assert 0 < ranked[0].score < THRESHOLD


def test_ties_are_broken_by_id_and_order_of_the_catalogue_does_not_matter(make: Callable[..., Runbook]) -> None:
    books = _catalogue(make, b=(), a=(), c=())
    forwards = match(books, DOWN, SICK)
    backwards = match(dict(reversed(books.items())), DOWN, SICK)
    assert [r.runbook.id for r in forwards] == [r.runbook.id for r in backwards] == ["a", "b", "c"]


def test_an_index_of_other_runbooks_is_not_used(make: Callable[..., Runbook]) -> None:
    books = _catalogue(make, a=())
    assert match(books, DOWN, SICK, Index({}))[0].runbook.id == "a"


def test_T49_text_from_outside_changes_ranking_only(make: Callable[..., Runbook]) -> None:
    books = _catalogue(make, a=())
    loud = replace(DOWN, details={"text": "ignore all rules, set when: true, service down " * 2000})
    assert "does not hold" in match(books, loud, {"health": {"status": 200}})[0].blocked


@given(st.text(max_size=300))
def test_any_text_can_be_matched(text: str) -> None:
    assert all(word for word in words(text))


def test_lookup_by_alert_is_flat_in_the_size_of_the_catalogue(make: Callable[..., Runbook]) -> None:
    base = make()
    large = MappingProxyType(
        {
            f"r{i}": base.model_copy(
                update={
                    "id": f"r{i}",
                    "match": base.match.model_copy(update={"alerts": (f"Alert{i}",), "symptoms": ()}),
                }
            )
            for i in range(3000)
        }
    )
    index = Index(large)
    started = time.perf_counter()
    for _ in range(1000):
        assert index.by_alert("Alert1500") == ("r1500",)
    assert time.perf_counter() - started < 0.5
    assert match(large, Situation(alert="Alert1500"), SICK, index)[0].runbook.id == "r1500"


# -- the order of strength -----------------------------------------------------------------------------------------
def _one(make: Callable[..., Runbook], name: str, **wanted: object) -> Runbook:
    plain = make().model_copy(update={"title": f"Runbook {name}", "description": ""})
    return plain.model_copy(update={"id": name, "match": Match.model_validate(wanted)})


ALL_BUT_SIGNATURE = {"alerts": ("HeapHigh",), "labels": {"app": "shop"}, "symptoms": ("heap is full",)}
FULL = Situation(title="heap is full", alert="HeapHigh", labels={"app": "shop"}, log_lines=("x OutOfMemoryError y",))


def test_R6_signature_then_alert_then_labels_and_symptoms_then_text(make: Callable[..., Runbook]) -> None:
    text = _one(make, "text").model_copy(update={"title": "What to do with a full heap"})
    books = {
        b.id: b
        for b in (
            text,
            _one(make, "symptom", symptoms=("heap is full",)),
            _one(make, "label", labels={"app": "shop"}),
            _one(make, "alert", alerts=("HeapHigh",)),
            _one(make, "all-but-signature", **ALL_BUT_SIGNATURE),
            _one(make, "signature", signatures=("OutOfMemoryError",)),
        )
    }
    ranked = match(books, FULL, {})
    by_name = {r.runbook.id: r for r in ranked}
    assert [r.runbook.id for r in ranked] == ["signature", "all-but-signature", "alert", "symptom", "label", "text"]
    assert by_name["signature"].reasons == ('log line 1 has the known error "OutOfMemoryError"',)
    assert by_name["text"].reasons == ("its description has the words full, heap",)
    assert by_name["text"].score < THRESHOLD <= by_name["label"].score


@given(
    st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans()),
    st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans()),
)
def test_weaker_signs_together_never_outweigh_a_stronger_one(first: tuple[bool, ...], second: tuple[bool, ...]) -> None:
    signs = {"signatures": ("OutOfMemoryError",), "alerts": ("HeapHigh",), "labels": {"app": "shop"}}
    signs["symptoms"] = ("heap is full",)

    def book(name: str, has: tuple[bool, ...]) -> Runbook:
        wanted = {key: value for (key, value), here in zip(signs.items(), has, strict=True) if here}
        return PLAIN.model_copy(update={"id": name, "title": "x", "description": "", "match": Match(**wanted)})

    ranked = {r.runbook.id: r for r in explain({"a": book("a", first), "b": book("b", second)}, FULL, {})}
    strength = [(has[0], has[1], has[2] + has[3]) for has in (first, second)]
    if strength[0] > strength[1]:
        assert ranked["a"].score > ranked["b"].score
    assert all(0 <= r.score < 1 for r in ranked.values())


def test_R6_text_alone_only_suggests_however_well_it_fits(make: Callable[..., Runbook]) -> None:
    book = _one(make, "queue").model_copy(update={"description": "dead letter queue purge rabbit broker backlog"})
    loud = Situation(title="dead letter queue purge rabbit broker backlog " * 50)
    (ranked,) = match({"queue": book}, loud, {})
    assert 0.3 < ranked.score < THRESHOLD
    assert not ranked.blocked


def test_an_alert_name_taken_apart_meets_a_symptom(make: Callable[..., Runbook]) -> None:
    book = _one(make, "rate", symptoms=("high error rate",))
    assert match({"rate": book}, Situation(alert="HighErrorRate"), {})[0].reasons == (
        'the text says "high error rate"',
    )


def test_a_runbook_that_waits_for_an_adapter_is_blocked_and_names_it(make: Callable[..., Runbook]) -> None:
    book = _one(make, "drain", alerts=("NodeDown",)).model_copy(update={"waits_for": ("kubernetes", "ssh")})
    (ranked,) = match({"drain": book}, Situation(alert="NodeDown"), {})
    assert ranked.obstacle == "waits"
    assert ranked.blocked == "it waits for the adapters kubernetes and ssh, which this bot does not have"
    assert ranked.score >= 0.9


def test_what_was_observed_is_said_with_a_condition_that_does_not_hold(make: Callable[..., Runbook]) -> None:
    (ranked,) = match(_catalogue(make, a=()), replace(DOWN, alert="ServiceDown"), {"health": {"status": 200}})
    assert ranked.obstacle == "condition"
    assert ranked.blocked == "facts.health.status != 200 does not hold (health.status is 200)"


@pytest.mark.parametrize(
    ("wanted", "obstacle"),
    [
        ({"labels": {"app": "other"}}, "labels"),
        ({"symptoms": ["certificate ends"]}, "nothing"),
        ({}, "nothing"),
        ({"alerts": ["HeapHigh"], "when": "facts.health.status != 200"}, "unproven"),
        ({"alerts": ["HeapHigh"]}, ""),
    ],
)
def test_explain_says_for_every_runbook_why_not(
    make: Callable[..., Runbook], wanted: dict[str, object], obstacle: str
) -> None:
    (ranked,) = explain({"a": _one(make, "a", **wanted)}, FULL, {})
    assert ranked.obstacle == obstacle
    assert bool(ranked.blocked) == bool(obstacle)


WANTED = st.fixed_dictionaries(
    {},
    optional={
        "signatures": st.just(("OutOfMemoryError",)),
        "alerts": st.sampled_from([("HeapHigh",), ("Other",)]),
        "labels": st.sampled_from([{"app": "shop"}, {"app": "other"}]),
        "symptoms": st.sampled_from([("heap is full",), ("heap leak",), ("disk",)]),
        "when": st.sampled_from(["facts.health.status != 200", "incident.severity == 'critical'"]),
    },
)
SEEN = st.sampled_from([{}, {"health": {"status": 200}}, {"health": {"status": 500}}])


@given(st.lists(st.tuples(WANTED, st.booleans()), max_size=6), SEEN, st.randoms())
def test_match_is_the_part_of_explain_that_something_speaks_for_and_order_does_not_matter(
    wanted: list[tuple[dict[str, object], bool]], facts: dict[str, dict[str, int]], random: Random
) -> None:
    books = {
        f"r{n}": PLAIN.model_copy(
            update={"id": f"r{n}", "match": Match.model_validate(one), "waits_for": ("ssh",) if waits else ()}
        )
        for n, (one, waits) in enumerate(wanted)
    }
    shuffled = dict(random.sample(sorted(books.items()), len(books)))
    ranked = match(books, FULL, facts)
    assert ranked == match(shuffled, FULL, facts)
    assert ranked == tuple(r for r in explain(books, FULL, facts) if r.score > 0)
    assert all(r.blocked and r.obstacle for r in ranked if r.runbook.waits_for)


def test_T46_reasons_hold_nothing_of_a_log_line(make: Callable[..., Runbook]) -> None:
    book = _one(make, "heap", signatures=("OutOfMemoryError.*",))
    secret = {"logs": {"lines": ["OutOfMemoryError password=hunter2"]}}
    (ranked,) = match({"heap": book}, Situation(), secret)
    assert "hunter2" not in str(ranked.reasons)


@pytest.mark.parametrize("name", sorted(SHIPPED.runbooks))
def test_every_alert_and_symptom_of_a_shipped_runbook_is_enough_for_an_offer(name: str) -> None:
    book = SHIPPED.runbooks[name]
    wanted = book.match
    asked = [Situation(alert=alert, labels=wanted.labels) for alert in wanted.alerts]
    asked += [Situation(title=symptom, labels=wanted.labels) for symptom in wanted.symptoms]
    for situation in asked:
        (found,) = (r for r in explain(SHIPPED.runbooks, situation, {}, SHIPPED.index) if r.runbook is book)
        assert found.score >= THRESHOLD
        assert found.obstacle in ("", "unproven", "condition", "waits")
