"""`runbookctl demote`: a promotion is taken back by hand, and its file says who and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config import load
from bot.policy_inputs import make_promotions
from guards.decision import Deny
from guards.policy import Policy
from runbooks.promotion import Promotion, parse_promotion
from tests.bot.cli.conftest import Command

WORDS = ("demote", "--action", "restart-service", "--env", "prod")


@pytest.fixture
def record(installation: Path) -> Path:
    (installation / "state").mkdir()
    return installation / "runbooks" / "promotions" / "restart-service.prod.yaml"


def test_the_record_stays_and_no_longer_counts(installation: Path, record: Path, runbookctl: Command) -> None:
    found = load(installation / "countersign.yaml", {})
    records = make_promotions(found, Policy.from_mapping(found.policy))
    before = parse_promotion(record.read_text(encoding="utf-8"), "x")
    assert isinstance(before, Promotion)
    assert records.promoted("restart-service", before.digest, "prod") == before
    told = runbookctl(*WORDS, "--by", "cora", "--reason", "It hid a leak: twice.")
    assert (told.code, told.err) == (0, "")
    assert "Withdrawn: restart-service" in told.out
    after = parse_promotion(record.read_text(encoding="utf-8"), "x")
    assert isinstance(after, Promotion)
    assert after.withdrawn is not None
    assert (after.withdrawn.by, after.withdrawn.why) == ("cora", "It hid a leak: twice.")
    records.refresh()
    answer = records.promoted("restart-service", before.digest, "prod")
    assert isinstance(answer, Deny)
    assert "It hid a leak: twice." in answer.reason


def test_a_second_time_there_is_nothing_to_withdraw(record: Path, runbookctl: Command) -> None:
    assert runbookctl(*WORDS, "--by", "cora", "--reason", "It hid a leak.").code == 0
    text = record.read_text(encoding="utf-8")
    told = runbookctl(*WORDS, "--by", "cora", "--reason", "It hid a leak.")
    assert told.code == 1
    assert (
        f"no promotion of restart-service to prod to withdraw; the records are in {record.parent}"
        in told.out.replace("\n", " ")
    )
    assert record.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("by", "reason", "code"),
    [("eve", "because", 1), ("cora", " ", 2), ("cora", "x" * 501, 2), ("cora", "why\u202enot", 2)],
)
def test_it_needs_somebody_known_and_a_sentence(
    record: Path, runbookctl: Command, by: str, reason: str, code: int
) -> None:
    text = record.read_text(encoding="utf-8")
    told = runbookctl(*WORDS, "--by", by, "--reason", reason)
    assert told.code == code
    assert code == 2 or f"{by} is not in people.yaml. Fix: write your own id" in told.err
    assert record.read_text(encoding="utf-8") == text


def test_a_link_in_the_place_of_the_record_is_not_written_through(
    installation: Path, record: Path, runbookctl: Command
) -> None:
    real = record.with_name("real.txt")
    record.rename(real)
    record.symlink_to(real)  # a mounted ConfigMap has links like this, and they are read
    before = real.read_bytes()
    told = runbookctl(*WORDS, "--by", "cora", "--reason", "It hid a leak.")
    assert told.code == 2
    assert "is a link" in told.err
    assert real.read_bytes() == before


def test_what_lies_under_the_name_of_the_fresh_file_is_not_written_through(
    installation: Path, record: Path, runbookctl: Command
) -> None:
    victim = installation / "victim.txt"
    victim.write_text("keep me", encoding="utf-8")
    record.with_suffix(".new").symlink_to(victim)
    assert runbookctl(*WORDS, "--by", "cora", "--reason", "It hid a leak.").code == 0
    assert victim.read_text(encoding="utf-8") == "keep me"
    assert not record.is_symlink()
    assert "withdrawn" in record.read_text(encoding="utf-8")
