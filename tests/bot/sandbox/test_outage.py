"""The switch of bad days: who is reachable, and who waits until it is over."""

from __future__ import annotations

import asyncio

import pytest

from bot.sandbox.outage import Outage, OutageMode


@pytest.mark.parametrize("mode", list(OutageMode))
def test_only_two_modes_let_nothing_through(mode: OutageMode) -> None:
    outage = Outage()
    outage.set("slack", mode)
    assert outage.unreachable("slack") is (mode in (OutageMode.REFUSE, OutageMode.ERROR_503))
    assert not outage.unreachable("pagerduty")
    assert outage.modes() == {"slack": str(mode)}


def test_a_mode_that_does_not_exist_is_refused_and_changes_nothing() -> None:
    outage = Outage()
    with pytest.raises(ValueError, match="sideways"):
        outage.set("slack", "sideways")
    assert outage.mode("slack") is OutageMode.UP


def test_every_change_is_published() -> None:
    outage = Outage()
    seen: list[dict[str, object]] = []
    outage.feed.subscribe(seen.append)
    outage.set("jira", "slow")
    assert seen == [{"type": "outage", "vendor": "jira", "mode": "slow"}]


async def test_whoever_waits_goes_on_when_the_vendor_is_back_and_not_before() -> None:
    outage = Outage()
    await asyncio.wait_for(outage.until_reachable("pagerduty"), 1)
    outage.set("pagerduty", "refuse")
    waiting = asyncio.create_task(outage.until_reachable("pagerduty"))
    for other in ("error_503", "refuse"):
        outage.set("pagerduty", other)
        await asyncio.sleep(0)
        assert not waiting.done()
    outage.set("pagerduty", "up")
    await asyncio.wait_for(waiting, 1)
