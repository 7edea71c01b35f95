"""The fact `supervisor_pool` on a real supervisord: who runs, who is settled, and gaps when nothing is known (G5, V1)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bot.errors import Permanent, Transient
from bot.facts.base import FactRequest
from bot.facts.supervisor_pool import SupervisorPoolFact
from bot.sandbox.supervisor import Supervisor
from bot.sandbox.worker_pool import WorkerPool

POOL = WorkerPool(group="w", total=4, running=3)
Request = Callable[..., FactRequest]
FACT = SupervisorPoolFact(lambda _name: "")


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Supervisor]:
    made = Supervisor(tmp_path, (), root=tmp_path, pool=POOL)
    try:
        await made.start()
        yield made
    finally:
        await made.stop()


async def test_G5_the_live_pool_is_counted(daemon: Supervisor, request_of: Request) -> None:
    url = f"unix://{daemon.socket}"
    seen = await FACT.observe(request_of(url=url, group="w", settled=0))
    assert seen == {"running": 3, "total": 4, "healthy": 3, "names": POOL.names(3)}
    fresh = await FACT.observe(request_of(url=url, group="w", settled=3600))
    assert (fresh["running"], fresh["healthy"]) == (3, 0), "what has only just started is not settled"
    await daemon.kill(POOL.name(1))
    seen = await FACT.observe(request_of(url=url, group="w", settled=0))
    assert (seen["running"], seen["names"]) == (2, [POOL.name(0), POOL.name(2)])
    with pytest.raises(Permanent, match="no group other"):
        await FACT.observe(request_of(url=url, group="other"))


@pytest.mark.parametrize("settings", [{"url": "unix:///s"}, {"group": "w"}, {"url": "x", "group": "w", "settled": -1}])
async def test_wrong_settings_are_a_gap(request_of: Request, settings: dict[str, object]) -> None:
    with pytest.raises(Permanent, match=r"services\.yaml"):
        await FACT.observe(request_of(**settings))


async def test_a_supervisord_that_is_down_is_a_gap(request_of: Request) -> None:
    with pytest.raises(Transient):
        await FACT.observe(request_of(url="unix:///nonexistent/s.sock", group="w"))
