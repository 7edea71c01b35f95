"""The index: look-ups that agree with a scan and do not grow with the catalogue."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbooks.index import Index
from runbooks.load import load_runbook
from runbooks.model import Match, Runbook
from tests.runbooks.conftest import LONG

PLAIN = load_runbook(LONG, "demo.yaml")
PAIRS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xy"), max_size=3)


def _books(*labels: dict[str, str]) -> dict[str, Runbook]:
    return {
        f"r{n}": PLAIN.model_copy(update={"id": f"r{n}", "match": Match(labels=one)}) for n, one in enumerate(labels)
    }


@given(st.lists(PAIRS, max_size=8), PAIRS)
def test_labels_find_what_a_scan_finds(wanted: list[dict[str, str]], given_labels: dict[str, str]) -> None:
    books = _books(*wanted)
    scanned = {n for n, b in books.items() if b.match.labels and b.match.labels.items() <= given_labels.items()}
    found = Index(books).by_labels(given_labels)
    assert set(found) == scanned
    assert len(found) == len(scanned)


def test_a_label_that_every_runbook_has_does_not_make_every_runbook_a_candidate() -> None:
    index = Index(_books(*({"app": "shop", "service": f"svc-{n}"} for n in range(500))))
    assert index.by_labels({"app": "shop", "service": "svc-7", "pod": "x"}) == ("r7",)
    assert index.candidates("", {"app": "shop", "service": "svc-7"}, ()) == {"r7"}


def test_only_a_condition_is_always_a_candidate(make: Callable[..., Runbook]) -> None:
    books = {"c": PLAIN.model_copy(update={"id": "c", "match": Match(when="incident.severity == 'critical'")})}
    assert Index(books).candidates("", {}, ()) == {"c"}


@pytest.mark.parametrize(("alert", "found"), [("ServiceDown", ("demo",)), ("servicedown", ()), ("", ())])
def test_alert_names_are_looked_up_exactly(alert: str, found: tuple[str, ...]) -> None:
    assert Index({"demo": PLAIN}).by_alert(alert) == found
