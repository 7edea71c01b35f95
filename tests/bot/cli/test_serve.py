"""`serve`: a real process with Slack away: it takes signed webhooks, refuses a second one, and stops in order."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from tests.fakes.installation import NEEDED, NOWHERE

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 60.0


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def port(installation: Path) -> int:
    """Where it will listen."""
    path = installation / "countersign.yaml"
    data = yaml.safe_load(path.read_text())
    data["listen"]["port"] = free_port()
    data["pagerduty"] = {"poll_every": 0}
    path.write_text(yaml.safe_dump(data))
    return int(data["listen"]["port"])


def start(installation: Path, **environ: str) -> subprocess.Popen[str]:
    """`python -m bot serve` with nothing of this machine's own secrets; every vendor's address is a closed port."""
    inherited = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    with (installation / "bot.log").open("a") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "bot", "serve", "--config", str(installation / "countersign.yaml")],
            cwd=ROOT,
            env={**inherited, **NEEDED, **NOWHERE, **environ},
            stdout=log,
            stderr=log,
            text=True,
        )


@pytest.fixture
def bot(installation: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    process = start(installation)
    try:
        end = time.monotonic() + PATIENCE
        while get(port, "/healthz") != 200:
            assert process.poll() is None, (installation / "bot.log").read_text()
            assert time.monotonic() < end, (installation / "bot.log").read_text()
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait()


def get(port: int, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def post(port: int, body: bytes, secret: str) -> int:
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/webhooks/pagerduty",
        data=body,
        headers={"X-PagerDuty-Signature": f"v1={signature}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def stored(installation: Path) -> list[tuple[str, ...]]:
    connection = sqlite3.connect(f"file:{installation / 'state' / 'countersign.db'}?mode=ro", uri=True, timeout=10)
    try:
        return list(connection.execute("select external_id, service, environment from incident"))
    finally:
        connection.close()


def test_T64_it_serves_with_every_vendor_away_and_stops_in_order(
    installation: Path, port: int, bot: subprocess.Popen[str]
) -> None:
    service = yaml.safe_load((installation / "services.yaml").read_text())["services"][0]
    about = {
        "type": "incident",
        "id": "PINC1",
        "title": "ServiceDown: payments",
        "service": {"id": service["match"]["pagerduty"][0]},
    }
    now = datetime.now(UTC).isoformat()
    event = {"id": "E1", "event_type": "incident.triggered", "occurred_at": now, "data": about}
    body = json.dumps({"event": event}).encode()
    assert post(port, body, "wrong") == 401
    assert post(port, body, NEEDED["PAGERDUTY_WEBHOOK_SECRETS"]) == 202
    end = time.monotonic() + PATIENCE
    while stored(installation) != [("PINC1", "payments", "prod")]:
        assert time.monotonic() < end, (installation / "bot.log").read_text()
        time.sleep(0.05)
    assert get(port, "/readyz") == 200

    second = start(installation)
    assert second.wait(timeout=PATIENCE) == 2
    log = (installation / "bot.log").read_text()
    assert "another Countersign process is using this state folder" in log

    bot.send_signal(signal.SIGTERM)
    assert bot.wait(timeout=PATIENCE) == 0, (installation / "bot.log").read_text()
    log = (installation / "bot.log").read_text()
    assert "Traceback" not in log, log
    assert not any(secret in log for secret in ("xoxb-1", "s3cret"))


WRONG = {
    "T43 a policy with a mistake": ("policy", {"version": 1}, "policy.yaml"),
    "T43 no webhook secret": ("", {}, "PAGERDUTY_WEBHOOK_SECRETS"),
}


@pytest.mark.parametrize(("name", "data", "said"), WRONG.values(), ids=WRONG)
def test_T43_it_does_not_start_half_guarded(
    installation: Path, port: int, name: str, data: dict[str, object], said: str
) -> None:
    if name:
        (installation / f"{name}.yaml").write_text(yaml.safe_dump(data))
    process = start(installation, **({} if name else {"PAGERDUTY_WEBHOOK_SECRETS": ""}))
    assert process.wait(timeout=PATIENCE) == 2
    log = (installation / "bot.log").read_text()
    assert said in log
    assert "Fix:" in log
    assert "Traceback" not in log
    assert get(port, "/healthz") == 0


def test_T55_a_signal_engages_the_emergency_stop_for_good(
    installation: Path, port: int, bot: subprocess.Popen[str]
) -> None:
    bot.send_signal(signal.SIGUSR1)
    switch = installation / "state" / "kill_switch"
    end = time.monotonic() + PATIENCE
    while not switch.exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    assert "SIGUSR1" in switch.read_text()
    assert bot.poll() is None
