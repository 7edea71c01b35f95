"""The policy a second time: what a context deserves, worked out from docs/policy.md and from nothing else.

Used by trust/compare.py (bar B1), which holds it against the guards. It must share no code with guards/ (only the value
`Context` is read) and must stay plain: one rule, one function, ifs in the order of the page. Where the page can be read in
two ways, the stricter one was taken, and a comment says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from trust import oracle_asking, oracle_size, oracle_time
from trust.oracle_words import APPROVAL, Question, Verdict, seconds

if TYPE_CHECKING:
    from guards.context import Context

Policy = Mapping[str, Any]
LONGEST_GLASS = 600.0
GLASS = frozenset({"freeze", "change_window", "rate_limit", "circuit_breaker", "error_budget", "cost_cap"})
PASSED = frozenset(
    {
        "frozen",
        "maintenance",
        "calendar_unreadable",
        "outside_change_window",
        "rate_limited",
        "breaker_open",
        "error_budget",
        "cost_cap",
    }
)

# Every rule with one finding. `rate_limit` has one for each limit, `circuit_breaker` one for each breaker.
RULES: dict[str, Callable[[Policy, Context], Verdict]] = {
    "autonomy": oracle_asking.autonomy,
    "blast_radius": oracle_size.blast_radius,
    "change_window": oracle_time.change_window,
    "cost_cap": oracle_size.cost_cap,
    "error_budget": oracle_size.error_budget,
    "exclusive": oracle_asking.exclusive,
    "freeze": oracle_time.freeze,
    "kill_switch": oracle_asking.kill_switch,
    "known_environment": oracle_asking.known_environment,
    "matrix": oracle_asking.matrix,
    "max_change": oracle_size.max_change,
    "require_role": oracle_asking.require_role,
    "scopes": oracle_asking.scopes,
}


class Judgement(NamedTuple):
    """outcome: `allow`, `deny` or `ask`; codes: of every denial; questions: what is asked, empty unless it is `ask`."""

    outcome: str
    codes: frozenset[str]
    questions: frozenset[Question]


def findings(policy: Policy, context: Context) -> list[tuple[str, Verdict]]:
    """Every rule with its verdict before the glass is broken: None (allow), a denial's code, or a question."""
    found = [(rule, look(policy, context)) for rule, look in RULES.items()]
    found.extend(("rate_limit", oracle_time.limit(one, context)) for one in policy.get("limits", ()))
    found.extend(
        ("circuit_breaker", oracle_time.circuit_breaker(name, breaker, policy, context))
        for name, breaker in policy.get("breakers", {}).items()
    )
    return found


def combine(found: Iterable[tuple[str, Verdict]], glass: Question | None) -> Judgement:
    """Any denial denies and nobody is asked; else any question asks; else allow. `glass` takes the place of a denial."""
    codes = set()
    questions = set()
    for rule, verdict in found:
        if verdict is None:
            continue
        if not isinstance(verdict, str):
            questions.add(verdict)
        elif glass is not None and rule in GLASS and verdict in PASSED:
            questions.add(glass)
        else:
            codes.add(verdict)
    if codes:
        return Judgement("deny", frozenset(codes), frozenset())
    if questions:
        return Judgement("ask", frozenset(), frozenset(questions))
    return Judgement("allow", frozenset(), frozenset())


def broken_glass(policy: Policy, context: Context) -> Question | None:
    """The question that stands for the denials of the rules in GLASS, or None when the glass is whole."""
    glass = context.break_glass
    rule = policy.get("break_glass")
    if glass is None or not rule:
        return None
    if not glass.reason.strip():  # stricter: blanks are no reason
        return None
    actor = context.actor
    if actor is None or actor.is_bot or not actor.id or actor.id != glass.by:
        return None
    if context.now is None or context.now >= glass.until:  # stricter: without a moment it may have ended
        return None
    return Question(APPROVAL, min(seconds(rule["timeout"]), LONGEST_GLASS), 1, frozenset(rule["any_of"]), frozenset())


def answered(policy: Policy, context: Context) -> frozenset[str]:
    """Ids of the standing approvals of which one is used up by going ahead; empty when none is."""
    return oracle_asking.answered(policy, context)


def judge(policy: Policy, context: Context) -> Judgement:
    """What the page says about this context. policy: the mapping that `policy.yaml` holds, already found valid."""
    return combine(findings(policy, context), broken_glass(policy, context))
