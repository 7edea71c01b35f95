from __future__ import annotations

from collections import Counter

import pytest

from guards.context import Context
from guards.decision import Approvers, Ask, Decision, Deny
from guards.policy import Policy
from trust import lattice
from trust.compare import KEPT, Disagreement, Tally, as_judgement, as_question, compare, differ, word
from trust.oracle import Judgement
from trust.oracle_words import Question

QUESTION = Question("approval", 60.0, 2, frozenset({"leads"}), frozenset({"sre"}))
ALLOW = Judgement("allow", frozenset(), frozenset())
ASK = Judgement("ask", frozenset(), frozenset({QUESTION}))
DENY = Judgement("deny", frozenset({"frozen"}), frozenset())


@pytest.mark.parametrize(
    "said,decided,kind",
    [
        (ALLOW, ALLOW, ""),
        (DENY, ALLOW, "wrong allow"),
        (ASK, ALLOW, "wrong allow"),
        (DENY, ASK, "wrong ask"),
        (ALLOW, DENY, "wrong deny"),
        (ASK, DENY, "wrong deny"),
        (ALLOW, ASK, "wrong question"),
        (DENY, DENY._replace(codes=frozenset({"frozen", "forbidden"})), "codes"),
        (ASK, ASK._replace(questions=frozenset({QUESTION._replace(people=1)})), "questions"),
    ],
)
def test_how_both_differ(said: Judgement, decided: Judgement, kind: str) -> None:
    assert differ(said, decided) == kind


def test_a_decision_in_the_words_of_the_oracle() -> None:
    asked = Ask("approval", "Approve?", 60.0, Approvers(2, ("leads",), ("sre",)))
    assert as_question(asked) == QUESTION
    assert as_question(Ask("confirmation", "Run?", 30.0)).people == 0
    assert as_judgement(Decision("ask", (), (asked,), ())) == ASK
    assert as_judgement(Decision("deny", (Deny("frozen", "r", "m"),), (), ())) == DENY


def test_what_was_reached_is_counted() -> None:
    reached: Counter[str] = Counter()
    name, context = lattice.at(0)
    written = lattice.policy(name)
    kind, said, _ = compare(written, Policy.from_mapping(written), context, (), reached)
    assert not kind
    assert reached[said.outcome] == 1
    assert reached["scopes: allow"] == 1
    empty, *_ = compare(written, Policy.from_mapping(written), Context(), (), reached)
    assert not empty
    assert reached["scopes: missing_context"] == 1


def test_a_tally_keeps_a_few_and_counts_all() -> None:
    tally, other = Tally(), Tally(cases=3)
    for number in range(KEPT + 5):
        other.note(Disagreement("codes", str(number), ""))
    tally.add(other)
    assert (tally.cases, tally.kinds["codes"], len(tally.kept)) == (3, KEPT + 5, KEPT)


def test_verdicts_in_one_word() -> None:
    assert [word(verdict) for verdict in (None, "frozen", QUESTION)] == ["allow", "frozen", "approval"]
