"""guards/errors.py: what a refusal tells."""

from __future__ import annotations

import guards
from guards.testing import frozen


def test_a_denial_tells_code_reason_and_remedy() -> None:
    decision = guards.decide([guards.AllowedEnvs(("dev",))], frozen(environment="prod"))
    refusal = guards.Denied(decision)
    assert refusal.code == "wrong_environment"
    assert "prod is not one of" in str(refusal)
    assert "promoted" in str(refusal)
    assert isinstance(refusal, guards.Refused)


def test_a_question_that_got_no_yes_is_told() -> None:
    decision = guards.decide([guards.RequireConfirmation(message="Sure?")], frozen())
    for kind, code in ((guards.Declined, "declined"), (guards.TimedOut, "timed_out"), (guards.Refused, "refused")):
        refusal = kind(decision, decision.questions[0])
        assert refusal.code == code
        assert str(refusal) == "Refused: Sure?"
    assert str(guards.Refused(decision)) == "Refused: refused"


def test_the_code_is_that_of_the_first_denial() -> None:
    first, second = guards.Deny("first", "No.", "Do not."), guards.Deny("second", "No.", "Do not.")
    assert guards.Denied(guards.Decision("deny", (first, second), (), ())).code == "first"
