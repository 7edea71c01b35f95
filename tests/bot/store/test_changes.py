"""Changes are stored once and found by service, environment and time."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.incident import Change
from bot.store import changes
from bot.store.session import Store


async def test_recent_changes_of_one_service_newest_first(store: Store, now: datetime) -> None:
    def change(key: str, hours: int, environment: str = "prod") -> Change:
        at = now - timedelta(hours=hours)
        return Change(source="github", key=key, service="payments", environment=environment, summary=key, at=at)

    made = [change("old", 30), change("first", 3), change("second", 1), change("other", 1, "staging")]
    for each in made:
        assert await store.write(lambda s, e=each: changes.add(s, e))
    assert not await store.write(lambda s: changes.add(s, made[1])), "a repeat is ignored"
    since = now - timedelta(hours=24)
    found = await store.read(lambda s: changes.recent(s, "payments", "prod", since, 5))
    assert found == [made[2], made[1]]
    assert await store.read(lambda s: changes.recent(s, "payments", "prod", since, 1)) == [made[2]]
