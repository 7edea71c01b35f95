"""A shipped runbook that runs a command, for real: the adapter starts a program, figures are read over HTTP, and only they prove it.

Everything is the bot's own but the program called kubectl, which writes down what it was told and changes (or does not change)
the state that the figures are read from. X13: a canary is paused; resumed when that is not seen; left when somebody was quicker.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bot.adapters.command import CommandAdapter
from bot.adapters.registry import Registry
from bot.clients.http import AllowList, HttpClient
from bot.facts import figures
from bot.services import Catalogue
from tests.fakes.equipment import alert
from tests.fakes.scene import Scene, scene

WORSE = {"error_percent": "5.0", "baseline_percent": "0.1", "spec": {"paused": False}, "weight": 10}
PROGRAM = """#!{python}
import json, pathlib, sys
state = pathlib.Path("state.json")
with open("calls.txt", "a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
found = json.loads(state.read_text())
if found.get("mends", True):
    found["spec"]["paused"] = "pause" in sys.argv
state.write_text(json.dumps(found))
print("deployment.apps/payments-canary paused")
"""


def catalogue(folder: Path, url: str) -> Catalogue:
    """payments in prod with a host that has one program, and its canary as figures."""
    read = {
        "error_percent": "/error_percent",
        "baseline_percent": "/baseline_percent",
        "paused": "/spec/paused",
        "weight": "/weight",
    }
    host = {
        "allowed_programs": {"kubectl": str(folder / "kubectl")},
        "cwd": str(folder),
        "names": {"namespace": "shop", "rollout": "payments-canary"},
    }
    service = {
        "name": "payments",
        "environment": "prod",
        "owner": "payments-team",
        "tier": 1,
        "channel": "C0PAY",
        "targets": [{"kind": "command_host", "name": "payments-host", "settings": host}],
        "facts": {"canary": {"kind": "figures", "settings": {"answers": [{"url": url, "read": read}]}}},
        "match": {"pagerduty": ["PSVC1"]},
    }
    return Catalogue.model_validate({"services": [service]})


@asynccontextmanager
async def canary(folder: Path, **state: Any) -> AsyncIterator[Scene]:
    """A bot with a real command adapter and real figures over a folder with the program and its state."""
    (folder / "state.json").write_text(json.dumps(WORSE | state), encoding="utf-8")
    program = folder / "kubectl"
    program.write_text(PROGRAM.format(python=sys.executable), encoding="utf-8")
    program.chmod(0o755)

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=(folder / "state.json").read_text(encoding="utf-8"))

    runner = web.AppRunner(web.Application(), shutdown_timeout=0.1)
    runner.app.router.add_get("/canary", answer)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    services = catalogue(folder, f"http://127.0.0.1:{runner.addresses[0][1]}/canary")
    try:
        async with HttpClient(AllowList.of(figures.addresses(services))) as client:
            changes = {
                "catalogue": services,
                "adapters": {"command": CommandAdapter(Registry(services))},
                "fact_sources": {"figures": figures.FiguresFact(client, lambda _name: "")},
            }
            async with scene(folder, **changes) as made:
                await made.fold(alert(title="CanaryErrors: canary 5 %, baseline 0.1 %", alert_name="CanaryErrors"))
                yield made
    finally:
        await runner.cleanup()


def calls(folder: Path) -> list[str]:
    file = folder / "calls.txt"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


async def test_X13_the_canary_is_paused_and_the_figures_prove_it(tmp_path: Path) -> None:
    async with canary(tmp_path) as made:
        assert (await made.ask(runbook="pause-canary")).ok
        assert calls(tmp_path) == []
        assert (await made.vote()).ok
        assert await made.carry_out() == "succeeded"
        assert calls(tmp_path) == ["--namespace shop rollout pause deployment payments-canary"]
        kinds = await made.kinds()
        assert kinds[-6:] == ["approved", "started", "executed", "verified", "finished", "resolved"]


async def test_V2_what_the_figures_do_not_show_is_taken_back_whatever_the_program_said(tmp_path: Path) -> None:
    async with canary(tmp_path, mends=False) as made:
        await made.ask(runbook="pause-canary")
        await made.vote()
        assert await made.carry_out() != "succeeded"
        assert "resolved" not in await made.kinds()
        assert calls(tmp_path) == [
            "--namespace shop rollout pause deployment payments-canary",
            "--namespace shop rollout resume deployment payments-canary",
        ]


async def test_E5_one_that_somebody_paused_meanwhile_is_left_alone(tmp_path: Path) -> None:
    async with canary(tmp_path) as made:
        await made.ask(runbook="pause-canary")
        await made.vote()
        (tmp_path / "state.json").write_text(json.dumps(WORSE | {"spec": {"paused": True}}), encoding="utf-8")
        await made.carry_out()
        assert calls(tmp_path) == []


@pytest.mark.parametrize("missing", ["spec", "error_percent"])
async def test_T58_without_one_of_the_figures_nothing_is_begun(tmp_path: Path, missing: str) -> None:
    async with canary(tmp_path, **{missing: None}) as made:
        reply = await made.ask(runbook="pause-canary")
        assert not reply.ok
        assert made.started == []
        assert calls(tmp_path) == []
