"""Matching: alerts, labels, words; explained, repeatable, blocked with a reason."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

from hypothesis import given
from hypothesis import strategies as st

from runbooks.match import THRESHOLD, Index, Situation, explain, match, words
from runbooks.model import Runbook

DOWN = Situation(title="Service down: payments", severity="critical", service="payments", environment="prod")
SICK = {"health": {"status": 500}}


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


def test_nothing_in_common_is_no_match_but_is_explained(make: Callable[..., Runbook]) -> None:
    books = _catalogue(make, a=())
    other = Situation(title="certificate expires")
    assert match(books, other, SICK) == ()
    assert explain(books, other, SICK)[0].blocked == "neither alert, labels nor text fit"


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
