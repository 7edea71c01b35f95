"""Serves the sandbox's page and keeps it live: a small Slack on the left, PagerDuty and the tickets on the right.

Started by the sandbox's workspace. What a visitor does goes through the same acts as a story (SlackWorkspace.click and
so on). Must not load anything from outside, and must not accept a WebSocket from another site.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from aiohttp import WSMsgType, web

from bot.sandbox.listener import Listener
from bot.sandbox.pagerduty import PagerDutyStandIn
from bot.sandbox.pagerduty_records import AlreadySo
from bot.sandbox.slack_records import JSON, NotAcknowledged, NotShown
from bot.sandbox.slack_state import SlackWorkspace
from bot.sandbox.tickets import TicketStandIn

FOLDER: Final = Path(__file__).parent / "page"
TYPES: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
WORDS: Final = {
    "timeout": "The app did not respond within 3 seconds.",
    "not_connected": "The app is not connected.",
    "connection_lost": "The app's connection was lost.",
    "connection_failed": "The app cannot be reached.",
    "slack_unreachable": "Slack is unreachable right now.",
}
Control = Callable[[], Awaitable[str]]
Act = Callable[[JSON], Awaitable[Any]]


class PageServer:
    """The page. controls: label of a button in the top bar and what it does; the text it returns is shown."""

    def __init__(
        self,
        workspace: SlackWorkspace,
        pagerduty: PagerDutyStandIn,
        tickets: TicketStandIn,
        controls: Mapping[str, Control],
    ) -> None:
        self._workspace = workspace
        self._pagerduty = pagerduty
        self._tickets = tickets
        self._controls = dict(controls)
        self._listener = Listener()
        self._queues: set[asyncio.Queue[JSON]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        feeds = {id(f): f for f in (workspace.feed, workspace.outage.feed, pagerduty.feed, pagerduty.outage.feed,
                                    tickets.feed, tickets.outage.feed)}  # fmt: skip
        self._unsubscribe = [feed.subscribe(self._publish) for feed in feeds.values()]
        self._acts: dict[str, Act] = {
            "say": lambda a: workspace.say(a["user"], a["channel"], a["text"], a.get("thread_ts") or None),
            "click": self._click,
            "click_view": lambda a: workspace.click_view(
                a["user"], a["view"], a["action_id"], a.get("value"), values=a.get("values") or {}
            ),
            "submit": lambda a: workspace.submit_view(a["user"], a["view"], a.get("values") or {}),
            "close": lambda a: workspace.close_view(a["user"], a["view"]),
            "home": lambda a: workspace.open_home(a["user"]),
            "dismiss": self._dismiss,
            "control": self._control,
            "pagerduty": self._page_duty,
        }

    async def start(self, port: int = 0) -> str:
        """Listen. Returns the address to open in a browser."""
        application = web.Application()
        application.router.add_get("/", self._file)
        application.router.add_get("/page/{name}", self._file)
        application.router.add_get("/live", self._live)
        return await self._listener.start(application, port)

    @property
    def url(self) -> str:
        """The page's address."""
        return self._listener.url

    async def stop(self) -> None:
        """Stop listening and forget the feeds."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._listener.stop()

    def snapshot(self) -> JSON:
        """Everything the page shows, as one event."""
        w, p, t = self._workspace, self._pagerduty, self._tickets
        messages = [w.shown(m) for channel in w.channels for m in w.history(channel)]
        return {
            "type": "snapshot",
            "team": w.team,
            "bot": {"id": w.bot.id, "name": w.bot.name, "real_name": w.bot.real_name, "colour": w.bot.colour},
            "users": [
                {"id": u.id, "name": u.name, "real_name": u.real_name, "title": u.title, "email": u.email}
                | {"colour": u.colour, "is_bot": u.is_bot, "deleted": u.deleted}
                for u in w.users.values()
            ],
            "channels": [
                {"id": c.id, "name": c.name, "is_im": c.is_im, "members": sorted(c.members), "topic": c.topic}
                for c in w.channels.values()
            ],
            "usergroups": [{"id": g.id, "handle": g.handle} for g in w.usergroups.values()],
            "commands": list(w.commands),
            "messages": messages + [w.shown(m) for m in w.all_ephemerals()],
            "views": {user: [w.view_as_api(v) for v in w.open_views(user)] for user in w.users},
            "homes": {user: w.view_as_api(view) for user, view in w.homes.items()},
            "incidents": [p.shown(incident) for incident in p.incidents.values()],
            "responders": [{"id": u.id, "name": u.name, "email": u.email} for u in p.users.values()],
            "events": p.events(),
            "pages": list(p.pages),
            "issues": [i.as_rest(t.jira.base_url) | {"links": i.links} for i in t.jira.issues.values()],
            "records": [t.servicenow.shown(row) for table in t.servicenow.tables.values() for row in table.values()],
            "controls": list(self._controls),
            "outages": {**w.outage.modes(), **p.outage.modes(), **t.outage.modes()},
        }

    # -- serving -------------------------------------------------------------------------------------------------
    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info.get("name", "index.html")
        files = {path.name: path for path in FOLDER.iterdir() if path.suffix in TYPES}
        if name not in files:
            return web.Response(status=404, text="Not found", headers=HEADERS)
        kind = TYPES[files[name].suffix]
        return web.Response(body=files[name].read_bytes(), content_type=kind, charset="utf-8", headers=HEADERS)

    async def _live(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Origin") != f"http://{request.host}":
            return web.Response(status=403, text="another site may not act here")
        socket = web.WebSocketResponse(heartbeat=20)
        await socket.prepare(request)
        queue: asyncio.Queue[JSON] = asyncio.Queue()
        queue.put_nowait(self.snapshot())
        self._queues.add(queue)
        writer = self._spawn(self._write(socket, queue))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._spawn(self._perform(json.loads(message.data), queue))
        finally:
            self._queues.discard(queue)
            writer.cancel()
        return socket

    async def _write(self, socket: web.WebSocketResponse, queue: asyncio.Queue[JSON]) -> None:
        while not socket.closed:
            event = await queue.get()
            try:
                await socket.send_str(json.dumps(event))
            except ConnectionError:
                return

    def _publish(self, event: JSON) -> None:
        """A feed's event to every open page; a change of people or channels is a new snapshot."""
        if not self._queues:
            return
        shown = self.snapshot() if event["type"] == "reload" else event
        for queue in self._queues:
            queue.put_nowait(shown)

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # -- acting --------------------------------------------------------------------------------------------------
    async def _perform(self, asked: JSON, queue: asyncio.Queue[JSON]) -> None:
        """Do one thing a visitor asked for and answer `{re, ok, result | error}`."""
        answer: JSON = {"type": "answer", "re": asked.get("id"), "ok": True}
        act = self._acts.get(str(asked.get("act")))
        if act is None:
            queue.put_nowait(answer | {"ok": False, "error": "unknown act"})
            return
        try:
            result = await act(asked)
            answer["result"] = result if isinstance(result, str | dict | list) else None
        except NotAcknowledged as error:
            answer |= {
                "ok": False,
                "error": WORDS.get(error.reason, f"The app answered with an error ({error.reason})."),
            }
        except (NotShown, AlreadySo) as error:
            answer |= {"ok": False, "error": str(error)}
        except KeyError as error:
            answer |= {"ok": False, "error": f"{error.args[0]} is missing or unknown"}
        queue.put_nowait(answer)

    async def _click(self, a: JSON) -> None:
        """The visitor's screen may show the version before: the page says so with `stale`."""
        state = a.get("state") or {}
        await self._workspace.click(
            a["user"], a["channel"], a["ts"], a["action_id"], a.get("value"), state=state, stale=bool(a.get("stale"))
        )

    async def _dismiss(self, a: JSON) -> None:
        self._workspace.remove_ephemeral(a["user"], a["ts"])

    async def _control(self, a: JSON) -> str:
        return await self._controls[a["name"]]()

    async def _page_duty(self, a: JSON) -> None:
        """Acknowledge, resolve or annotate in PagerDuty as the responder with the Slack user's e-mail address."""
        email = self._workspace.users[a["user"]].email
        responder = next((u.id for u in self._pagerduty.users.values() if u.email == email), None)
        if a["what"] == "annotate":
            await self._pagerduty.annotate(a["incident"], a["text"], responder)
        elif a["what"] == "acknowledge":
            await self._pagerduty.acknowledge(a["incident"], responder)
        elif a["what"] == "resolve":
            await self._pagerduty.resolve(a["incident"], responder)
        else:
            raise NotShown(f"PagerDuty has no button {a['what']}")
