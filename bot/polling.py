"""Polling: gives the poller its questions to the store, when PagerDuty's REST API is configured.

Made by bot/app.py. The poller itself is bot/sources/poller.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping

from bot.assembly import Clients, utc_now
from bot.config import Configuration
from bot.sources.poller import Poller
from bot.store import incidents
from bot.store.inbox import Inbox
from bot.store.session import Store

MANY = 1000


def make_poller(
    found: Configuration, clients: Clients, inbox: Inbox, store: Store, on_accepted: Callable[[], None]
) -> Poller | None:
    """The poller, or None when it is switched off or PagerDuty cannot be asked."""
    every = found.file.pagerduty.poll_every
    if clients.pagerduty is None or every <= 0:
        return None

    async def known(ids: Collection[str]) -> Collection[str]:
        wanted = list(ids)
        return await store.read(lambda s: [i for i in wanted if incidents.find(s, "pagerduty", i) is not None])

    async def believed_open() -> Mapping[str, str]:
        found_open = await store.read(lambda s: incidents.open_incidents(s, MANY))
        return {i.external_id: i.status.value for i in found_open if i.source == "pagerduty"}

    return Poller(
        clients.pagerduty,
        inbox,
        utc_now,
        every,
        asyncio.sleep,
        known=known,
        believed_open=believed_open,
        on_accepted=on_accepted,
    )
