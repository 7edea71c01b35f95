"""Holds the guards' decision against the oracle's judgement and says how they differ.

Used by trust/b1.py, trust/lattice.py, trust/shrinking.py. The one place of B1 that calls guards/policy.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from guards.context import Context
from guards.decision import Ask, Decision
from guards.policy import Policy
from trust import oracle
from trust.extra_rules import Extra
from trust.oracle import Judgement
from trust.oracle_words import Question, Verdict

KEPT = 50  # disagreements in full, for each worker


@dataclass(frozen=True, slots=True)
class Disagreement:
    """kind: `wrong allow`, `wrong ask`, `wrong deny`, `codes`, `questions`, `standing`. case: what replays it."""

    kind: str
    case: str
    words: str


@dataclass(slots=True)
class Tally:
    """What a share of the cases came to. reached: how often each rule gave each verdict, and was the only one to deny."""

    cases: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)
    kept: list[Disagreement] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Take over what another share came to."""
        self.cases += other.cases
        self.kinds += other.kinds
        self.reached += other.reached
        self.kept = [*self.kept, *other.kept][:KEPT]

    def note(self, found: Disagreement) -> None:
        """Count a disagreement, and keep the first ones."""
        self.kinds[found.kind] += 1
        if len(self.kept) < KEPT:
            self.kept.append(found)


def as_question(asked: Ask) -> Question:
    """A question of the guards in the oracle's words."""
    who = asked.approvers
    if who is None:
        return Question(asked.kind, asked.timeout_seconds, 0, frozenset(), frozenset())
    return Question(asked.kind, asked.timeout_seconds, who.count, frozenset(who.any_of), frozenset(who.all_of))


def as_judgement(decision: Decision) -> Judgement:
    """A decision of the guards in the oracle's words."""
    codes = frozenset(denial.code for denial in decision.denials)
    return Judgement(decision.outcome, codes, frozenset(as_question(asked) for asked in decision.questions))


def differ(said: Judgement, decided: Judgement) -> str:
    """How the guards differ from the oracle, the worst first; empty when they agree."""
    if said == decided:
        return ""
    if said.outcome != decided.outcome:
        if decided.outcome == "allow":
            return "wrong allow"
        return (
            "wrong ask" if said.outcome == "deny" else "wrong deny" if decided.outcome == "deny" else "wrong question"
        )
    return "codes" if said.codes != decided.codes else "questions"


def word(verdict: Verdict) -> str:
    """A verdict in one word: allow, the code of a denial, or the kind of a question."""
    return "allow" if verdict is None else verdict if isinstance(verdict, str) else verdict.kind


def compare(
    written: Mapping[str, Any], policy: Policy, context: Context, more: tuple[Extra, ...], reached: Counter[str]
) -> tuple[str, Judgement, Decision]:
    """How both differ on one context (empty: they agree), with what each said. Counts what the oracle's rules said.

    written: the mapping that `policy` was made of. more: rules beside the policy's own.
    """
    decision = policy.decide(context, more)
    found = oracle.findings(written, context)
    found.extend(extra.finding for extra in more)
    glass = oracle.broken_glass(written, context)
    said = oracle.combine(found, glass)
    denying = ""
    for rule, verdict in found:
        key = f"{rule}: {word(verdict)}"
        reached[key] += 1
        if isinstance(verdict, str):
            denying = "several" if denying else key
    if denying and denying != "several":
        reached[f"only {denying}"] += 1
        if glass is not None and said.outcome == "ask":
            reached["glass was broken"] += 1
    reached[said.outcome] += 1
    kind = differ(said, as_judgement(decision))
    if not kind and (decision.standing or "standing" in written):
        used = oracle.answered(written, context) if said.outcome != "deny" else frozenset()
        if decision.standing not in (used or {""}):
            kind = "standing"
    return kind, said, decision
