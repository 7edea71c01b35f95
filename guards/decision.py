"""What a guard may answer: Allow, Deny or Ask, and a Decision with the trace that led there. Frozen values.

Used by every guard, by the chain, and by whoever shows a decision. Standard library only.
Must not decide anything: it only holds answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Allow:
    """This guard has nothing against it. standing: id of the standing approval that answered instead of people."""

    reason: str = ""
    standing: str = ""


@dataclass(frozen=True, slots=True)
class Deny:
    """A refusal.

    code: stable reason code (`wrong_environment`, `self_approval`, ...). reason: what is in the way, one sentence.
    remedy: what would make it possible, one sentence.
    """

    code: str
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Approvers:
    """Who may answer: `count` distinct people in all, and at least one from each group of all_of, each from any_of.

    Empty any_of and all_of means nobody (trust case T43). Group names are resolved by the caller.
    """

    count: int
    any_of: tuple[str, ...] = ()
    all_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """A question for people. kind is `confirmation` (the requester may answer) or `approval` (never the requester).

    timeout_seconds: no answer by then is a refusal.
    """

    kind: str
    message: str
    timeout_seconds: float
    approvers: Approvers | None = None


Verdict = Allow | Deny | Ask


@dataclass(frozen=True, slots=True)
class Finding:
    """One guard's part in a decision: its rule id, what it looked at and what it said."""

    rule: str
    verdict: Verdict
    inputs: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer of a whole chain.

    outcome: `allow`, `deny` or `ask`. denials: every refusal, in rule order. questions: what must be asked when nothing
    refuses. trace: one Finding per guard. policy_digest: which policy was in force, empty in a plain script. standing:
    id of the standing approval that is used up by going ahead, empty when there is none and when the outcome is `deny`.
    """

    outcome: str
    denials: tuple[Deny, ...]
    questions: tuple[Ask, ...]
    trace: tuple[Finding, ...]
    policy_digest: str = ""
    standing: str = ""
