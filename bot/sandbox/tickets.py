"""Two small ticket systems, Jira Cloud and ServiceNow, each behind its own loopback listener.

Started by the sandbox's workspace; stories and the page use the readers. Must not know what the bot writes tickets for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from bot.sandbox.feed import Feed
from bot.sandbox.jira import Jira
from bot.sandbox.listener import Listener
from bot.sandbox.outage import Outage
from bot.sandbox.servicenow import ServiceNow

JSON = dict[str, Any]
JIRA_LIMITED: Final = {"errorMessages": ["Rate limit exceeded."], "errors": {}}
SERVICENOW_LIMITED: Final = {
    "error": {"message": "Rate limit exceeded", "detail": "Rate limit for Table API exceeded"},
    "status": "failure",
}


class TicketStandIn:
    """Both systems.

    projects: Jira project keys that exist. jira_user, jira_token, servicenow_user, servicenow_password: what clients
    must present; made up when not given. feed: {"type": "issue"|"record", ...} at every change.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[str], str],
        outage: Outage | None = None,
        projects: Iterable[str] = ("OPS",),
        jira_user: str = "countersign@example.com",
        jira_token: str = "",
        servicenow_user: str = "countersign",
        servicenow_password: str = "",
    ) -> None:
        def secret() -> str:
            return "".join(c for c in new_id("tk") if c.isalnum())

        self.outage = outage or Outage()
        self.feed = Feed()
        self.jira_user, self.jira_token = jira_user, jira_token or secret()
        self.servicenow_user, self.servicenow_password = servicenow_user, servicenow_password or secret()
        self.jira = Jira(clock=clock, feed=self.feed, projects=projects, user=self.jira_user, token=self.jira_token)
        self.servicenow = ServiceNow(
            clock=clock,
            new_id=new_id,
            feed=self.feed,
            user=self.servicenow_user,
            password=self.servicenow_password,
        )
        self._jira_listener = Listener()
        self._servicenow_listener = Listener()

    async def start(self, jira_port: int = 0, servicenow_port: int = 0) -> None:
        """Listen with both; `jira_url` and `servicenow_url` are known afterwards."""
        jira = web.Application(middlewares=[self.outage.middleware("jira", JIRA_LIMITED)])
        jira.add_routes(self.jira.routes())
        self.jira.base_url = await self._jira_listener.start(jira, jira_port)
        servicenow = web.Application(middlewares=[self.outage.middleware("servicenow", SERVICENOW_LIMITED)])
        servicenow.add_routes(self.servicenow.routes())
        self.servicenow.base_url = await self._servicenow_listener.start(servicenow, servicenow_port)

    @property
    def jira_url(self) -> str:
        """JIRA_URL: the site without a final slash."""
        return self._jira_listener.url

    @property
    def servicenow_url(self) -> str:
        """SERVICENOW_URL: the instance without a final slash."""
        return self._servicenow_listener.url

    async def stop(self) -> None:
        """Stop listening."""
        await self._jira_listener.stop()
        await self._servicenow_listener.stop()

    # -- readers -------------------------------------------------------------------------------------------------
    def issues(self) -> list[JSON]:
        """Every Jira issue as `GET issue` shows it, oldest first."""
        return [issue.as_rest(self.jira.base_url) for issue in self.jira.issues.values()]

    def comments(self, key: str) -> list[JSON]:
        """The comments of an issue, oldest first; `body` is ADF. Raises KeyError."""
        return list(self.jira.issues[key].comments)

    def records(self, table: str = "incident") -> list[JSON]:
        """Every ServiceNow record of a table, oldest first."""
        return [dict(row) for row in self.servicenow.tables.get(table, {}).values()]

    def work_notes(self, sys_id: str) -> list[str]:
        """The work notes of a record, oldest first."""
        return self.servicenow.work_notes(sys_id)
