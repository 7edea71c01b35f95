"""One ticket per incident and system."""

from __future__ import annotations

from bot.store import tickets
from bot.store.session import Store
from bot.store.tickets import Ticket


async def test_tickets_are_kept_per_system(store: Store) -> None:
    jira = Ticket("inc_1", "jira", "OPS-1", "http://jira/OPS-1")
    await store.write(lambda s: tickets.save(s, "inc_1", "servicenow", "INC1", "http://snow/INC1"))
    await store.write(lambda s: tickets.save(s, "inc_1", "jira", "OPS-0", ""))
    await store.write(lambda s: tickets.save(s, "inc_1", "jira", jira.key, jira.url))
    assert await store.read(lambda s: tickets.get(s, "inc_1", "jira")) == jira
    assert [t.system for t in await store.read(lambda s: tickets.for_incident(s, "inc_1"))] == ["jira", "servicenow"]
    assert await store.read(lambda s: tickets.get(s, "inc_2", "jira")) is None
