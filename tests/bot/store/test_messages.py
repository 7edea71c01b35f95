"""Slack messages are found by what they show and by their thread."""

from __future__ import annotations

from bot.store import messages
from bot.store.messages import SlackMessage
from bot.store.session import Store


async def test_a_message_is_found_by_key_and_thread(store: Store) -> None:
    summary = SlackMessage("summary:inc_1", "C1", "111.1")
    card = SlackMessage("card:run_1", "C1", "111.2", "111.1")
    for message in (summary, card, SlackMessage("summary:inc_2", "C2", "111.1")):
        await store.write(lambda s, m=message: messages.save(s, m))
    assert await store.read(lambda s: messages.get(s, "card:run_1")) == card
    assert await store.read(lambda s: messages.by_thread(s, "C1", "111.1")) == "inc_1"
    assert await store.read(lambda s: messages.by_thread(s, "C1", "111.2")) is None, "a card is no thread"
    moved = SlackMessage("summary:inc_1", "C3", "222.1")
    await store.write(lambda s: messages.save(s, moved))
    assert await store.read(lambda s: messages.get(s, "summary:inc_1")) == moved
    assert await store.read(lambda s: messages.get(s, "entry:1")) is None
