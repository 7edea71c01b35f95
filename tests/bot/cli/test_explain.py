"""`explain`: a recorded run or incident, or situations from files; exit 1 for nothing recorded, 2 for a wrong file."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.situation import Situation
from bot.store import decisions, proposals
from bot.store.decisions import RecordedDecision
from bot.store.proposals import Proposal
from bot.store.session import Store
from guards.policy import Policy
from guards.recording import decision_data, to_data
from tests.bot.cli.conftest import Command

SITUATIONS = Path(__file__).resolve().parents[3] / "docs" / "situations"
POLICY = str(SITUATIONS / "policy.yaml")
RESTART, SECOND = (
    str(SITUATIONS / f"{name}.yaml") for name in ("02-restart-in-prod", "03-second-restart-within-the-hour")
)
AT = datetime(2026, 11, 17, 10, tzinfo=UTC)


def record(installation: Path, policy: Policy, situations: Sequence[Situation]) -> None:
    """Put the decisions about these situations into the installation's database, all of run_1 and inc_1."""

    async def write() -> None:
        async with await Store.open(f"sqlite:///{installation / 'state' / 'countersign.db'}") as store:
            for situation in situations:
                context = situation.context(policy)
                decision = policy.decide(context)
                made = RecordedDecision(
                    at=situation.at, incident_id="inc_1", run_id="run_1", step_id="restart", phase="asked",
                    runbook="restart-service", service=context.service, environment=context.environment,
                    action=context.action, actor="ana", outcome=decision.outcome, policy_digest=policy.digest,
                    looked_back=3600.0, context=to_data(context), findings=decision_data(decision),
                )  # fmt: skip
                await store.write(lambda session, made=made: decisions.add(session, made))

    asyncio.run(write())


def situation(name: str) -> Situation:
    from bot.config import parse
    from bot.config_file import read_yaml

    path = Path(name)
    return parse(Situation, read_yaml(path), path)


@pytest.fixture
def policy() -> Policy:
    from bot.config_file import read_yaml

    return Policy.from_mapping(read_yaml(Path(POLICY)))


@pytest.mark.parametrize("subject", ["run_1", "inc_1"])
def test_a_run_is_told_as_it_was_decided(runbookctl: Command, installation: Path, policy: Policy, subject: str) -> None:
    record(installation, policy, [situation(SECOND)])
    told = runbookctl("explain", subject)
    assert (told.code, told.err) == (0, "")
    assert told.out.startswith("⛔ REFUSED (rate_limited)  restart-service, step restart, on payments in prod")
    assert "run_1, 2026-11-17 10:00:00 UTC, asked by ana, policy " in told.out
    assert "→ Wait until 2026-11-17T10:40:00+00:00" in told.out


def test_every_decision_of_the_run_is_told(runbookctl: Command, installation: Path, policy: Policy) -> None:
    record(installation, policy, [situation(RESTART), situation(SECOND)])
    told = json.loads(runbookctl("explain", "run_1", "--json").out)["decisions"]
    assert [one["outcome"] for one in told] == ["ask", "deny"]
    assert told[1]["codes"] == ["rate_limited"]
    assert {finding["rule"] for finding in told[0]["findings"]} >= {"matrix", "freeze", "rate_limit"}
    newest_first = json.loads(runbookctl("explain", "inc_1", "--json").out)["decisions"]
    assert [one["outcome"] for one in newest_first] == ["deny", "ask"]


@pytest.mark.parametrize("subject", ["run_9", "inc_9"])
def test_nothing_recorded_is_exit_1(runbookctl: Command, installation: Path, subject: str) -> None:
    told = runbookctl("explain", subject)
    assert (told.code, told.out) == (1, "")
    assert f"no decision about {subject} is recorded. Fix: " in told.err


