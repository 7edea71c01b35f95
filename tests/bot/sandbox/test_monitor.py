"""The sandbox's monitor: shares are counted from answers, and what was never answered is no figure."""

from __future__ import annotations

from dataclasses import replace

import aiohttp
from aiohttp import web

from bot.sandbox import orchestrator
from bot.sandbox.listener import Listener
from bot.sandbox.monitor import WINDOW, Monitor
from bot.sandbox.orchestrator import Revision, Rollout

ONE = Rollout("payments", (Revision(1, "v1"),))
CANARY = orchestrator.begin_canary(ONE, "v2", 25.0, 20.0)


def test_without_an_answer_there_is_no_share_and_without_a_canary_no_canary() -> None:
    figures = Monitor("http://127.0.0.1:1", lambda: ONE).figures()
    assert figures == {
        "errors": {"percent": None, "answers": 0},
        "deployment": {"revision": 1, "version": "v1"},
        "canary": None,
    }


def test_shares_are_measured_for_everybody_and_for_each_track() -> None:
    monitor = Monitor("http://127.0.0.1:1", lambda: CANARY)
    for track, well in (("canary", False), ("canary", True), *[("stable", True)] * 7, ("", False)):
        monitor.count(track, well)
    figures = monitor.figures()
    assert figures["errors"] == {"percent": 20.0, "answers": 10}
    assert figures["canary"] == {"error_percent": 50.0, "baseline_percent": 0.0, "paused": False, "weight": 20.0}


def test_what_the_orchestrator_says_changes_no_share() -> None:
    now = [orchestrator.deploy(ONE, "v2", 100.0)]
    monitor = Monitor("http://127.0.0.1:1", lambda: now[0])
    monitor.count("stable", False)
    now[0] = replace(ONE)
    assert monitor.figures()["errors"]["percent"] == 100.0
    for _ in range(WINDOW):
        monitor.count("stable", True)
    assert monitor.figures()["errors"] == {"percent": 0.0, "answers": WINDOW}


async def test_it_asks_over_http_and_serves_over_http_and_nobody_there_counts_as_an_error() -> None:
    asked = web.Application()

    async def orders(_request: web.Request) -> web.Response:
        return web.Response(status=503, headers={"X-Track": "canary"})

    asked.router.add_get("/orders", orders)
    service = Listener()
    address = await service.start(asked)
    monitor = Monitor(address, lambda: CANARY)
    url = await monitor.start(0)
    try:
        async with aiohttp.ClientSession() as session:
            while not (found := await _figures(session, url))["errors"]["answers"]:
                continue
            assert found["canary"]["error_percent"] == 100.0
            await service.stop()
            before = found["errors"]["answers"]
            while (found := await _figures(session, url))["errors"]["answers"] < before + 2:
                continue
            assert found["errors"]["percent"] == 100.0
    finally:
        await monitor.stop()
        await monitor.stop()
        await service.stop()


async def _figures(session: aiohttp.ClientSession, url: str) -> dict[str, dict[str, float]]:
    async with session.get(url) as answer:
        found: dict[str, dict[str, float]] = await answer.json()
        return found
