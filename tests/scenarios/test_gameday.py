"""Two game days played for real by the command that a visitor would type, and two that must fail because they expect wrong.

The others are played by `make gameday`; together they take too long for the suite (docs/gameday.md).
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from bot.sandbox.gameday.load import SHIPPED, load_scenario
from bot.sandbox.gameday.play import Result, play
from bot.sandbox.gameday.world import Stage
from bot.sandbox.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 180

pytestmark = [
    pytest.mark.timeout(SECONDS + 20),
    pytest.mark.skipif(importlib.util.find_spec("supervisor") is None, reason="supervisor is not installed"),
]


def command(*words: str) -> tuple[int, dict[str, Any], str]:
    """Run `python -m bot gameday … --json`: exit code, result, and what was told meanwhile."""
    environ = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    done = subprocess.run(
        [sys.executable, "-m", "bot", "gameday", *words, "--json"],
        cwd=ROOT,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def test_X2_a_full_disk_is_played_and_scores_five_of_five(tmp_path: Path) -> None:
    code, told, log = command("x2-disk-full", "--folder", str(tmp_path / "sandbox"))
    assert code == 0, log
    (result,) = told["played"]
    assert (result["holds"], result["score"], result["of"]) == (True, 5, 5)
    evidence = {mark["mark"]: mark["evidence"] for mark in result["rounds"][0]["marks"]}
    assert "remove files older than 7 days" in evidence["step"]
    assert "kept files there" in evidence["verify"]
    area = tmp_path / "sandbox" / "area"
    assert (area / "data" / "ledger.db").is_file(), "what is not in a known-safe folder is there"
    assert len(list(area.rglob("fill-*"))) == 1, "and so is the file of today"


# Only the expectation is wrong: the bot does what it must, and still the game day must not hold.
async def played(text: str, tmp_path: Path) -> tuple[Result, str]:
    scenario = load_scenario(text, str(SHIPPED / "x7-unknown.yaml"))
    stage, told = Stage(scenario), io.StringIO()
    async with Workspace(stage.settings, folder=tmp_path / "sandbox") as workspace:
        try:
            result = await play(scenario, stage, workspace, tell=lambda line: print(line, file=told), now=monotonic)
        finally:
            await stage.stop()
    return result, told.getvalue()


async def test_X7_played_as_it_is_and_every_wrong_expectation_of_it_fails(tmp_path: Path) -> None:
    """One round as shipped, then the same trouble again with every mark's expectation turned round."""
    text = (SHIPPED / "x7-unknown.yaml").read_text(encoding="utf-8")
    begin = text.index("  - name:")
    sabotaged = text[begin:]
    for right, wrong in (
        ('says: ["CheckoutP95", "CPU 95 %"', 'says: ["a sentence that nobody wrote"'),
        ('step: {none: "no safe step"}', 'step: {runbook: check-service, acts: ["tail checkout"]}'),
        ("guard: {answer: not_reached}", "guard: {answer: asked}"),
        ("starts: {payments: 0, checkout: 0}", "starts: {payments: 1, checkout: 0}"),
        ("incident: open", "incident: resolved"),
        ("never: [act, success, resolve]", "within: 3s"),
    ):
        assert right in sabotaged
        sabotaged = sabotaged.replace(right, wrong)
    result, told = await played(text + sabotaged, tmp_path)
    first, second = result.rounds
    assert [mark.score for mark in first.marks] == [1] * 5, told
    assert [mark.score for mark in second.marks] == [0] * 5, told
    assert not result.holds
    assert second.picture
