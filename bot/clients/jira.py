"""Jira Cloud REST v3: one issue per incident and comments on it.

Called by bot/recorders/jira.py. Creating and commenting are not idempotent (reference/apis.md section 7): creating
looks for the incident's label first, and a comment that may have been written is looked up by its marker.
JQL is only ever built from checked ids. Must not parse mark-up: bodies are ADF (bot/clients/adf.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from bot.clients import adf
from bot.clients.addresses import base_url, path_part
from bot.clients.exchange import Api, basic_authorization
from bot.errors import Ambiguous

PROPERTY = "countersign"
SUMMARY_CHARACTERS = 255
COMMENT_PAGE = 100
MAX_COMMENT_PAGES = 50


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment that came back: its id and all its text."""

    id: str
    text: str


class JiraClient:
    """One bot user's access to one Jira site.

    session: shared, closed by its owner. site: `https://<site>.atlassian.net`. issue_type: name of the type to create.
    deadline: seconds for one call.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        site: str,
        user: str,
        token: str,
        issue_type: str = "Task",
        deadline: float = 10.0,
    ) -> None:
        self._site = base_url(site, "JIRA_URL")
        authorization = basic_authorization(user, token, "JIRA_USER")
        self._api = Api(session, f"{self._site}/rest/api/3", "Jira", authorization, deadline)
        self._issue_type = issue_type

    def address(self, key: str) -> str:
        """Where people find the issue."""
        return f"{self._site}/browse/{path_part(key, '-_')}"

    async def find_issue(self, project: str, incident_id: str) -> str | None:
        """Key of the issue that carries this incident's label, or None. Jira's search may lag by some seconds."""
        jql = f'project = "{path_part(project, "_")}" AND labels = "{label(incident_id)}" ORDER BY created ASC'
        query = {"jql": jql, "fields": ["key"], "maxResults": 1}
        answer = await self._api.call("POST", "/search/jql", "search", repeatable=True, body=query)
        issues = answer.get("issues")
        first = issues[0] if isinstance(issues, list) and issues else None
        return str(first["key"]) if isinstance(first, Mapping) and first.get("key") else None

    async def create_issue(
        self,
        project: str,
        summary: str,
        description_adf: Mapping[str, Any],
        labels: tuple[str, ...],
        incident_id: str,
    ) -> str:
        """The incident's issue key: the one that is there already, else a new one.

        Raises Ambiguous when the creation was not answered: call it again, it looks first.
        """
        found = await self.find_issue(project, incident_id)
        if found is not None:
            return found
        body = {
            "fields": {
                "project": {"key": path_part(project, "_")},
                "issuetype": {"name": self._issue_type},
                "summary": " ".join(summary.split())[:SUMMARY_CHARACTERS] or "Incident",
                "description": dict(description_adf),
                "labels": [label(incident_id), *(name.replace(" ", "-") for name in labels)],
            },
            "properties": [{"key": PROPERTY, "value": {"incident": incident_id}}],
        }
        answer = await self._api.call("POST", "/issue", "create issue", repeatable=False, body=body)
        if not answer.get("key"):
            raise Ambiguous("Jira create issue: the answer names no key")
        return str(answer["key"])

    async def comments(self, key: str) -> list[Comment]:
        """Every comment of the issue, oldest first."""
        found: list[Comment] = []
        for page in range(MAX_COMMENT_PAGES):
            params = {"startAt": str(page * COMMENT_PAGE), "maxResults": str(COMMENT_PAGE), "orderBy": "created"}
            path = f"/issue/{path_part(key, '-_')}/comment"
            answer = await self._api.call("GET", path, "comments", repeatable=True, params=params)
            items = answer.get("comments")
            items = [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []
            found += [Comment(id=str(item.get("id", "")), text=adf.plain(item.get("body"))) for item in items]
            if len(items) < COMMENT_PAGE:
                break
        return found

    async def add_comment(self, key: str, body_adf: Mapping[str, Any]) -> str:
        """Write a comment, return its id. Not repeatable: after Ambiguous look at `comments` first."""
        path = f"/issue/{path_part(key, '-_')}/comment"
        answer = await self._api.call("POST", path, "comment", repeatable=False, body={"body": dict(body_adf)})
        return str(answer.get("id", ""))


def label(incident_id: str) -> str:
    """The label that ties an issue to an incident: `cs-<incident id>`. Raises Permanent for an odd id."""
    return f"cs-{path_part(incident_id, '_')}"
