"""guards/require_approval.py."""

from __future__ import annotations

import pytest

import guards
from guards.require_approval import approval_or_refusal
from guards.testing import answer_yes, frozen


def test_it_asks_other_people() -> None:
    fn = guards.require_approval(count=2, any_of=["b", "a"], all_of=["c"], timeout="15m", message="Scale?")(lambda: 1)
    decision = guards.explain(fn, frozen())
    approvers = guards.Approvers(2, ("a", "b"), ("c",))
    assert decision.questions == (guards.Ask("approval", "Scale?", 900.0, approvers),)
    assert decision.trace[0].inputs["actor"] == "tester"
    assert guards.explain(fn, frozen(actor=None)).trace[0].inputs["actor"] == ""
    with guards.use(frozen(ask=answer_yes)):
        assert fn() == 1


def test_T10_T43_without_groups_it_asks_nobody() -> None:
    (question,) = guards.explain(guards.require_approval()(lambda: 1), frozen()).questions
    assert question.approvers == guards.Approvers(1)
    assert question.approvers is not None
    vote = guards.Vote("ann", approve=True, groups=frozenset({"oncall", ""}))
    assert guards.tally(question.approvers, [vote], "bob").state == "pending"


@pytest.mark.parametrize("wrong", [{"count": 0}, {"any_of": ["*"]}, {"all_of": [""]}, {"timeout": 0}, {"message": ""}])
def test_T34_wrong_options_are_errors_at_decoration(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="require_approval"):
        guards.require_approval(**wrong)  # type: ignore[arg-type]  # reason: wrong on purpose


@pytest.mark.parametrize("wrong", [{"count": True}, {"any_of": "leads"}, {"timeout": None}])
def test_T34_wrong_types_are_errors_at_decoration(wrong: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        guards.require_approval(**wrong)  # type: ignore[arg-type]  # reason: wrong on purpose


def test_T43_where_nobody_may_approve_it_is_forbidden() -> None:
    question = guards.RequireApproval(any_of=("leads",))
    assert approval_or_refusal(question, frozen(), "It is big") == question.check(frozen())
    for environment, told in (("dev", "dev"), ("", "this environment")):
        refusal = approval_or_refusal(None, frozen(environment=environment), "It is big")
        assert isinstance(refusal, guards.Deny)
        assert (refusal.code, refusal.reason) == ("forbidden", f"It is big, and {told} has no approvers.")
