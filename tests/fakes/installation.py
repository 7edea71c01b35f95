"""An installation's files as the sandbox writes them, and an environment in which every secret is set."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from bot.sandbox import configuration
from bot.sandbox.configuration import Places, SandboxSettings
from bot.sandbox.supervisor import Program

NEEDED = {
    "SLACK_BOT_TOKEN": "xoxb-1",
    "SLACK_APP_TOKEN": "xapp-1",
    "PAGERDUTY_WEBHOOK_SECRETS": "s3cret",
    "PAGERDUTY_API_TOKEN": "u+1",
    "PAGERDUTY_ROUTING_KEY": "r" * 32,
    "PAGERDUTY_FROM": "bot@example.com",
    "JIRA_URL": "http://127.0.0.1:1",
    "JIRA_USER": "bot",
    "JIRA_TOKEN": "j",
    "SERVICENOW_URL": "http://127.0.0.1:1",
    "SERVICENOW_USER": "bot",
    "SERVICENOW_PASSWORD": "s",
}
NOWHERE = dict.fromkeys(
    ("SLACK_API_URL", "PAGERDUTY_API_URL", "PAGERDUTY_EVENTS_URL", "JIRA_URL", "SERVICENOW_URL"), "http://127.0.0.1:1/"
)


def write_installation(folder: Path) -> Path:
    """The four files and the promotion records; returns countersign.yaml."""
    programs = tuple(
        Program(name, 18_000, folder / f"{name}.ledger", folder / f"{name}.json", folder / f"{name}.log")
        for name in ("payments", "checkout")
    )
    places = Places(folder=folder, bot_port=0, supervisor_socket=folder / "s.sock", programs=programs)
    return configuration.write(places, SandboxSettings(), datetime.now(UTC))
