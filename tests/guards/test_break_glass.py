"""guards/break_glass.py: past six rules, with a reason and a second person's yes (case T14)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

import guards
from guards.break_glass import BREAKABLE, BrokenGlass
from guards.testing import NOON, frozen

GLASS = BrokenGlass(any_of=("leads", "directors"), timeout=600)
BROKEN = guards.BreakGlass("payments are\n down", "tester", NOON + timedelta(minutes=1))
DENY = guards.Deny("frozen", "No.", "Wait.")
TRACE = (
    guards.Finding("exclusive", DENY, {"x": 1}),
    guards.Finding("freeze", DENY, {"x": 1}),
    guards.Finding("freeze", guards.Allow("fine")),
    guards.Finding("rate_limit", guards.Deny("guard_error", "No.", "Mend.")),
    guards.Finding("rate_limit", guards.Deny("rate_limited", "No.", "Wait.")),
)


def test_T14_denials_of_the_six_rules_become_one_question() -> None:
    found = GLASS.broken(TRACE, frozen(break_glass=BROKEN))
    question = guards.Ask(
        "approval",
        "Break the glass for demo.restart on demo in dev? payments are down",
        600.0,
        guards.Approvers(1, ("directors", "leads")),
    )
    assert found == (
        TRACE[0],
        guards.Finding("freeze", question, {"x": 1, "broken": "frozen"}),
        TRACE[2],
        TRACE[3],
        guards.Finding("rate_limit", question, {"broken": "rate_limited"}),
    )


@pytest.mark.parametrize("code", ["missing_context", "guard_error", "forbidden"])
@pytest.mark.parametrize("rule", sorted(BREAKABLE))
def test_T14_a_rule_that_failed_or_lacks_something_is_not_passed(rule: str, code: str) -> None:
    trace = (guards.Finding(rule, guards.Deny(code, "No.", "Mend.")),)
    assert GLASS.broken(trace, frozen(break_glass=BROKEN)) == trace


def test_T14_what_is_never_breakable() -> None:
    safe = {"kill_switch", "known_environment", "require_role", "scopes", "exclusive", "matrix", "autonomy"}
    safe |= {"blast_radius", "max_change", "forbidden", "allowed_envs", "break_glass"}
    assert not BREAKABLE & safe
    assert len(BREAKABLE) == 6


def glass(reason: str = "down", by: str = "tester", until: datetime = BROKEN.until) -> guards.BreakGlass:
    return guards.BreakGlass(reason, by, until)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"break_glass": None}, "Nobody"),
        ({"break_glass": glass(reason=" ")}, "no reason"),
        ({"break_glass": glass(by="other")}, "only the person"),
        ({"break_glass": glass(by=""), "actor": guards.Actor("")}, "only the person"),
        ({"break_glass": glass(), "actor": None}, "only the person"),
        ({"break_glass": glass(), "actor": guards.Actor("tester", is_bot=True)}, "only the person"),
        ({"break_glass": glass(until=NOON)}, "its time"),
        ({"break_glass": glass(), "now": None}, "its time"),
    ],
)
def test_T14_the_glass_stays_whole_and_the_trace_says_why(changes: dict[str, object], why: str) -> None:
    found = GLASS.broken(TRACE, frozen(**changes))
    assert tuple(finding for finding in found if finding.rule != "break_glass") == TRACE
    assert [finding.rule for finding in found] == sorted(finding.rule for finding in found)
    (own,) = (finding for finding in found if finding.rule == "break_glass")
    assert isinstance(own.verdict, guards.Allow)
    assert why in own.verdict.reason


@pytest.mark.parametrize("wrong", [glass(until=NOON.replace(tzinfo=None)), "now"])
def test_a_broken_glass_that_cannot_be_read_refuses(wrong: object) -> None:
    found = GLASS.broken((), frozen(break_glass=wrong))
    assert [finding.verdict.code for finding in found if isinstance(finding.verdict, guards.Deny)] == ["guard_error"]


def test_targets_are_named_where_there_is_no_service() -> None:
    verdict = GLASS.check(frozen(break_glass=BROKEN, service=""))
    assert isinstance(verdict, guards.Ask)
    assert "on demo:dev/demo in dev" in verdict.message


def test_inputs_say_who_and_why() -> None:
    assert GLASS.inputs(frozen(break_glass=BROKEN)) == {
        "actor": "tester",
        "by": "tester",
        "reason": BROKEN.reason,
        "until": BROKEN.until.isoformat(),
    }
    assert GLASS.inputs(frozen(actor=None)) == {"actor": "", "by": "", "reason": "", "until": ""}


@pytest.mark.parametrize(
    ("any_of", "timeout"), [((), 60), (("*",), 60), (("leads",), 601), (("leads",), 0), (("leads",), "1d")]
)
def test_T14_nobody_or_for_ever_is_an_error(any_of: tuple[str, ...], timeout: float) -> None:
    with pytest.raises(ValueError, match=r".+"):
        BrokenGlass(any_of=any_of, timeout=timeout)
