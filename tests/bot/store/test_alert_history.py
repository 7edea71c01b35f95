"""Past incidents a page at a time: none twice, none left out, also when many opened at the same moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from bot.incident import Incident
from bot.store import alert_history, incidents
from bot.store.session import Store
from tests.bot.store.conftest import NOW


async def test_every_incident_since_then_once(store: Store, incident: Callable[..., Incident]) -> None:
    some = [incident(number, opened_at=NOW + timedelta(minutes=number // 3)) for number in range(10)]
    await store.write(lambda s: incidents.save_all(s, some))
    found: list[str] = []
    after: tuple[datetime, str] | None = None
    while True:
        page = await store.read(lambda s, after=after: alert_history.page(s, NOW + timedelta(minutes=1), after, 2))
        found += [one.id for one in page]
        if len(page) < 2:
            break
        after = (page[-1].opened_at, page[-1].id)
    assert found == [f"inc_{number}" for number in range(3, 10)]
