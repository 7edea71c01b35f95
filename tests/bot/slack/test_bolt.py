"""The Bolt application: what it says while it is built, and the environment that must not change it."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from bot.errors import ConfigurationError
from bot.slack.bolt import build


async def test_building_says_nothing_and_other_warnings_are_still_said(
    room: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(
        "SLACK_BOT_TOKEN", room.workspace.bot_token
    )  # Bolt reads it by itself, which is how the bot runs
    identity = await room.client.identity()
    with caplog.at_level(logging.WARNING):
        app = build(room.desk, identity, room.workspace.bot_token)
        assert [r.getMessage() for r in caplog.records] == []
        app.logger.warning("a listener is slow")
    assert [r.getMessage() for r in caplog.records] == ["a listener is slow"]


async def test_oauth_settings_in_the_environment_are_refused(room: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_CLIENT_ID", "1.2")
    monkeypatch.setenv("SLACK_CLIENT_SECRET", "geheim")
    identity = await room.client.identity()
    with pytest.raises(ConfigurationError, match="unset SLACK_CLIENT_ID"):
        build(room.desk, identity, room.workspace.bot_token)
