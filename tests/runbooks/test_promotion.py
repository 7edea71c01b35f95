"""Promotions: without a record of this very digest nothing goes above the lowest environment."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from guards.decision import Deny
from runbooks.folder import Problem
from runbooks.load import load_runbook
from runbooks.promotion import Promotion, above_lowest, load_promotions, parse_promotion, promoted, record_text

DIGEST = "a" * 64
RECORD = Promotion(
    id="demo",
    env="staging",
    digest=DIGEST,
    evidence_url="https://example.test/run/1",
    runs=3,
    who="ana",
    when=datetime(2026, 1, 2, tzinfo=UTC),
)


def test_T41_a_record_of_this_digest_and_environment_is_needed() -> None:
    assert promoted(DIGEST, "staging", [RECORD], "dev") is None
    for digest, environment in [("b" * 64, "staging"), (DIGEST, "prod"), (DIGEST, ""), ("", "staging")]:
        answer = promoted(digest, environment, [RECORD], "dev")
        assert isinstance(answer, Deny)
        assert answer.code == "not_promoted"


def test_T41_the_lowest_and_exempt_environments_need_none() -> None:
    assert promoted(DIGEST, "dev", [], "dev") is None
    assert promoted(DIGEST, "staging", [], "dev", exempt_environments={"staging"}) is None
    assert promoted(DIGEST, "", [], "", exempt_environments={""}) is not None


def test_records_are_written_and_read_back(tmp_path: Path, long_text: str) -> None:
    runbook = load_runbook(long_text, "demo.yaml")
    text = record_text(runbook, DIGEST, "prod", "https://example.test/1", 4, "ana", datetime(2026, 1, 2, tzinfo=UTC))
    (tmp_path / "demo.prod.yaml").write_text(text, encoding="utf-8")
    good, problems = load_promotions([tmp_path, tmp_path / "none"])
    assert problems == ()
    assert (good[0].id, good[0].env, good[0].runs) == ("demo", "prod", 4)
    assert above_lowest(runbook, "dev") == ("prod", "staging")


WRONG = [
    ("digest: abc", "digest"),
    ("evidence_url: javascript:alert(1)", "evidence_url"),
    ("runs: '3'", "runs"),
    ("when: 2026-01-02T00:00:00", "when"),
    ("env: '*'", "plain name"),
    ("runs: -1", "runs"),
    ("extra: 1", "extra"),
]


@pytest.mark.parametrize(("line", "words"), WRONG)
def test_T41_a_wrong_record_promotes_nothing(line: str, words: str) -> None:
    key = line.split(":", maxsplit=1)[0]
    kept = [f"{name}: {value}" for name, value in RECORD.model_dump(mode="json").items() if name != key]
    answer = parse_promotion("\n".join([*kept, line]), "x.yaml")
    assert isinstance(answer, Problem)
    assert words in answer.message


@pytest.mark.parametrize("text", ["", "- a\n", "a: &x 1\n", "null"])
def test_anything_else_is_a_problem(text: str) -> None:
    assert isinstance(parse_promotion(text, "x.yaml"), Problem)
