"""What a decision came to, recorded or made anew, in a form that can be compared: outcome, reason codes, questions.

Used by bot/backtest.py. Wording is not compared: a sentence may be improved without a decision being another.
Must not decide anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.render.wording import duration
from guards.context import Context
from guards.decision import Allow, Approvers, Ask, Decision, Deny, Verdict

# What may become of a decision, the most important first: what would become possible stands before what would not.
LESS, MORE, OTHER = "asked for less", "asked for more", "refused otherwise"
KINDS = (
    "refused -> allowed",
    "refused -> asked",
    "asked -> allowed",
    LESS,
    "allowed -> refused",
    "asked -> refused",
    "allowed -> asked",
    MORE,
    OTHER,
)
LAXER = frozenset(KINDS[:4])
WORDS = {"allow": "allowed", "ask": "asked", "deny": "refused"}
POLICY_RULES = frozenset(
    {
        "autonomy", "blast_radius", "break_glass", "change_window", "circuit_breaker", "cost_cap", "error_budget",
        "exclusive", "freeze", "kill_switch", "known_environment", "matrix", "max_change", "rate_limit", "require_role",
        "scopes",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, order=True)
class Question:
    """kind: `confirmation` or `approval`. any_of, all_of: sorted groups; seconds: until no answer is a refusal."""

    kind: str
    count: int
    any_of: tuple[str, ...]
    all_of: tuple[str, ...]
    seconds: float

    @property
    def words(self) -> str:
        """`approval of 2 from leads or sre, each of dba, within 15 min`."""
        ends = f"within {duration(self.seconds)}"
        if self.kind != "approval":
            return f"{self.kind} {ends}"
        each = f", each of {', '.join(self.all_of)}" if self.all_of else ""
        return f"approval of {self.count or 1} from {' or '.join(self.any_of) or 'the usual people'}{each}, {ends}"

    def asks_less_than(self, other: Question) -> bool:
        """Fewer people, more to choose from, fewer groups that must be there, or more time."""
        return (
            self.count < other.count
            or not set(self.any_of) <= set(other.any_of)
            or not set(self.all_of) >= set(other.all_of)
            or self.seconds > other.seconds
        )


@dataclass(frozen=True, slots=True)
class Conclusion:
    """codes: of every refusal; questions: those that count, so none when it was refused. why: first refusal's reason."""

    outcome: str
    codes: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    why: str = ""

    @classmethod
    def of(cls, decision: Decision) -> Conclusion:
        """Of a decision made now."""
        denials = decision.denials
        codes = tuple(sorted({denial.code for denial in denials}))
        asked = tuple(sorted({_question(question) for question in decision.questions}))
        return cls(decision.outcome, codes, asked, denials[0].reason if denials else "")

    @property
    def words(self) -> str:
        """`refused (frozen)`, `asked (approval of 1 from leads)`, `allowed`."""
        more = ", ".join(self.codes) or "; ".join(question.words for question in self.questions)
        return WORDS[self.outcome] + (f" ({more})" if more else "")

    def data(self) -> dict[str, Any]:
        """As JSON values."""
        asked = [
            {"kind": q.kind, "count": q.count, "any_of": list(q.any_of), "all_of": list(q.all_of), "seconds": q.seconds}
            for q in self.questions
        ]
        return {"outcome": self.outcome, "codes": list(self.codes), "questions": asked, "why": self.why}


def conclusion_of(data: Mapping[str, Any]) -> Conclusion:
    """The conclusion behind `Conclusion.data`."""
    asked = (
        Question(q["kind"], q["count"], tuple(q["any_of"]), tuple(q["all_of"]), q["seconds"]) for q in data["questions"]
    )
    return Conclusion(data["outcome"], tuple(data["codes"]), tuple(asked), data["why"])


@dataclass(frozen=True, slots=True)
class Kept:
    """A recorded finding as a rule that says the same again."""

    rule: str
    verdict: Verdict
    seen: Mapping[str, object]

    def check(self, context: Context) -> Verdict:
        """What was said then."""
        return self.verdict

    def inputs(self, context: Context) -> Mapping[str, object]:
        """What was looked at then."""
        return self.seen


def recorded(outcome: str, findings: Sequence[Mapping[str, Any]]) -> Conclusion:
    """Of a decision as guards/recording.py wrote it down. Raises KeyError and ValueError for another shape."""
    if outcome not in WORDS:
        raise ValueError(f"{outcome!r} is not an outcome of a decision")
    if outcome == "deny":
        denials = [finding for finding in findings if finding["verdict"] == "deny"]
        why = str(denials[0]["reason"]) if denials else ""
        return Conclusion(outcome, tuple(sorted({denial["code"] for denial in denials})), (), why)
    asked = {_question(_ask(finding)) for finding in findings if finding["verdict"] == "ask"}
    return Conclusion(outcome, (), tuple(sorted(asked)))


def kept(findings: Sequence[Mapping[str, Any]]) -> tuple[Kept, ...]:
    """The recorded findings of rules that no policy makes. Raises KeyError and ValueError for another shape."""
    return tuple(
        Kept(finding["rule"], _verdict(finding), finding["inputs"])
        for finding in findings
        if finding["rule"] not in POLICY_RULES
    )


def change_of(before: Conclusion, after: Conclusion) -> str:
    """One of KINDS; empty when it is the same."""
    if before.outcome != after.outcome:
        return f"{WORDS[before.outcome]} -> {WORDS[after.outcome]}"
    if before.codes != after.codes:
        return OTHER
    if before.questions == after.questions:
        return ""
    return LESS if _asks_less(after.questions, before.questions) else MORE


def _asks_less(after: Sequence[Question], before: Sequence[Question]) -> bool:
    """Whether a kind of question is not asked any more, or what is asked in all of that kind is less."""
    then, now = _merged(before), _merged(after)
    return any(kind not in now or now[kind].asks_less_than(question) for kind, question in then.items())


def _merged(questions: Sequence[Question]) -> dict[str, Question]:
    """One question of each kind, as bot/stages/gate.py puts them together: the strictest of everything."""
    found: dict[str, Question] = {}
    for each in questions:
        other = found.get(each.kind, each)
        any_of = {*each.any_of} & {*other.any_of} if each.any_of and other.any_of else {*each.any_of, *other.any_of}
        found[each.kind] = Question(
            each.kind,
            max(each.count, other.count),
            tuple(sorted(any_of)),
            tuple(sorted({*each.all_of, *other.all_of})),
            min(each.seconds, other.seconds),
        )
    return found


def _question(asked: Ask) -> Question:
    who = asked.approvers
    if who is None:
        return Question(asked.kind, 0, (), (), asked.timeout_seconds)
    return Question(asked.kind, who.count, tuple(sorted(who.any_of)), tuple(sorted(who.all_of)), asked.timeout_seconds)


def _ask(finding: Mapping[str, Any]) -> Ask:
    who = (
        Approvers(finding["count"], tuple(finding["any_of"]), tuple(finding["all_of"])) if "count" in finding else None
    )
    return Ask(finding["kind"], finding["reason"], finding["seconds"], who)


def _verdict(finding: Mapping[str, Any]) -> Verdict:
    if finding["verdict"] == "allow":
        return Allow(finding["reason"])
    if finding["verdict"] == "deny":
        return Deny(finding["code"], finding["reason"], finding["remedy"])
    if finding["verdict"] == "ask":
        return _ask(finding)
    raise ValueError(f"{finding['verdict']!r} is not a verdict")
