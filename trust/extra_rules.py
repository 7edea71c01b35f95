"""Rules beside the policy's own, as a runbook's `safety` and an operation's decorators add them: each says one thing.

Used by trust/cases.py and trust/compare.py. They have the shape of guards.chain.Guard and share nothing else with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from guards.context import Context
from guards.decision import Allow, Approvers, Ask, Deny
from guards.decision import Verdict as Answer
from trust.oracle_words import APPROVAL, CONFIRMATION, Question, Verdict


@dataclass(frozen=True, slots=True)
class Extra:
    """A rule that always says the same. said: None allows, `!` fails inside, another word denies with that code."""

    rule: str
    said: Verdict

    def check(self, context: Context) -> Answer:
        """The guard's answer. Raises RuntimeError when it is to fail."""
        if self.said is None:
            return Allow("nothing against it")
        if self.said == "!":
            raise RuntimeError("broken on purpose")
        if isinstance(self.said, str):
            return Deny(self.said, "not this way", "another way")
        asked = self.said
        who = Approvers(asked.people, tuple(sorted(asked.any_of)), tuple(sorted(asked.all_of)))
        return Ask(asked.kind, f"{self.rule}?", asked.seconds, who if asked.kind == APPROVAL else None)

    def inputs(self, context: Context) -> Mapping[str, object]:
        """Nothing was looked at."""
        return {}

    @property
    def finding(self) -> tuple[str, Verdict]:
        """What the page says about this rule."""
        return self.rule, "guard_error" if self.said == "!" else self.said


EXTRAS = (
    Extra("allowed_envs", None),
    Extra("allowed_envs", "wrong_environment"),
    Extra("broken", "!"),
    Extra("require_confirmation", Question(CONFIRMATION, 45.0, 0, frozenset(), frozenset())),
    Extra("require_approval", Question(APPROVAL, 77.0, 2, frozenset({"sre"}), frozenset({"dba"}))),
)


def draw_extras(dice: Random) -> tuple[Extra, ...]:
    """Mostly none."""
    return (dice.choice(EXTRAS),) if dice.random() < 0.05 else ()
