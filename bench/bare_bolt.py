"""The smallest Bolt bot: the limit of the chat figures. No verification, no store, no dedupe: a webhook posts a message.

    python -m bench.bare_bolt --port N --slack http://127.0.0.1:M/api/

Started by bench/chat.py. Constant texts; a slash command and two buttons that answer.
"""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from aiohttp import web
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

VIEW: dict[str, Any] = {
    "type": "modal",
    "title": {"type": "plain_text", "text": "Plan"},
    "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "run `true`"}}],
}


def build(client: AsyncWebClient) -> AsyncApp:
    """Ack, then answer."""
    app = AsyncApp(token="xoxb-bench", signing_secret="bench", client=client)

    @app.command("/runbook")
    async def command(ack: Any, respond: Any) -> None:
        await ack()
        await respond("nothing is wrong")

    @app.action("step_plan")
    async def plan(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=VIEW)

    @app.action("step_run")
    async def run(ack: Any, respond: Any) -> None:
        await ack()
        await respond("started")

    return app


async def main(port: int, slack: str) -> None:
    """Serve until killed."""
    client = AsyncWebClient(token="xoxb-bench", base_url=slack)
    handler = AsyncSocketModeHandler(build(client), "xapp-bench", web_client=client)

    async def hook(request: web.Request) -> web.Response:
        event = (await request.json())["event"]
        await client.chat_postMessage(channel="C01GEN", text=event["data"]["title"])
        return web.Response(status=202)

    async def healthz(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    server = web.Application()
    server.router.add_post("/webhooks/pagerduty", hook)
    server.router.add_get("/healthz", healthz)
    runner = web.AppRunner(server, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await handler.connect_async()
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--slack", required=True)
    given = parser.parse_args()
    asyncio.run(main(given.port, given.slack))