def test_a_situation_without_a_policy_says_what_to_add(
    runbookctl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COUNTERSIGN_CONFIG", raising=False)
    told = runbookctl("explain", "--situation", SECOND)
    assert (told.code, told.out) == (2, "")
    assert "no policy is named" in told.err
    assert "Fix: add --policy policy.yaml" in told.err


def test_situations_need_no_installation(runbookctl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COUNTERSIGN_CONFIG", raising=False)
    told = runbookctl("explain", "--policy", POLICY, "--situation", SECOND, "--situation", RESTART)
    assert (told.code, told.err) == (0, "")
    first, second = told.out.split("\n\n")
    assert first.startswith("⛔ REFUSED (rate_limited)  A second restart within the hour is refused\n")
    assert second.startswith("🟠 PEOPLE ARE ASKED  The same in prod: somebody else must approve\n")
    assert "→ 1 of leads or payments-oncall, within 15 min" in second
    assert first.index("rate_limit ") < first.index("matrix") < first.index("✓")


def test_a_situation_is_judged_by_the_configured_policy(runbookctl: Command, installation: Path) -> None:
    told = runbookctl("explain", "--situation", RESTART, "--json")
    assert told.code == 0
    (one,) = json.loads(told.out)["decisions"]
    assert (one["file"], one["outcome"]) == ("02-restart-in-prod.yaml", "ask")


@pytest.mark.parametrize(
    ("text", "place"),
    [("version: [", "s.yaml"), ("who: {id: ana}\nnonsense: 1\n", "s.yaml"), ("- 1\n", "s.yaml"), (None, "s.yaml")],
)
def test_a_wrong_situation_is_exit_2_with_place_and_fix(
    runbookctl: Command, tmp_path: Path, text: str | None, place: str
) -> None:
    path = tmp_path / "s.yaml"
    if text is not None:
        path.write_text(text)
    told = runbookctl("explain", "--policy", POLICY, "--situation", str(path))
    assert (told.code, told.out) == (2, "")
    assert place in told.err
    assert "Fix: " in told.err


def test_a_wrong_policy_is_exit_2_with_place_and_fix(runbookctl: Command, tmp_path: Path) -> None:
    path = tmp_path / "new.yaml"
    path.write_text(Path(POLICY).read_text().replace("read: auto", "read: maybe", 1))
    told = runbookctl("explain", "--policy", str(path), "--situation", RESTART)
    assert (told.code, told.out) == (2, "")
    assert "new.yaml: matrix.dev.read" in told.err
    assert "Fix: " in told.err


@pytest.mark.parametrize("words", [[], ["run_1", "--situation", RESTART], ["run_1", "--policy", POLICY]])
def test_it_is_one_or_the_other(runbookctl: Command, installation: Path, words: list[str]) -> None:
    assert runbookctl("explain", *words).code == 2


def test_R6_an_incident_says_why_this_runbook_and_not_the_others(runbookctl: Command, installation: Path) -> None:
    async def write() -> None:
        async with await Store.open(f"sqlite:///{installation / 'state' / 'countersign.db'}") as store:
            others = [
                {"runbook": "restart-service", "score": 0.94, "reasons": ["the alert is ServiceDown"], "blocked": ""},
                {"runbook": "drain-node", "score": 0.9, "reasons": ["x"], "blocked": "it waits for kubernetes"},
            ]
            made = Proposal(
                id="prop_1", incident_id="inc_1", runbook="restart-service", step_id="restart", why="w", state="open",
                plan=None, score=0.94, reasons=[], alternatives=others, created_at=AT,
            )  # fmt: skip
            await store.write(lambda session: proposals.save(session, made))

    asyncio.run(write())
    told = runbookctl("explain", "inc_1")
    assert told.code == 0
    assert "▸ restart-service" in told.out
    assert "94%  the alert is ServiceDown" in told.out
    assert "not: it waits for kubernetes" in told.out
    found = json.loads(runbookctl("explain", "inc_1", "--json").out)
    assert [one["offered"] for one in found["ranking"]] == [True, False]
