"""guards/kill_switch.py."""

from __future__ import annotations

import pytest

import guards
from guards.kill_switch import KillSwitch
from guards.testing import frozen


@pytest.mark.parametrize(
    ("level", "name", "changes", "stopped"),
    [
        ("all", "", {}, True),
        ("all", "whatever", {}, True),
        ("environment", "dev", {}, True),
        ("environment", "DEV ", {}, True),
        ("environment", "dev", {"environment": "Dev"}, True),
        ("environment", "prod", {}, False),
        ("environment", "prod", {"environment": ""}, True),
        ("environment", "", {}, True),
        ("service", "demo", {}, True),
        ("service", "other", {}, False),
        ("service", "other", {"service": ""}, True),
        ("action", "demo.restart", {}, True),
        ("action", "demo.scale", {}, False),
        ("action", "demo.scale", {"action": ""}, True),
        ("galaxy", "m31", {}, True),
        ("environment", "  ", {}, True),
        ("environment", "prod", {"environment": " "}, True),
        ("all", "", {"risk": "read"}, True),
    ],
)
def test_T55_any_matching_stop_stops(level: str, name: str, changes: dict[str, object], stopped: bool) -> None:
    context = frozen(stops=(guards.Stop(level, name, "storm", "ann"),), **changes)
    decision = guards.decide([KillSwitch()], context)
    assert [d.code for d in decision.denials] == (["kill_switch"] if stopped else [])


@pytest.mark.parametrize(
    ("levels", "risk", "code"),
    [
        (("monitor",), "read", None),
        (("monitor",), "safe", "monitor_only"),
        (("monitor",), "", "monitor_only"),
        (("monitor", "monitor"), "caution", "monitor_only"),
        (("monitor", "all"), "safe", "kill_switch"),
        (("monitor", "all"), "read", "kill_switch"),
        (("Monitor",), "read", "kill_switch"),
    ],
)
def test_T55_watching_only_lets_reads_through(levels: tuple[str, ...], risk: str, code: str | None) -> None:
    stops = tuple(guards.Stop(level, "", "storm", "ann") for level in levels)
    decision = guards.decide([KillSwitch()], frozen(stops=stops, risk=risk))
    assert [d.code for d in decision.denials] == ([code] if code else [])


def test_T55_one_of_many_is_enough_and_the_refusal_says_who() -> None:
    stops = (guards.Stop("service", "other", "x", "bob"), guards.Stop("all", "", "storm", "ann"))
    decision = guards.decide([KillSwitch()], frozen(stops=stops))
    assert "all by ann: storm" in decision.denials[0].reason
    assert "bob" not in decision.denials[0].reason
    assert decision.trace[0].inputs["stops"] == ("all:", "service:other")
    assert guards.decide([KillSwitch()], frozen()).outcome == "allow"
