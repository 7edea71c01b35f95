"""The buttons in the top bar of the sandbox's page: what a visitor can do to the world.

Made by bot/sandbox/workspace.py for the page server. Must not touch what people do in Slack: they click there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.sandbox.workspace import Workspace


def controls(workspace: Workspace) -> Mapping[str, Callable[[], Awaitable[str]]]:
    """By label; each does it and returns the sentence that the page shows."""

    def breaking(name: str, how: str, words: str) -> Callable[[], Awaitable[str]]:
        async def act() -> str:
            state = await workspace.supervisor.state(name)
            if how == "killed" and not state.pid:
                return f"{name} is down already."
            await workspace.break_service(name, how)
            await workspace.alert(name)
            return f"{words} PagerDuty has opened an incident."

        return act

    async def restore() -> str:
        await workspace.restore("payments")
        return "payments runs and answers 200 again, as if somebody at a terminal had mended it."

    async def kill_bot() -> str:
        await workspace.kill_bot()
        return "The bot is gone (kill -9). Start it again and see what it remembers."

    async def start_bot() -> str:
        await workspace.start_bot()
        return "The bot is back."

    async def deploy() -> str:
        await workspace.deployed("payments", minutes_ago=0)
        return "GitHub told the bot about a deployment of payments."

    def outage(mode: str) -> Callable[[], Awaitable[str]]:
        async def act() -> str:
            for vendor in ("slack", "pagerduty"):
                workspace.outage.set(vendor, mode)
            return f"Slack and PagerDuty: {mode}."

        return act

    return {
        "Kill payments": breaking("payments", "killed", "payments was killed."),
        "Break payments for good": breaking(
            "payments", "broken", "payments lost its database and answers 503; a restart will not help."
        ),
        "Kill checkout": breaking("checkout", "killed", "checkout in staging was killed."),
        "Mend payments": restore,
        "Deploy payments": deploy,
        "Kill the bot": kill_bot,
        "Start the bot": start_bot,
        "Slack and PagerDuty away": outage("refuse"),
        "… and back": outage("up"),
    }
