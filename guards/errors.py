"""What a guarded call raises instead of running: Refused, and its three kinds Denied, Declined and TimedOut.

Raised only by guards/chain.py and guards/asking.py, caught by whoever calls a decorated function. Inside the bot a
refusal stays a value (`Deny`); these exist so that a plain script cannot overlook one. Must not decide anything.
"""

from __future__ import annotations

from guards.decision import Ask, Decision


class Refused(Exception):
    """A guarded function was not run.

    decision: the whole decision with its trace. question: the Ask that was not answered with yes, when there was one.
    """

    def __init__(self, decision: Decision, question: Ask | None = None) -> None:
        super().__init__(decision, question)
        self.decision = decision
        self.question = question

    @property
    def code(self) -> str:
        """The stable reason code: that of the first denial, in rule order."""
        return self.decision.denials[0].code if self.decision.denials else "refused"

    def __str__(self) -> str:
        if self.decision.denials:
            return " ".join(f"{denial.reason} {denial.remedy}" for denial in self.decision.denials)
        return f"Refused: {self.question.message if self.question else self.code}"


class Denied(Refused):
    """A guard said no, or there was no context, or nobody to ask."""


class Declined(Refused):
    """Somebody was asked and did not clearly say yes."""

    @property
    def code(self) -> str:
        """Always `declined`."""
        return "declined"


class TimedOut(Refused):
    """Somebody was asked and there was no answer in time; a later yes does not count."""

    @property
    def code(self) -> str:
        """Always `timed_out`."""
        return "timed_out"
