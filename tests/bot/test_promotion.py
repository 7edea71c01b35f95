"""Promotion: every piece of evidence, and what is said when it is missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.config import PromotionSettings
from bot.promotion import Found, Piece, Wish, examine, in_a_row
from bot.roster import OPERATIONS
from bot.services import People
from bot.store.trials import Setback, Trial
from guards.policy import Policy
from runbooks.ladder import Ladder
from runbooks.lint import Finding
from runbooks.load import BUILTIN, load_catalog, load_runbook
from tests.fakes.equipment import PEOPLE, POLICY

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DIGEST = "a" * 64
LADDER = Ladder("dev", ("dev", "staging", "prod"))
RUNBOOK = load_catalog([BUILTIN]).runbooks["restart-service"]
SHORT = 'id: wipe\ncommand: "redis-cli FLUSHDB"\nexpect: [{pattern: "OK"}]\nsafety: {scopes: [staging]}\n'
WISH = Wish(RUNBOOK, DIGEST, "prod", "https://example.com/game-days/1", "cora", "")


def trial(hours_ago: float, outcome: str = "succeeded", steps: frozenset[str] = frozenset({"restart"})) -> Trial:
    return Trial(f"run_{hours_ago:g}", NOW - timedelta(hours=hours_ago), outcome, steps)


GOOD = Found((), (("it restarts", ()),), (trial(30), trial(2), trial(1)), None)


def pieces(wish: Wish = WISH, found: Found = GOOD, ladder: Ladder = LADDER, **given: Any) -> dict[str, Piece]:
    settings = PromotionSettings.model_validate(given)
    policy, people = Policy.from_mapping(POLICY), People.model_validate(PEOPLE)
    told = examine(wish, found, ladder, settings, policy, people, dict(OPERATIONS), NOW)
    return {piece.name: piece for piece in told}


def missing(**given: Any) -> list[str]:
    return [name for name, piece in pieces(**given).items() if not piece.there]


def test_with_everything_there_nothing_is_missing() -> None:
    assert missing() == []


CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("environment", {"wish": replace(WISH, environment="moon")}, "knows no environment 'moon'", "dev, prod, staging"),
    ("environment", {"wish": replace(WISH, environment="dev")}, "asks for no record", "use it there"),
    ("environment", {"ladder": Ladder("dev")}, "which environment is below prod", "promotion: {ladder: [dev, ..., prod]}"),
    ("who", {"wish": replace(WISH, by="")}, "Nobody is named", "--by"),
    ("who", {"wish": replace(WISH, by="eve")}, "'eve' is not in people.yaml", "--by"),
    ("evidence", {"wish": replace(WISH, evidence_url="http://example.com")}, "no https address", "--evidence-url"),
    ("evidence", {"wish": replace(WISH, evidence_url="https://a:b@example.com/")}, "no https address", "--evidence-url"),
    ("evidence", {"wish": replace(WISH, evidence_url="https://example.com/a\nb")}, "no https address", "--evidence-url"),
    ("evidence", {"wish": replace(WISH, evidence_url="https://example.com/" + "a" * 2000)}, "no https", "--evidence-url"),
    ("lint", {"found": replace(GOOD, lint=(Finding("x", "error", "no verify.", "add it."),))}, "no verify.", "add it."),
    ("tests", {"found": replace(GOOD, tests=(("t", ("step: expected a",)), ("u", ())))}, "1 of 2", "runbookctl test"),
    ("runs", {"found": replace(GOOD, trials=(trial(30), trial(2)))}, "2 of 3 successful runs", "1 more time."),
    ("runs", {"found": replace(GOOD, trials=())}, "0 of 3", "3 more times."),
    ("age", {"found": replace(GOOD, trials=(trial(3), trial(2), trial(1)))}, "3 h ago", "2026-11-22 09:00 UTC"),
    ("evidence", {"wish": replace(WISH, evidence_url="https://example.com/\x1b[2J")}, "no https", "--evidence-url"),
    ("reason", {"wish": replace(WISH, reason="x" * 501)}, "501 characters", "500"),
    ("reason", {"wish": replace(WISH, reason="why\u202enot")}, "invisible character", "Type it anew"),
    ("reason", {"found": replace(GOOD, setback=Setback("run_9", "prod", NOW, "rolled_back"))}, "run_9 ended", "--reason"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "given", "said", "remedy"), CASES)
def test_a_missing_piece_says_what_would_make_it_there(
    name: str, given: dict[str, Any], said: str, remedy: str
) -> None:
    piece = pieces(**given)[name]
    assert not piece.there
    assert said in piece.said
    assert remedy in piece.remedy


def test_T41_a_failure_begins_the_counting_anew() -> None:
    failed = (trial(50), trial(40), trial(35), trial(30, "failed"), trial(20), trial(10))
    assert [one.run_id for one in in_a_row(failed)] == ["run_20", "run_10"]
    piece = pieces(found=replace(GOOD, trials=failed))["runs"]
    assert "since run_30 failed on 2026-11-20 06:00 UTC" in piece.said
    assert in_a_row((trial(30), trial(1, "unknown"))) == ()


def test_runs_that_changed_nothing_do_not_count() -> None:
    looked = tuple(trial(hours, steps=frozenset()) for hours in (30, 20, 10))
    assert missing(found=replace(GOOD, trials=looked)) == ["runs", "age", "steps"]


def test_every_step_that_changes_something_was_carried_out_at_least_once() -> None:
    other = tuple(trial(hours, steps=frozenset({"other"})) for hours in (30, 20, 10))
    assert "never carried out in those runs: restart" in pieces(found=replace(GOOD, trials=other))["steps"].said


def test_what_is_asked_for_is_a_setting() -> None:
    assert missing(found=replace(GOOD, trials=(trial(0.5),)), runs=1, min_age="15m") == []


def test_R2_without_a_word_about_undoing_it_the_short_form_stays_below_production() -> None:
    wipe = load_runbook(SHORT, "wipe.yaml")
    tried = tuple(trial(hours, steps=frozenset({"run"})) for hours in (30, 20, 10))
    found = replace(GOOD, trials=tried)
    assert missing(wish=replace(WISH, runbook=wipe), found=found) == ["runbook"]
    stated = load_runbook(SHORT + "rollback: none\n", "wipe.yaml")
    assert missing(wish=replace(WISH, runbook=stated), found=found) == []
    assert missing(wish=replace(WISH, runbook=wipe, environment="staging"), found=found) == []


def test_what_waits_for_an_adapter_or_only_reads_is_not_promoted() -> None:
    waits = RUNBOOK.model_copy(update={"waits_for": ("kubernetes",)})
    assert missing(wish=replace(WISH, runbook=waits)) == ["runbook"]
    reads = load_catalog([BUILTIN]).runbooks["check-service"]
    assert "steps" in missing(wish=replace(WISH, runbook=reads))


def test_a_failure_needs_a_reason_and_then_it_is_told() -> None:
    found = replace(GOOD, setback=Setback("run_9", "prod", NOW, "failed"))
    piece = pieces(wish=replace(WISH, reason="The database was down."), found=found)["reason"]
    assert piece.there
    assert piece.said.endswith("(failed); The database was down.")
