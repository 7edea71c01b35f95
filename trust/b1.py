"""B1: nothing gets past the guards. Seeded cases, every combination, and Hypothesis, each against the oracle.

Run by trust/__main__.py; the short form runs in tests/trust/test_b1.py. Every rule must have given each of its verdicts at
least once, and each denial must at least once have been the only one, else a missing condition could hide behind another.
"""

from __future__ import annotations

import pprint
import time
from collections import Counter
from collections.abc import Mapping
from functools import cache, partial
from typing import Any

from guards.context import Context
from guards.policy import Policy
from trust import cases, lattice, oracle, shrinking
from trust.compare import Disagreement, Tally, as_judgement, compare, word
from trust.extra_rules import Extra
from trust.order import Order, shares, spread
from trust.report import Figure

SEEDED = 10_000_000
EXAMPLES = 100_000
POLICIES_PER_JOB = 200
COMBINATIONS_PER_JOB = 50_000
QUICK_STRIDE = 997  # prime to the number of values of each factor, so that all of them are met

# Every verdict that a rule of the page can give, as compare.py writes it.
VERDICTS: dict[str, str] = {
    "autonomy": "allow shadow autonomy approval forbidden missing_context",
    "blast_radius": "allow blast_radius missing_context",
    "change_window": "allow outside_change_window calendar_unreadable missing_context",
    "circuit_breaker": "allow breaker_open approval forbidden missing_context",
    "cost_cap": "allow cost_cap approval forbidden missing_context guard_error",
    "error_budget": "allow error_budget missing_context guard_error",
    "exclusive": "allow target_busy missing_context",
    "freeze": "allow frozen maintenance calendar_unreadable missing_context",
    "kill_switch": "allow kill_switch monitor_only",
    "known_environment": "allow unknown_environment target_environment missing_context",
    "matrix": "allow confirmation approval forbidden missing_context",
    "max_change": "allow bad_change change_too_large approval forbidden guard_error",
    "rate_limit": "allow rate_limited missing_context",
    "require_role": "allow wrong_role missing_context",
    "scopes": "allow out_of_scope missing_context",
    "broken": "guard_error",
    "allowed_envs": "allow wrong_environment",
    "require_confirmation": "confirmation",
    "require_approval": "approval",
}
# Denials of one rule that another rule always accompanies, so that they are never the only one.
NEVER_ALONE = {
    "known_environment: missing_context",
    "known_environment: unknown_environment",
    "exclusive: missing_context",
    "autonomy: missing_context",
    "scopes: missing_context",
}


def wanted() -> Counter[str]:
    """Everything that must happen at least once, with zero so far."""
    made: Counter[str] = Counter({"allow": 0, "ask": 0, "deny": 0, "glass was broken": 0})
    for rule, verdicts in VERDICTS.items():
        for verdict in verdicts.split():
            key = f"{rule}: {verdict}"
            made[key] = 0
            if verdict not in {"allow", "approval", "confirmation"} and key not in NEVER_ALONE:
                made[f"only {key}"] = 0
    return made


def told(case: str, seed: int, written: Mapping[str, Any], context: Context, more: tuple[Extra, ...]) -> str:
    """What a reader needs to see why both differ: each rule's verdict on either side, the context and the policy."""
    kind, said, decision = compare(written, Policy.from_mapping(written), context, more, Counter())
    ours = [f"  {rule}: {word(verdict)}" for rule, verdict in oracle.findings(written, context)]
    theirs = [f"  {finding.rule}: {finding.verdict}" for finding in decision.trace]
    return "\n".join(
        [
            f"case {case} of seed {seed}: {kind or 'both agree'}",
            f"oracle: {said}",
            *ours,
            f"guards: {as_judgement(decision)}",
            *theirs,
            *(f"beside the policy: {extra}" for extra in more),
            pprint.pformat(context, width=116),
            pprint.pformat(written, width=116),
        ]
    )


def judge_batches(seed: int, last: int, numbers: range) -> Tally:
    """The cases of these policies, as far as their number is below `last`."""
    tally = Tally()
    for number in numbers:
        whole = cases.batch(seed, number)
        policy = Policy.from_mapping(whole.policy)
        first = number * cases.PER_POLICY
        for case, (context, more) in enumerate(whole.cases, first):
            if case >= last:
                break
            kind, said, decision = compare(whole.policy, policy, context, more, tally.reached)
            tally.cases += 1
            if kind:
                tally.note(Disagreement(kind, str(case), f"oracle {said}, guards {as_judgement(decision)}"))
    return tally


