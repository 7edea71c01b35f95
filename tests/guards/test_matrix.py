"""guards/matrix.py."""

from __future__ import annotations

from datetime import timedelta

import pytest

import guards
from guards.matrix import MatrixCell
from guards.standing import StandingApproval
from guards.testing import NOON, frozen

ASKS = guards.RequireConfirmation(message="Sure?")
APPROVAL = guards.RequireApproval(any_of=("leads",))
BOT = guards.Actor("bot", is_bot=True)
GIVEN = StandingApproval(
    id="given",
    runbook="restart",
    action="demo.restart",
    service="demo",
    environment="dev",
    max=1,
    until=NOON + timedelta(days=1),
    by=("cora", "dev"),
)


@pytest.mark.parametrize(
    ("word", "guard", "changes", "expected"),
    [
        ("auto", None, {}, "allow"),
        ("confirm", ASKS, {}, "ask"),
        ("confirm", None, {}, "forbidden"),
        ("forbid", None, {}, "forbidden"),
        ("forbid", guards.Forbidden(reason="x"), {}, "forbidden"),
        ("typo", None, {}, "forbidden"),
        ("auto", None, {"environment": ""}, "missing_context"),
        ("auto", None, {"risk": ""}, "missing_context"),
        ("auto", None, {"action": ""}, "missing_context"),
        ("auto", None, {"environment": "prod"}, "wrong_cell"),
        ("auto", None, {"risk": "read"}, "wrong_cell"),
        ("auto", None, {"actor": None}, "allow"),
    ],
)
def test_a_cell_says_what_its_word_says(
    word: str, guard: guards.Guard | None, changes: dict[str, object], expected: str
) -> None:
    cell = MatrixCell(environment="dev", risk="safe", word=word, guard=guard)
    decision = guards.decide([cell], frozen(**changes))
    assert (decision.denials[0].code if decision.denials else decision.outcome) == expected


def test_T42_the_risk_forbidden_stays_forbidden() -> None:
    cell = MatrixCell(environment="dev", risk="forbidden", word="auto")
    assert guards.decide([cell], frozen(risk="forbidden")).denials[0].code == "forbidden"


@pytest.mark.parametrize(
    ("for_bot", "actor", "expected"),
    [
        (APPROVAL, BOT, "approval"),
        (None, BOT, "forbidden"),
        (APPROVAL, guards.Actor("ann"), "confirmation"),
        (None, guards.Actor("ann"), "confirmation"),
        (None, None, "confirmation"),
    ],
)
def test_what_a_bot_cannot_confirm_needs_approval(
    for_bot: guards.Guard | None, actor: guards.Actor | None, expected: str
) -> None:
    cell = MatrixCell(environment="dev", risk="safe", word="confirm", guard=ASKS, for_bot=for_bot)
    decision = guards.decide([cell], frozen(actor=actor))
    assert (decision.denials[0].code if decision.denials else decision.questions[0].kind) == expected


def test_a_cell_of_a_tier_is_good_for_that_tier_only() -> None:
    cell = MatrixCell(environment="dev", risk="safe", word="auto", tier=3, any_tier=False)
    assert guards.decide([cell], frozen(tier=3)).outcome == "allow"
    for other in (1, None):
        assert guards.decide([cell], frozen(tier=other)).denials[0].code == "wrong_cell"


def test_T34_a_word_that_depends_on_an_unknown_tier_refuses() -> None:
    cell = MatrixCell(environment="dev", risk="safe", word="", guard=ASKS, any_tier=False)
    (denial,) = guards.decide([cell], frozen(tier=None)).denials
    assert denial.code == "missing_context"
    assert "tier" in denial.reason


@pytest.mark.parametrize(
    ("word", "actor", "uses", "expected"),
    [
        ("approve", None, 0, "allow"),
        ("approve", None, 1, "ask"),
        ("confirm", BOT, 0, "allow"),
        ("confirm", None, 0, "ask"),
    ],
)
def test_a_standing_approval_answers_a_question_for_approval_only(
    word: str, actor: guards.Actor | None, uses: int, expected: str
) -> None:
    guard = ASKS if word == "confirm" else APPROVAL
    cell = MatrixCell(environment="dev", risk="safe", word=word, guard=guard, for_bot=APPROVAL, standing=(GIVEN, GIVEN))
    used = guards.PastAct("a", "b", "c", "d", "e", NOON, "failed", standing="given")
    decision = guards.decide([cell], frozen(actor=actor, runbook="restart", history=(used,) * uses))
    assert decision.outcome == expected
    assert decision.standing == ("given" if expected == "allow" else "")


def test_without_a_fitting_one_people_are_asked() -> None:
    cell = MatrixCell(environment="dev", risk="safe", word="approve", guard=APPROVAL, standing=(GIVEN,))
    assert guards.decide([cell], frozen(runbook="other")).outcome == "ask"


def test_a_large_tier_is_the_same_tier() -> None:
    cell = MatrixCell(environment="dev", risk="safe", word="auto", tier=1000, any_tier=False)
    assert guards.decide([cell], frozen(tier=int("1000"))).outcome == "allow"
    assert guards.decide([cell], frozen(tier=int("1001"))).denials[0].code == "wrong_cell"


def test_only_a_confirmation_is_asked_otherwise_of_the_bot() -> None:
    cell = MatrixCell(environment="dev", risk="safe", word="approve", guard=APPROVAL, for_bot=None)
    assert guards.decide([cell], frozen(actor=BOT)).outcome == "ask"


class Asking:
    """A guard of somebody else's that asks a question of this kind."""

    rule = "asking"

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def check(self, context: guards.Context) -> guards.Ask:
        return guards.Ask(self.kind, "Really?", 60.0, guards.Approvers(1, ("leads",)))

    def inputs(self, context: guards.Context) -> dict[str, object]:
        return {}


@pytest.mark.parametrize(("kind", "answered"), [("approval", True), ("all", False), ("confirmation", False)])
def test_P6_a_standing_approval_answers_approvals_only(kind: str, answered: bool) -> None:
    word = "".join(list(kind))  # another object with the same letters
    cell = MatrixCell(environment="dev", risk="safe", word="approve", guard=Asking(word), standing=(GIVEN,))
    verdict = cell.check(frozen(runbook="restart"))
    assert isinstance(verdict, guards.Allow) is answered
