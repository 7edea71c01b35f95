"""PagerDuty's account by REST: people, services, on-call, change events, maintenance windows.

A group of calls of pagerduty_rest. Source: reference/apis.md 2.3.
"""

from __future__ import annotations

from aiohttp import web

from bot.sandbox.pagerduty_records import JSON
from bot.sandbox.pagerduty_rest import Act, PagerDutyRest


class PagerDutyDirectory(PagerDutyRest):
    """Calls that only read."""

    def routes(self) -> list[web.RouteDef]:
        """For aiohttp."""
        reads: list[tuple[str, Act]] = [
            ("/change_events", self.list_changes),
            ("/oncalls", self.list_oncalls),
            ("/users", self.list_users),
            ("/users/{id}", self.get_user),
            ("/services", self.list_services),
            ("/services/{id}", self.get_service),
            ("/services/{id}/change_events", self.list_changes),
            ("/maintenance_windows", self.list_windows),
            ("/abilities", self.list_abilities),
        ]
        return [web.get(path, self.answering(act)) for path, act in reads]

    async def list_changes(self, request: web.Request) -> JSON:
        """Change events of the account or of one service."""
        service = request.match_info.get("id")
        every = reversed(self.account.changes)
        found = [c for c in every if service is None or any(s["id"] == service for s in c["services"])]
        return self.page(request, "change_events", found)

    async def list_oncalls(self, request: web.Request) -> JSON:
        """Who is on call, by policy, schedule and user."""
        schedules = request.query.getall("schedule_ids[]", ())
        policies = request.query.getall("escalation_policy_ids[]", ())
        users = request.query.getall("user_ids[]", ())
        found = [
            o.as_rest()
            for o in sorted(self.account.oncall, key=lambda o: o.level)
            if (not policies or o.policy in policies)
            and (not users or o.user.id in users)
            and (not schedules or o.schedule in schedules)
        ]
        return self.page(request, "oncalls", found)

    async def list_users(self, request: web.Request) -> JSON:
        """People whose name or e-mail holds `query`."""
        wanted = request.query.get("query", "").lower()
        found = [u for u in self.account.users.values() if wanted in f"{u.name} {u.email}".lower()]
        return self.page(request, "users", [u.as_rest() for u in found])

    async def get_user(self, request: web.Request) -> JSON:
        """One person."""
        return {"user": self.find(self.account.users, request).as_rest()}

    async def list_services(self, request: web.Request) -> JSON:
        """All services."""
        wanted = request.query.get("query", "").lower()
        found = [s for s in self.account.services.values() if wanted in s.name.lower()]
        return self.page(request, "services", [s.as_rest() for s in found])

    async def get_service(self, request: web.Request) -> JSON:
        """One service."""
        return {"service": self.find(self.account.services, request).as_rest()}

    async def list_windows(self, request: web.Request) -> JSON:
        """Maintenance windows: none in the sandbox."""
        return self.page(request, "maintenance_windows", [])

    async def list_abilities(self, _: web.Request) -> JSON:
        """What the plan of the account allows."""
        return {"abilities": ["sso", "event_rules", "coordinated_responding"]}
