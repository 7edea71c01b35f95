"""The stories of the sandbox, by name. Each is one file; the scenario tests run every one that is listed here."""

from __future__ import annotations

from bot.sandbox.stories import bot_killed, clear_cache, not_approved, service_crash, slack_down, verify_fails
from bot.sandbox.story import Story

STORIES: dict[str, Story] = {
    story.name: story
    for story in (
        service_crash.STORY,
        verify_fails.STORY,
        not_approved.STORY,
        bot_killed.STORY,
        slack_down.STORY,
        clear_cache.STORY,
    )
}
