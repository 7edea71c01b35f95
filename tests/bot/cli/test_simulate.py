"""`runbookctl simulate`: the cards and all that follows, without touching anything; golden texts for CI."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.bot.cli.conftest import Command

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = Path(__file__).parent / "golden" / "restart-service.txt"
PLAIN = ("simulate", "--service", "payments", "--symptom", "elevated 5xx")
DOWN = (*PLAIN, "--fact", "health.status=503")
# Whatever would leave the process or stay after it: connections, names looked up, processes, files outside the temporary
# folder. The hook ends the process, so that nothing in between can catch it.
WATCHED = """
import os, sys, tempfile
inside = os.path.realpath(tempfile.gettempdir())
seen = set()
FORBIDDEN = ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname",
    "subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "pty.spawn", "os.kill")
def watch(event, arguments):
    seen.add(event)
    if event in FORBIDDEN:
        os.write(2, f"FORBIDDEN {event} {arguments!r}".encode()); os._exit(99)
    if event == "open" and isinstance(arguments[0], str) and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        if not os.path.realpath(arguments[0]).startswith(inside):
            os.write(2, f"WRITES {arguments!r}".encode()); os._exit(98)
    if event == "sqlite3.connect" and not os.path.realpath(os.fspath(arguments[0])).startswith(inside):
        os.write(2, f"OPENS {arguments!r}".encode()); os._exit(97)
sys.addaudithook(watch)
from bot.cli import main
try:
    main()
finally:
    assert "sqlite3.connect" in seen and "open" in seen, "the hook saw nothing"
