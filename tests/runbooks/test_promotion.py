"""Promotions: without a record of this very digest nothing goes above the lowest environment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from guards.decision import Deny
from runbooks.digest import digest
from runbooks.folder import Problem
from runbooks.ladder import Ladder
from runbooks.load import load_runbook
from runbooks.promotion import (
    Promotion,
    Withdrawal,
    above_lowest,
    file_name,
    honoured,
    load_promotions,
    new_record,
    parse_promotion,
    promoted,
    record_text,
)

DIGEST = "a" * 64
AT = datetime(2026, 1, 2, tzinfo=UTC)
LADDER = Ladder("dev", ("dev", "staging", "prod"), frozenset({"qa"}))
RECORD = Promotion(
    id="demo", env="staging", digest=DIGEST, evidence_url="https://example.test/run/1", runs=3, who="ana", when=AT
)
TAKEN = RECORD.model_copy(
    update={"withdrawn": Withdrawal(by="ben", when=AT + timedelta(days=1), why="it made it worse")}
)


def test_T41_the_record_of_this_runbook_digest_and_environment_is_needed() -> None:
    assert promoted("demo", DIGEST, "staging", [RECORD], LADDER) is RECORD
    for runbook, version, environment in [
        ("other", DIGEST, "staging"),
        ("demo", "b" * 64, "staging"),
        ("demo", DIGEST, "prod"),
        ("demo", DIGEST, ""),
        ("demo", "", "staging"),
    ]:
        answer = promoted(runbook, version, environment, [RECORD], LADDER)
        assert isinstance(answer, Deny)
        assert answer.code == "not_promoted"
        assert "runbookctl promote --action" in answer.remedy


def test_T41_the_lowest_and_exempt_environments_need_none() -> None:
    assert promoted("demo", DIGEST, "dev", [], LADDER) is None
    assert promoted("demo", DIGEST, "qa", [], LADDER) is None
    assert isinstance(promoted("demo", DIGEST, "", [], Ladder("", (), frozenset({""}))), Deny)


def test_a_refusal_says_which_of_the_three_it_is() -> None:
    for records, words in [
        ([], "has no promotion record for staging"),
        (
            [RECORD.model_copy(update={"digest": "b" * 64})],
            "is not the version that was promoted to staging (bbbbbbbbbbbb)",
        ),
        ([TAKEN], "was withdrawn by ben on 2026-01-03: it made it worse"),
    ]:
        answer = promoted("demo", DIGEST, "staging", records, LADDER)
        assert isinstance(answer, Deny)
        assert words in answer.reason


def test_T41_a_withdrawal_ends_every_record_that_is_not_newer_wherever_it_lies() -> None:
    newer = RECORD.model_copy(update={"when": AT + timedelta(days=2)})
    assert honoured([TAKEN], "demo", DIGEST, "staging") is None
    assert honoured([RECORD, TAKEN], "demo", DIGEST, "staging") is None
    assert honoured([newer, TAKEN], "demo", DIGEST, "staging") is newer
    assert honoured([RECORD, newer], "demo", DIGEST, "staging") is newer
    same = RECORD.model_copy(update={"when": AT + timedelta(days=1)})
    assert honoured([same, TAKEN], "demo", DIGEST, "staging") is None


def test_records_are_written_and_read_back(tmp_path: Path, long_text: str) -> None:
    runbook = load_runbook(long_text, "demo.yaml")
    why = 'as we agreed: "yes" 👍\n# no comment'
    made = new_record("demo", DIGEST, "prod", "https://example.test/1", 4, "ana", AT, tried_in="staging", why=why)
    (tmp_path / file_name("demo", "prod")).write_text(record_text(made), encoding="utf-8")
    (tmp_path / file_name("demo", "staging")).write_text(record_text(TAKEN), encoding="utf-8")
    good, problems = load_promotions([tmp_path, tmp_path / "none"])
    assert problems == ()
    assert good == (made, TAKEN)
    assert above_lowest(runbook, "dev") == ("prod", "staging")


def test_T41_a_promotion_outlives_changes_of_comments_and_tests(long_text: str) -> None:
    before = digest(load_runbook(long_text, "demo.yaml"))
    tests = "tests:\n  - name: it is well\n    incident: {title: ServiceDown}\n    expect: {no_step: needed}\n"
    assert digest(load_runbook(f"# reviewed\n{long_text}\n{tests}", "other.yaml")) == before


def test_a_record_with_another_files_name_promotes_nothing(tmp_path: Path) -> None:
    (tmp_path / "harmless.dev.yaml").write_text(record_text(RECORD), encoding="utf-8")
    good, problems = load_promotions([tmp_path])
    assert good == ()
    assert "demo.staging.yaml" in problems[0].fix


WRONG = [
    ("digest: abc", "digest"),
    ("evidence_url: javascript:alert(1)", "evidence_url"),
    ("evidence_url: http://example.test/1", "evidence_url"),
    ("evidence_url: https://ana:secret@example.test/1", "evidence_url"),
    ("runs: '3'", "runs"),
    ("when: 2026-01-02T00:00:00", "when"),
    ("env: '*'", "plain name"),
    ("runs: -1", "runs"),
    ("extra: 1", "extra"),
    ("withdrawn: true", "withdrawn"),
]


@pytest.mark.parametrize(("line", "words"), WRONG)
def test_T41_a_wrong_record_promotes_nothing(line: str, words: str) -> None:
    key = line.split(":", maxsplit=1)[0]
    written = RECORD.model_dump(mode="json", exclude_none=True)
    kept = [f"{name}: {value!r}" for name, value in written.items() if name != key]
    answer = parse_promotion("\n".join([*kept, line]), "x.yaml")
    assert isinstance(answer, Problem)
    assert words in answer.message


@pytest.mark.parametrize("text", ["", "- a\n", "a: &x 1\n", "null"])
def test_anything_else_is_a_problem(text: str) -> None:
    assert isinstance(parse_promotion(text, "x.yaml"), Problem)