@cache
def compiled(name: str) -> tuple[dict[str, Any], Policy]:
    """The policy of one word of the matrix, as written and as the guards know it."""
    written = lattice.policy(name)
    return written, Policy.from_mapping(written)


def judge_combinations(numbers: range) -> Tally:
    """These combinations of the lattice."""
    tally = Tally()
    for number in numbers:
        name, context = lattice.at(number)
        written, policy = compiled(name)
        kind, said, decision = compare(written, policy, context, (), tally.reached)
        tally.cases += 1
        if kind:
            words = f"oracle {said}, guards {as_judgement(decision)}"
            tally.note(Disagreement(kind, f"lattice:{number}", words))
    return tally


def figure(name: str, run: str, tally: Tally, seed: int, began: float, goal: int, reached: Mapping[str, int]) -> Figure:
    """The figure of one way of looking for a disagreement."""
    worst = sorted(tally.kept, key=lambda found: found.kind != "wrong allow")
    took = time.monotonic() - began
    return Figure(
        claim="b1",
        name=name,
        run=run,
        cases=tally.cases,
        violations=tally.kinds.total(),
        seconds=took,
        goal=goal,
        reached=reached,
        examples=[f"{e.kind}: {e.words}; python -m trust b1 --seed {seed} --case {e.case}" for e in worst],
        extra={"by_kind": dict(tally.kinds), "cases_per_second": round(tally.cases / took)},
    )


def seeded(order: Order, total: int) -> Figure:
    """Random policies and contexts."""
    began = time.monotonic()
    tally = Tally()
    policies = -(-total // cases.PER_POLICY)
    per_job = min(POLICIES_PER_JOB, -(-policies // order.processes))
    for part in spread(partial(judge_batches, order.seed, total), shares(policies, per_job), order.processes):
        tally.add(part)
    reached = wanted()
    reached.update(tally.reached)
    run = "guards.policy.Policy.decide against trust.oracle.judge on random policies and contexts"
    return figure("seeded cases", run, tally, order.seed, began, SEEDED, reached)


def combinations(order: Order) -> Figure:
    """The lattice: all of it, or every 997th combination."""
    began = time.monotonic()
    tally = Tally()
    step = QUICK_STRIDE if order.quick else 1
    parts = max(order.processes, lattice.SIZE // step // COMBINATIONS_PER_JOB)
    jobs = [range(part * step, lattice.SIZE, parts * step) for part in range(parts)]
    for part in spread(judge_combinations, jobs, order.processes):
        tally.add(part)
    run = f"every combination of {', '.join(lattice.FACTORS)}"
    reached = {outcome: tally.reached[outcome] for outcome in ("allow", "ask", "deny")}
    return figure("lattice", run, tally, order.seed, began, 1_000_000, reached)


def shrunk(order: Order, total: int) -> Figure:
    """Hypothesis, which makes the smallest case of what it finds."""
    began = time.monotonic()
    tally = Tally()
    share = -(-total // order.processes)
    jobs = [(order.seed + number, share) for number in range(order.processes)]
    for part in spread(shrinking.search, jobs, order.processes):
        tally.add(part)
    run = "Hypothesis over the same policies and contexts, with shrinking, seeded, without a deadline"
    reached = {outcome: tally.reached[outcome] for outcome in ("allow", "ask", "deny")}
    return figure("hypothesis", run, tally, order.seed, began, EXAMPLES, reached)


def measure(order: Order) -> list[Figure]:
    """All three, one after the other, each on all processes."""
    made = []
    for step in (
        partial(seeded, order, order.size(SEEDED, 20_000)),
        partial(combinations, order),
        partial(shrunk, order, order.size(EXAMPLES, 400)),
    ):
        made.append(step())
        order.say(f"  {made[-1].name}: {made[-1].cases:,} cases, {made[-1].violations} disagreements")
    return made


def replay(seed: int, case: str) -> str:
    """A case by its number, or `lattice:N`. Raises ValueError when there is none."""
    kind, _, number = case.rpartition(":")
    if not number.isdecimal() or kind not in {"", "lattice"}:
        raise ValueError(f"{case!r} is neither a number nor lattice:N")
    if kind == "lattice":
        name, context = lattice.at(int(number))
        return told(case, seed, lattice.policy(name), context, ())
    written, (context, more) = cases.find(seed, int(number))
    return told(case, seed, written, context, more)