"""


@pytest.fixture(autouse=True)
def clean_clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """No configuration, unless a test writes one."""
    if "installation" not in request.fixturenames:
        monkeypatch.delenv("COUNTERSIGN_CONFIG", raising=False)
        monkeypatch.chdir(tmp_path)


def test_the_command_of_the_mission_works_from_a_clean_clone(runbookctl: Command) -> None:
    told = runbookctl(*PLAIN)
    assert (told.code, told.err) == (0, "")
    assert "Nothing was touched." in told.out
    assert "Facts that were not given and so are gaps: health, state." in told.out
    assert "--fact health.status=503" in told.out


def test_with_facts_it_goes_as_far_as_the_question(runbookctl: Command) -> None:
    told = runbookctl(*DOWN)
    assert told.code == 0
    assert "Approval needed: Restart a service that stopped answering" in told.out
    assert "1 of payments-oncall (Ben Osei)" in told.out


def test_the_golden_transcript_of_restart_service(runbookctl: Command) -> None:
    """When it should be different: the same command with `--write`, and look at the difference before you commit it."""
    told = runbookctl(*DOWN, "--expect", str(GOLDEN))
    assert told.code == 0, told.out
    assert told.out.endswith("restart-service.txt: as expected\n")


def watched(code: str, folder: Path, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Python under the hook, with a temporary folder of its own."""
    inside = folder / "inside"
    inside.mkdir()
    ended = subprocess.run(
        [sys.executable, "-B", "-c", code, *words],
        cwd=cwd or folder,
        env={"PATH": "/nonexistent", "PYTHONPATH": str(ROOT), "HOME": str(folder), "TMPDIR": str(inside)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert list(inside.iterdir()) == []
    return ended


@pytest.mark.parametrize("words", [DOWN, PLAIN, (*DOWN, "--runbook", "clear-cache"), ("test",)])
def test_nothing_is_touched(tmp_path: Path, words: tuple[str, ...]) -> None:
    """No connection, no look-up, no process, no file outside the temporary folder, seen by the interpreter itself."""
    ended = watched(WATCHED, tmp_path, *words, cwd=ROOT if words == ("test",) else None)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout


@pytest.mark.parametrize(
    ("act", "code"),
    [
        ("import socket; socket.create_connection(('127.0.0.1', 9))", 99),
        ("import socket; socket.getaddrinfo('localhost', 9)", 99),
        ("import subprocess; subprocess.run(['true'])", 99),
        ("import os; os.system('true')", 99),
        ("open('left-behind', 'w')", 98),
        ("import sqlite3; sqlite3.connect('left-behind.db')", 97),
    ],
)
def test_the_watcher_sees_what_it_watches_for(tmp_path: Path, act: str, code: int) -> None:
    ended = watched(WATCHED.partition("from bot.cli")[0] + act, tmp_path)
    assert ended.returncode == code


def test_a_change_is_shown_as_a_difference_and_is_exit_1(runbookctl: Command, tmp_path: Path) -> None:
    golden = tmp_path / "golden.txt"
    assert runbookctl(*DOWN, "--expect", str(golden), "--write").code == 0
    assert runbookctl(*DOWN, "--expect", str(golden)).code == 0
    told = runbookctl(*PLAIN, "--fact", "health.status=500", "--expect", str(golden))
    assert told.code == 1
    assert "\n-│ • health answers 503" in told.out
    assert "\n+│ • health answers 500" in told.out
    assert "no longer as expected" in told.err


def test_json_says_everything(runbookctl: Command) -> None:
    told = runbookctl(*DOWN, "--json", "--as", "Ben", "--environment", "staging")
    found = json.loads(told.out)
    assert (found["outcome"], found["asked_by"], found["incident"]["environment"]) == ("asked", "ben", "staging")
    assert [one["kind"] for one in found["questions"]] == ["confirmation"]


def test_a_plain_alert_and_facts_from_files(runbookctl: Command, tmp_path: Path) -> None:
    alert, facts = tmp_path / "alert.json", tmp_path / "facts.yaml"
    alert.write_text('{"title": "disk", "severity": "error", "alert_name": "DiskFull", "details": {"mount": "/srv"}}')
    facts.write_text("disk: {used_percent: 91}\n")
    told = runbookctl("simulate", "--service", "payments", "--alert", str(alert), "--facts", str(facts), "--json")
    found = json.loads(told.out)
    assert [step["id"] for step in found["plan"]["steps"]] == ["report", "clean"]
    assert found["incident"]["details"] == {"mount": "/srv"}


def test_a_pagerduty_delivery_keeps_its_own_time(runbookctl: Command, tmp_path: Path) -> None:
    alert = tmp_path / "delivery.json"
    event = {
        "id": "01E",
        "event_type": "incident.triggered",
        "occurred_at": "2026-11-20T08:00:00.000Z",
        "data": {
            "id": "PINC1",
            "type": "incident",
            "title": "ServiceDown: x",
            "urgency": "high",
            "service": {"id": "P9", "summary": "Other"},
        },
    }
    alert.write_text(json.dumps({"event": event}))
    found = json.loads(runbookctl("simulate", "--alert", str(alert), "--json").out)
    assert (found["incident"]["service"], found["incident"]["external_id"]) == ("", "PINC1")
    assert "not in services.yaml" in found["why"]
    words = ("simulate", "--alert", str(alert), "--service", "payments", "--fact", "health.status=500", "--json")
    found = json.loads(runbookctl(*words).out)
    assert (found["incident"]["service"], found["outcome"]) == ("payments", "asked")
    assert found["incident"]["opened_at"] == "2026-11-20T08:00:00Z"


def test_other_runbooks_and_no_others(runbookctl: Command, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    text = 'id: own\ncommand: "logrotate -f"\nmatch: {symptoms: ["elevated 5xx"]}\nsafety: {scopes: [staging]}\n'
    (own / "own.yaml").write_text(text)
    words = (*PLAIN, "--environment", "staging", "--runbooks", str(own))
    found = json.loads(runbookctl(*words, "--json").out)
    assert [one["runbook"] for one in found["ranking"]] == ["own"]
    assert found["plan"]["steps"][0]["act"]["shown"] == "/usr/bin/logrotate -f"
    (own / "own.yaml").write_text(text + "nonsense: 1\n")
    told = runbookctl(*words)
    assert told.code == 2
    assert f"{own / 'own.yaml'}:5:1" in told.err


def test_a_configured_installation_is_used_as_it_is(runbookctl: Command, installation: Path) -> None:
    told = runbookctl(*DOWN, "--json")
    assert told.code == 0, told.err
    found = json.loads(told.out)
    assert found["incident"]["service"] == "payments"
    assert found["facts"]
    assert not (installation / "state").exists() or not list((installation / "state").glob("*.db"))


def test_with_a_configuration_it_is_now_and_a_golden_text_needs_a_moment(
    runbookctl: Command, installation: Path, tmp_path: Path
) -> None:
    before = datetime.now(UTC)
    opened = json.loads(runbookctl(*DOWN, "--json").out)["incident"]["opened_at"]
    assert before <= datetime.fromisoformat(opened) <= datetime.now(UTC)
    golden = ("--expect", str(tmp_path / "golden.txt"), "--write")
    told = runbookctl(*DOWN, *golden)
    assert (told.code, "--now" in told.err) == (2, True)
    assert runbookctl(*DOWN, *golden, "--now", "2026-12-01T08:00:00Z").code == 0


def test_a_fact_that_the_catalogue_does_not_observe_is_refused(runbookctl: Command, installation: Path) -> None:
    told = runbookctl(*PLAIN, "--fact", "nonsense.status=1")
    assert told.code == 2
    assert "does not say how nonsense is observed for payments in prod" in told.err


def test_a_picture_is_written(runbookctl: Command, tmp_path: Path) -> None:
    told = runbookctl(*DOWN, "--html", str(tmp_path / "cards.html"))
    assert told.code == 0
    assert (tmp_path / "cards.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("simulate",), "--symptom"),
        (("simulate", "--symptom", "x"), "--service"),
        (("simulate", "--symptom", "x", "--service", "nobody"), "payments (prod)"),
        ((*PLAIN, "--alert", "x.json"), "--symptom or --alert"),
        ((*PLAIN, "--severity", "high"), "critical, error"),
        ((*PLAIN, "--fact", "x"), "health.status=503"),
        ((*PLAIN, "--facts", "none.yaml"), "none.yaml"),
        ((*PLAIN, "--as", "zoe"), "ana, ben"),
        ((*PLAIN, "--now", "yesterday"), "2026-11-18T10:00:00Z"),
        ((*PLAIN, "--now", "2026-11-18T10:00:00"), "zone"),
        ((*PLAIN, "--now", "0001-01-01T00:00:00Z"), "2026-11-18T10:00:00Z"),
        ((*PLAIN, "--fact", "health.status=NaN"), "no JSON that can be kept"),
        ((*PLAIN, "--environment", "../prod"), "--environment"),
        ((*PLAIN, "--environment", ""), ""),
        ((*PLAIN, "--expect", "none.txt"), "--write"),
        ((*PLAIN, "--write"), "--expect"),
        ((*PLAIN, "--html", "none/x.html"), "none/x.html"),
        ((*PLAIN, "--config", "none.yaml"), "none.yaml"),
        ((*PLAIN, "--runbooks", "none"), "none"),
        (("simulate", "--service", "payments", "--symptom", " "), "--symptom"),
        (("simulate", "--service", "payments", "--symptom", "x" * 2000), "--symptom"),
        (("simulate", "--service", "payments", "--alert", "none.json"), "none.json"),
    ],
)
def test_usage_is_exit_2_with_what_to_write_and_never_a_traceback(
    runbookctl: Command, words: tuple[str, ...], says: str
) -> None:
    told = runbookctl(*words)
    assert told.code == (2 if says else 0)
    assert says in told.err
    assert "Traceback" not in told.err + told.out


def test_now_is_this_moment(runbookctl: Command) -> None:
    before = datetime.now(UTC)
    opened = json.loads(runbookctl(*DOWN, "--now", "now", "--json").out)["incident"]["opened_at"]
    assert before <= datetime.fromisoformat(opened) <= datetime.now(UTC)
