"""The Bolt application: which listener hears what. Built once by bot/app.py.

Bolt only routes here: our own verifier, inbox and acknowledgement come before it (bot/slack/endpoint.py, socket.py), so
its request verification is off and it waits for its listeners, which have all been acknowledged already (apis.md 1.2).
Identity of the bot is fixed, so no request costs an `auth.test`. Must not hold logic.
"""

from __future__ import annotations

import logging
import os
import re
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.logger.messages import warning_client_prioritized_and_token_skipped, warning_token_skipped

from bot.clients.slack import Identity
from bot.errors import ConfigurationError
from bot.slack.actions import HOME, Actions
from bot.slack.commands import Commands
from bot.slack.desk import Desk
from bot.slack.events import Events
from bot.slack.views import Views
from bot.telemetry import log

AFTER = "countersign_after_acknowledgement"
BUTTONS = (
    "step_run", "step_skip", "step_plan", "incident_escalate", "plan_approve", "plan_reject", "plan_why", "run_stop",
    "unknown_done", "unknown_retry", "unknown_abort", HOME,
)  # fmt: skip
# One listener for all: Bolt asks its listeners in turn, and each refusal costs a tenth of the whole dispatch.
ANY_BUTTON = re.compile(rf"\A(?:{'|'.join(map(re.escape, BUTTONS))})\Z")

MEANT = frozenset({warning_client_prioritized_and_token_skipped(), warning_token_skipped()})


def worth_saying(record: logging.LogRecord) -> bool:
    """False for the two warnings about what `build` does on purpose: our client and our authorisation are the ones used,
    and the token that Bolt finds in the environment is not.
    """
    return record.getMessage() not in MEANT


def build(desk: Desk, identity: Identity, token: str) -> AsyncApp:
    """The application. identity: from `auth.test` at the start; token: the bot token.

    Raises ConfigurationError when OAuth settings of Bolt are in the environment: they would switch authorisation.
    """
    if "SLACK_CLIENT_ID" in os.environ and "SLACK_CLIENT_SECRET" in os.environ:
        raise ConfigurationError(
            "would make Bolt use OAuth instead of the configured bot.",
            place="environment: SLACK_CLIENT_ID",
            fix="unset SLACK_CLIENT_ID and SLACK_CLIENT_SECRET.",
        )
    result = AuthorizeResult(
        enterprise_id=None, team_id=identity.team, bot_token=token, bot_id=identity.bot, bot_user_id=identity.user
    )

    async def authorize() -> AuthorizeResult:
        return result

    logging.getLogger("slack_bolt.AsyncApp").addFilter(worth_saying)
    app = AsyncApp(
        name="countersign",
        authorize=authorize,
        client=desk.client.web,
        signing_secret="",
        process_before_response=True,
        request_verification_enabled=False,
        ssl_check_enabled=False,
        url_verification_enabled=False,
        attaching_function_token_enabled=False,  # of workflow steps, which we have none of
    )
    commands, actions, views, events = Commands(desk), Actions(desk), Views(desk), Events(desk)

    async def on_command(ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        await commands.handle(body)

    async def on_action(ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        await actions.handle(body)

    async def on_reject(ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        errors = views.check_reject(body)
        if errors:
            await ack(response_action="errors", errors=errors)
            return
        await ack()
        context[AFTER] = views.reject(body)

    async def on_mention(body: dict[str, Any]) -> None:
        await events.mention(body)

    async def on_home(body: dict[str, Any]) -> None:
        await events.home(body)

    async def on_error(error: Exception, body: dict[str, Any]) -> None:
        log().error("slack: a listener failed", error=f"{type(error).__name__}: {error}", type=body.get("type"))

    app.command(desk.command)(on_command)
    app.action(ANY_BUTTON)(on_action)
    app.view("plan_reject_view")(on_reject)
    app.event("app_mention")(on_mention)
    app.event("app_home_opened")(on_home)
    app.error(on_error)
    return app
