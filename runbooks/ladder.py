"""The ladder of environments: where a new runbook may be tried, and which rung is below which (mission R5, case T41).

Made by bot/policy_inputs.py from `promotion` in countersign.yaml and `lowest_environment` in policy.yaml; asked by the promotion rule
and by `runbookctl promote`. Values only. Without a ladder only the lowest environment needs no record.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ladder:
    """lowest: where new runbooks are tried; empty is nowhere. rungs: lowest first, empty when nobody wrote them down.

    without_record: environments beside the lowest that ask for no promotion record. A name that is not known needs one.
    """

    lowest: str = ""
    rungs: tuple[str, ...] = ()
    without_record: frozenset[str] = frozenset()

    def needs_record(self, environment: str) -> bool:
        """Whether a step that changes something may be run there only with a record. True for an unknown environment."""
        return not environment or (environment != self.lowest and environment not in self.without_record)

    def below(self, environment: str) -> str:
        """The environment where evidence for this one is gathered; empty for the lowest and for one on no rung."""
        place = self.rungs.index(environment) if environment in self.rungs else 0
        return self.rungs[place - 1] if place else ""


STRICTEST = Ladder()
"""Nothing was said about environments: every change needs a record everywhere."""
