"""guards/standing.py: a yes given beforehand (mission P6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

import guards
from guards.standing import StandingApproval, standing_approvals
from guards.testing import NOON, frozen

GIVEN = StandingApproval(
    id="given",
    runbook="book",
    action="demo.restart",
    service="demo",
    environment="dev",
    max=2,
    until=NOON + timedelta(hours=1),
    by=("cora", "dev"),
)


def act(standing: str) -> guards.PastAct:
    return guards.PastAct("x", "y", "z", "t", "bot", NOON - timedelta(days=300), "failed", standing=standing)


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({}, True),
        ({"runbook": "other"}, False),
        ({"runbook": ""}, False),
        ({"action": "demo.scale"}, False),
        ({"service": "other"}, False),
        ({"environment": "prod"}, False),
        ({"now": None}, False),
        ({"now": GIVEN.until - timedelta(microseconds=1)}, True),
        ({"now": GIVEN.until}, False),
        ({"history": (act("given"), act("other"), act(""))}, True),
        ({"history": (act("given"), act("given"))}, False),
    ],
)
def test_P6_it_fits_in_its_scope_its_time_and_its_budget(changes: dict[str, object], fits: bool) -> None:
    assert GIVEN.fits(frozen(**{"runbook": "book", **changes})) is fits


def test_a_moment_without_a_zone_is_an_error() -> None:
    with pytest.raises(TypeError):
        GIVEN.fits(frozen(runbook="book", now=NOON.replace(tzinfo=None)))


def test_made_from_what_was_read() -> None:
    entry = {
        "id": "given", "runbook": "book", "action": "demo.restart", "service": "demo", "environment": "dev", "max": 2,
        "until": "2030-01-01T13:00:00+00:00", "by": ["cora", "dev"],
    }  # fmt: skip
    assert standing_approvals({"standing": [entry]}) == (replace(GIVEN),)


def test_P6_used_too_often_it_stays_used_up() -> None:
    assert not GIVEN.fits(frozen(runbook="book", history=(act("given"),) * 3))


def test_P6_an_act_counts_whichever_object_holds_the_id() -> None:
    assert GIVEN.used(frozen(history=(act("".join(list("given"))),))) == 1


def test_every_field_is_named() -> None:
    with pytest.raises(TypeError):
        StandingApproval("given", "book", "demo.restart", "demo", "dev", 2, GIVEN.until, GIVEN.by)  # type: ignore[misc]  # reason: wrong on purpose
