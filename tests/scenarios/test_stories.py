"""Every story of the sandbox, played to its end by the command that a visitor would type. Exit code 0 or it did not happen."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.sandbox.configuration import CHANNEL, SandboxSettings
from bot.sandbox.people import ANA, BEN
from bot.sandbox.slack_records import JSON
from bot.sandbox.slack_socket import SlackHttp, signature
from bot.sandbox.stories import STORIES
from bot.sandbox.stories.scene import is_card, text_of
from bot.sandbox.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 240
GRACE = 30

pytestmark = [
    pytest.mark.timeout(SECONDS + GRACE + 10),
    pytest.mark.skipif(importlib.util.find_spec("supervisor") is None, reason="supervisor is not installed"),
]


def play(*words: str, seconds: float = SECONDS, environ: dict[str, str] | None = None) -> tuple[int, str]:
    """Run `python -m bot sandbox ...`; when it hangs it is told to stop, so that it takes its processes with it."""
    environ = environ or {
        name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "sandbox", *words],
        cwd=ROOT,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
        try:
            output, _ = process.communicate(timeout=GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
        return 124, f"{output}\nno end within {seconds} s"
    return process.returncode, output


def marked(name: str) -> Any:
    """A story that needs Redis skips where there is none."""
    absent = STORIES[name].absent(shutil.which)
    marks = [pytest.mark.redis] if "redis-server" in STORIES[name].needs else []
    return pytest.param(name, marks=[*marks, pytest.mark.skipif(bool(absent), reason=f"no {absent} on this machine")])


@pytest.mark.parametrize("name", [marked(name) for name in STORIES])
def test_story(name: str, tmp_path: Path) -> None:
    code, output = play("--story", name, "--exit", "--folder", str(tmp_path / "sandbox"))
    assert code == 0, output
    assert f"{name}: as it should be" in output


def test_story_over_signed_http(tmp_path: Path) -> None:
    folder = tmp_path / "sandbox"
    code, output = play("--http", "--story", "service-crash", "--exit", "--folder", str(folder))
    assert code == 0, output
    assert "service-crash: as it should be" in output
    assert "mode: http" in (folder / "countersign.yaml").read_text()
    assert '"mode": "http"' in (folder / "bot.log").read_text()


def test_a_story_whose_program_is_not_here_says_so_and_exits_0(tmp_path: Path) -> None:
    needs = STORIES["clear-cache"].needs
    bare = {"PATH": str(tmp_path)}  # nothing is on that path
    code, output = play("--story", "clear-cache", "--exit", seconds=60, environ=bare)
    assert (code, needs) == (0, ("redis-server",)), output
    assert "clear-cache is left out: this machine has no redis-server." in output


def test_a_story_there_is_not_exits_2_and_names_those_there_are() -> None:
    code, output = play("--story", "no-such-story", "--exit", seconds=60)
    assert code == 2
    assert "service-crash" in output


class Recording(SlackHttp):
    """Delivers by HTTP and keeps what was sent, so that it can be sent again."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.sent: list[tuple[bytes, dict[str, str]]] = []

    async def post(self, body: bytes, headers: dict[str, str]) -> JSON:
        self.sent.append((body, headers))
        return await super().post(body, headers)


async def until(look: Callable[[], Any], workspace: Workspace, seconds: float = 20.0) -> Any:
    """What `look` says when it is true; fails with everything that stands in #incidents and the bot's log."""
    for _ in range(round(seconds / 0.05)):
        if found := look():
            return found
        await asyncio.sleep(0.05)
    shown = "\n".join(text_of(message) for message in workspace.slack.history(CHANNEL))
    raise AssertionError(f"not within {seconds} s; #incidents:\n{shown}\n{workspace.bot_log_tail(20)}")


async def test_T17_T18_forged_is_401_and_replayed_is_200_without_a_second_effect(tmp_path: Path) -> None:
    settings = SandboxSettings(slack_mode="http")
    async with (
        Workspace(settings, folder=tmp_path / "sandbox", keep=True) as workspace,
        aiohttp.ClientSession() as session,
    ):
        slack = workspace.slack
        recording = Recording(slack, workspace.slack_events_url, session)
        slack.connect(recording)

        async def post(body: bytes, headers: dict[str, str]) -> int:
            async with session.post(workspace.slack_events_url, data=body, headers=headers) as answer:
                return answer.status

        def signed(body: bytes, *, age: int = 0, secret: str = slack.signing_secret) -> dict[str, str]:
            stamp = str(int(workspace.clock().timestamp()) - age)
            return {"Content-Type": "application/x-www-form-urlencoded"} | signature(secret, stamp, body)

        def statuses() -> list[str]:
            return [text_of(m) for m in slack.ephemerals(ANA.slack) if "open incident" in text_of(m)]

        async def status() -> tuple[bytes, dict[str, str]]:
            """Ana's `/runbook status`, sent and answered; the bytes that were sent."""
            before = len(statuses())
            await slack.slash(ANA.slack, CHANNEL, "/runbook status")
            await until(lambda: len(statuses()) > before, workspace)
            return recording.sent[-1]

        async with asyncio.timeout(20):
            while await post(b"", {}) == 503:  # until it knows who it is
                await asyncio.sleep(0.05)
        first, headers = await status()
        forged = [
            signed(first, secret="0" * 32),
            signed(first + b"&text=kill"),
            signed(first, age=302),
            signed(first, age=-63),
            {**signed(first), "X-Slack-Signature": "v0="},
            {**signed(first), "X-Slack-Request-Timestamp": "soon"},
            {"Content-Type": "application/x-www-form-urlencoded"},
        ]
        assert [await post(first, each) for each in forged] == [401] * len(forged)
        assert [await post(first, headers) for _ in range(3)] == [200] * 3

        before = workspace.starts("payments")
        await workspace.break_service("payments")
        await workspace.alert("payments")
        clicks = []
        for human, action in ((ANA, "step_run"), (BEN, "plan_approve")):
            channel, ts, value, _ = await until(lambda name=action: slack.find_button(name, CHANNEL), workspace)
            await slack.click(human.slack, channel, ts, action, value)
            clicks.append(recording.sent[-1])
            assert [await post(*click) for click in clicks] == [200] * len(clicks)
        incident = workspace.pagerduty.incident
        await until(lambda: incident(workspace.incident_id)["status"] == "resolved", workspace, 60)
        assert [await post(*each) for each in (*clicks, (first, headers))] == [200] * 3
        await status()  # what came before it has been handled
        assert len(statuses()) == 2
        assert workspace.starts("payments") == before + 1
        assert await workspace.health("payments") == 200
        cards = [m for m in slack.history(CHANNEL) if is_card(m) and m.thread_ts not in ("", m.ts)]
        assert len(cards) == 1
        answers = [len(slack.ephemerals(human.slack)) for human in (ANA, BEN)]
        assert answers == [3, 1], "a replayed click is not answered either"
