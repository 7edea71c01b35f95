"""The stories of the sandbox, by name. Each is one file; the scenario tests run every one that is listed here."""

from __future__ import annotations

from bot.sandbox.stories import (
    bot_killed,
    break_glass,
    clear_cache,
    first_runbook,
    flapping_restart,
    freeze_mid_run,
    kill_switch,
    not_approved,
    scale_with_approval,
    service_crash,
    slack_down,
    two_groups,
    unanswered,
    verify_fails,
)
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
        scale_with_approval.STORY,
        flapping_restart.STORY,
        two_groups.STORY,
        kill_switch.STORY,
        freeze_mid_run.STORY,
        break_glass.STORY,
        unanswered.STORY,
        first_runbook.STORY,
    )
}
