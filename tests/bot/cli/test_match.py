"""`match`: what fits and why, what does not and why not; wrong input is a sentence and exit 2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.cli.match import MOST, VERDICTS, verdict_of
from runbooks.match import Obstacle, Ranked
from runbooks.model import Runbook
from tests.bot.cli.conftest import Command
from tests.runbooks.conftest import LONG

PAYLOADS = Path(__file__).resolve().parents[4] / "shared" / "payloads" / "pagerduty"
OOM = LONG.replace("id: demo", "id: heap").replace(
    "match:", 'match:\n  signatures: ["OutOfMemoryError"]\n  labels: {app: shop}'
)
WAITS = LONG.replace("id: demo", "id: drain").replace("owner: sre", "owner: sre\nwaits_for: [kubernetes]")


@pytest.fixture
def books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of runbooks, and no configuration anywhere."""
    monkeypatch.delenv("COUNTERSIGN_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "books"
    folder.mkdir()
    for name, text in {"demo": LONG, "heap": OOM, "drain": WAITS}.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    (folder / "cache.yaml").write_text("id: cache\ncommand: uptime\nsafety: {scopes: [dev]}\n", encoding="utf-8")
    return folder


def _told(runbookctl: Command, *words: str) -> tuple[int, dict[str, dict[str, Any]]]:
    told = runbookctl("match", *words, "--json")
    found = json.loads(told.out)
    return told.code, {one["id"]: one for one in found["runbooks"]}


def test_R6_what_fits_and_why_and_why_not_the_others(runbookctl: Command, books: Path) -> None:
    words = ("--runbooks", str(books), "--alert-name", "ServiceDown", "--symptom", "service down")
    code, found = _told(runbookctl, *words, "--fact", "health.status=503")
    assert code == 0
    assert {name: one["verdict"] for name, one in found.items()} == {
        "demo": "offered", "drain": "blocked", "heap": "blocked", "cache": "no_match",
    }  # fmt: skip
    assert found["demo"]["reasons"][0] == "the alert is ServiceDown"
    assert "kubernetes" in found["drain"]["blocked"]
    assert found["heap"]["blocked"] == "the label app is not shop"


def test_R6_a_known_error_in_a_log_line_comes_first(runbookctl: Command, books: Path) -> None:
    code, found = _told(
        runbookctl, "--runbooks", str(books), "--symptom", "service down", "--label", "app=shop",
        "--log-line", "fine", "--log-line", "java.lang.OutOfMemoryError", "--fact", "health.status=503",
    )  # fmt: skip
    assert code == 0
    assert next(iter(found)) == "heap"
    assert found["heap"]["reasons"][0] == 'log line 2 has the known error "OutOfMemoryError"'
    assert found["heap"]["score"] > found["demo"]["score"]


def test_without_facts_it_says_which_are_needed(runbookctl: Command, books: Path) -> None:
    told = runbookctl("match", "--runbooks", str(books), "--symptom", "service down")
    assert told.code == 0
    assert "FITS, BUT A FACT DECIDES (1)" in told.out
    assert "--fact health.status=…" in told.out


def test_nothing_that_fits_is_exit_1_and_still_an_answer(runbookctl: Command, books: Path) -> None:
    told = runbookctl("match", "--runbooks", str(books), "--symptom", "certificate ends", "--fact", "health.status=1")
    assert told.code == 1
    assert "NOTHING SPEAKS FOR (4)" in told.out
    assert 'the words "service down", "elevated 5xx"' in told.out


def test_a_condition_that_does_not_hold_is_said_with_what_was_seen(runbookctl: Command, books: Path) -> None:
    told = runbookctl(
        "match", "--runbooks", str(books), "--service", "payments", "--symptom", "service down",
        "--fact", "health.status=200",
    )  # fmt: skip
    assert told.code == 1
    assert "does not hold (health.status is 200)" in told.out
    assert "payments in " in told.out


def test_with_a_configuration_the_service_is_looked_up_in_its_catalogue(
    runbookctl: Command, installation: Path
) -> None:
    told = runbookctl("match", "--service", "payments", "--symptom", "elevated 5xx")
    assert told.code == 0
    assert "countersign.yaml" in told.out
    assert "restart-service" in told.out
    unknown = runbookctl("match", "--service", "nobody", "--symptom", "x")
    assert unknown.code == 2
    assert "payments" in unknown.err


def test_a_pagerduty_delivery_is_read_as_the_bot_reads_it(runbookctl: Command, books: Path) -> None:
    path = PAYLOADS / "incident.triggered.json"
    if not path.is_file():
        pytest.skip("../shared/payloads is not there")
    told = runbookctl("match", "--runbooks", str(books), "--alert", str(path), "--json")
    found = json.loads(told.out)
    assert found["situation"]["title"] == "Test Incident 3"
    assert found["situation"]["labels"]["service"] == "acme"
    assert told.code == 1


def test_a_plain_alert_with_labels_and_details(runbookctl: Command, books: Path, tmp_path: Path) -> None:
    path = tmp_path / "alert.json"
    alert = {"title": "x", "severity": "error", "alert_name": "ServiceDown", "labels": {"app": "shop"}}
    path.write_text(json.dumps(alert | {"details": {"error": "OutOfMemoryError", "count": 3}}))
    code, found = _told(runbookctl, "--runbooks", str(books), "--alert", str(path), "--fact", "health.status=503")
    assert code == 0
    assert found["heap"]["reasons"][:3] == [
        'the alert\'s error has the known error "OutOfMemoryError"', "the alert is ServiceDown", "the labels app=shop",
    ]  # fmt: skip


WRONG: dict[str, tuple[tuple[str, ...], str]] = {
    "nothing": ((), "--symptom"),
    "both": (("--alert", "x.json", "--symptom", "x"), "one or the other"),
    "label": (("--label", "app"), "app=shop"),
    "empty label": (("--label", "=x"), "app=shop"),
    "severity": (("--symptom", "x", "--severity", "loud"), "critical, error"),
    "fact": (("--symptom", "x", "--fact", "health"), "name.field=value"),
    "long": (("--symptom", "x" * 1001), "1000 characters"),
    "no file": (("--alert", "none.json"), "cannot be read"),
    "no folder": (("--symptom", "x", "--runbooks", "none"), "none"),
    "environment": (("--service", "payments", "--symptom", "x", "--environment", "MOON!"), "staging"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_usage_is_a_sentence_and_exit_2(runbookctl: Command, books: Path, case: str) -> None:
    words, said = WRONG[case]
    told = runbookctl("match", *words)
    assert told.code == 2
    assert said in told.err
    assert "Traceback" not in told.err


BAD_FILES = {
    "empty": b"", "no JSON": b"{", "a list": b"[]", "a number": b"1", "not UTF-8": b'{"title": "\xff"}',
    "deep": b"[" * 100_000, "no title": b"{}", "unknown key": b'{"title": "x", "sevrity": "error"}',
    "wrong type": b'{"title": 5}', "unknown event": b'{"event": {"id": "1", "event_type": "x"}}',
    "event is a text": b'{"event": "x"}', "huge": b'{"title": "' + b"x" * 600_000 + b'"}',
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_wrong_alert_file_is_located_and_exit_2(runbookctl: Command, books: Path, tmp_path: Path, case: str) -> None:
    path = tmp_path / "alert.json"
    path.write_bytes(BAD_FILES[case])
    told = runbookctl("match", "--alert", str(path))
    assert told.code == 2
    assert "alert.json" in told.err
    assert "Traceback" not in told.err


def test_C4_hostile_text_cannot_steer_the_terminal(runbookctl: Command, books: Path) -> None:
    hostile = "service down \x1b[2J\r\n[bold]x[/bold]\u202e"
    told = runbookctl("match", "--runbooks", str(books), "--symptom", hostile, "--label", "a=\x1b[31m")
    assert told.code == 0
    assert "\x1b[2J" not in told.out
    assert "[bold]x[/bold]" in told.out


def test_many_runbooks_are_named_up_to_a_bound_and_all_when_asked(runbookctl: Command, books: Path) -> None:
    for n in range(MOST + 5):
        text = f"id: extra-{n}\ncommand: uptime\nsafety: {{scopes: [dev]}}\n"
        (books / f"extra-{n}.yaml").write_text(text, encoding="utf-8")
    short = runbookctl("match", "--runbooks", str(books), "--symptom", "service down")
    whole = runbookctl("match", "--runbooks", str(books), "--symptom", "service down", "--all")
    assert "… and 6 more; --all names them" in short.out
    assert whole.out.count("only run by name") == MOST + 6


@pytest.mark.parametrize(
    ("score", "obstacle", "verdict"),
    [
        (0.9, "", "offered"),
        (0.5, "", "offered"),
        (0.49, "", "suggested"),
        (0.9, "unproven", "needs_facts"),
        (0.3, "unproven", "blocked"),
        (0.0, "unproven", "no_match"),
        (0.9, "waits", "blocked"),
        (0.9, "labels", "blocked"),
        (0.0, "labels", "no_match"),
        (0.0, "nothing", "no_match"),
    ],
)
def test_every_runbook_belongs_to_one_part_of_the_answer(score: float, obstacle: Obstacle, verdict: str) -> None:
    book = Runbook.model_validate({"id": "a", "title": "A", "steps": [{"id": "s", "action": "x"}]})
    assert verdict_of(Ranked(book, score, (), "no" if obstacle else "", obstacle)) == verdict
    assert verdict in VERDICTS
