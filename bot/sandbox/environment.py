"""The environment of the sandbox's bot: addresses of the stand-ins and made-up secrets, nothing of this machine's own.

Used by bot/sandbox/workspace.py. Must not write anything to a file: configuration.py does, and without secrets.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.sandbox.people import BOT_EMAIL

if TYPE_CHECKING:
    from bot.sandbox.workspace import Workspace

INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class MadeUp:
    """Secrets between the bot and the vendors that are not a stand-in's own, new for each workspace."""

    github: str = field(default_factory=lambda: secrets.token_hex(20))
    pagerduty: str = field(default_factory=lambda: secrets.token_hex(20))
    routing_key: str = field(default_factory=lambda: secrets.token_hex(16))


def slack_secret(workspace: Workspace) -> dict[str, str]:
    """What proves that a payload comes from Slack: the app's socket, or the signature of a request."""
    if workspace.settings.slack_mode == "http":
        return {"SLACK_SIGNING_SECRET": workspace.slack.signing_secret}
    return {"SLACK_APP_TOKEN": workspace.slack.app_token}


def environment(workspace: Workspace) -> dict[str, str]:
    """The whole environment of the bot's process."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {
        **inherited,
        "PYTHONUNBUFFERED": "1",
        "SLACK_API_URL": workspace.slack_api.url,
        "SLACK_BOT_TOKEN": workspace.slack.bot_token,
        **slack_secret(workspace),
        "GITHUB_WEBHOOK_SECRETS": workspace.made_up.github,
        "PAGERDUTY_WEBHOOK_SECRETS": workspace.made_up.pagerduty,
        "PAGERDUTY_API_URL": workspace.pagerduty.url,
        "PAGERDUTY_EVENTS_URL": workspace.pagerduty.url,
        "PAGERDUTY_API_TOKEN": workspace.pagerduty.api_token,
        "PAGERDUTY_FROM": BOT_EMAIL,
        "PAGERDUTY_ROUTING_KEY": workspace.made_up.routing_key,
        "JIRA_URL": workspace.tickets.jira_url,
        "JIRA_USER": workspace.tickets.jira_user,
        "JIRA_TOKEN": workspace.tickets.jira_token,
        "SERVICENOW_URL": workspace.tickets.servicenow_url,
        "SERVICENOW_USER": workspace.tickets.servicenow_user,
        "SERVICENOW_PASSWORD": workspace.tickets.servicenow_password,
    }
