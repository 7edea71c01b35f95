"""Jira Cloud platform v3: issues, comments, transitions, properties, remote links and bounded JQL.

Used by tickets.TicketStandIn. Refuses what Jira refuses: unknown projects, malformed ADF, unbounded JQL, transitions
that are not there. Source: reference/apis.md 3.1.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Final

from aiohttp import web

from bot.sandbox.adf import problems
from bot.sandbox.feed import Feed
from bot.sandbox.jira_records import JSON, STATUSES, TRANSITIONS, Issue, JiraError
from bot.sandbox.jql import BadQuery, matches, parse

ACCOUNT: Final = "712020:sandbox-bot"
SUMMARY_CHARACTERS: Final = 255
PROPERTY_CHARACTERS: Final = 32_768
Answer = tuple[int, JSON | None]
Act = Callable[[web.Request], Awaitable[Answer]]


class Jira:
    """One site. base_url: set by the stand-in once it listens."""

    def __init__(
        self, *, clock: Callable[[], datetime], feed: Feed, projects: Iterable[str], user: str, token: str
    ) -> None:
        self.base_url = ""
        self.issues: dict[str, Issue] = {}
        self._clock, self._feed = clock, feed
        self._counts = dict.fromkeys(projects, 0)
        self._authorization = "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()
        self._user = user
        self._number = 10_000

    def routes(self) -> list[web.RouteDef]:
        """For aiohttp."""
        one = "/rest/api/3/issue/{key}"
        table: list[tuple[str, str, Act]] = [
            ("GET", "/rest/api/3/myself", self.myself),
            ("POST", "/rest/api/3/issue", self.create),
            ("GET", one, self.get),
            ("PUT", one, self.edit),
            ("GET", "/rest/api/3/search/jql", self.search),
            ("POST", "/rest/api/3/search/jql", self.search),
            ("GET", f"{one}/comment", self.list_comments),
            ("POST", f"{one}/comment", self.add_comment),
            ("GET", f"{one}/transitions", self.list_transitions),
            ("POST", f"{one}/transitions", self.transition),
            ("GET", f"{one}/properties/{{name}}", self.get_property),
            ("PUT", f"{one}/properties/{{name}}", self.put_property),
            ("GET", f"{one}/remotelink", self.list_links),
            ("POST", f"{one}/remotelink", self.link),
        ]
        return [web.route(method, path, self._answering(act)) for method, path, act in table]

    def _answering(self, act: Act) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            if request.headers.get("Authorization") != self._authorization:
                return web.json_response(
                    {"message": "Client must be authenticated to access this resource."}, status=401
                )
            try:
                status, body = await act(request)
            except JiraError as error:
                return web.json_response(error.body, status=error.status)
            return web.Response(status=status) if body is None else web.json_response(body, status=status)

        return answer

    # -- issues --------------------------------------------------------------------------------------------------
    async def myself(self, _: web.Request) -> Answer:
        """Who the token is."""
        return 200, self._author() | {"emailAddress": self._user}

    async def create(self, request: web.Request) -> Answer:
        """Make an issue; summary, project and issue type are required, the description is ADF."""
        body = await self._json(request)
        fields = body.get("fields")
        if not isinstance(fields, dict):
            raise JiraError(400, "fields is required")
        project = str((fields.get("project") or {}).get("key") or "")
        errors = self._field_errors(fields)
        if project not in self._counts:
            errors["project"] = "Specify a valid project ID or key"
        if not (fields.get("issuetype") or {}).get("name") and not (fields.get("issuetype") or {}).get("id"):
            errors["issuetype"] = "Specify an issue type"
        if "summary" not in fields:
            errors["summary"] = "You must specify a summary of the issue."
        if errors:
            raise JiraError(400, **errors)
        self._counts[project] += 1
        self._number += 1
        now = self._now()
        issue = Issue(str(self._number), f"{project}-{self._counts[project]}", dict(fields), now, now)
        for entry in body.get("properties") or ():
            issue.properties[str(entry["key"])] = entry["value"]
        self.issues[issue.key] = issue
        self._show(issue)
        return 201, {"id": issue.id, "key": issue.key, "self": f"{self.base_url}/rest/api/3/issue/{issue.id}"}

    async def get(self, request: web.Request) -> Answer:
        """One issue."""
        issue = self._issue(request)
        body = issue.as_rest(self.base_url)
        wanted = request.query.get("properties", "")
        if wanted:
            body["properties"] = {
                n: v for n, v in issue.properties.items() if wanted == "*all" or n in wanted.split(",")
            }
        return 200, body

    async def edit(self, request: web.Request) -> Answer:
        """Change fields."""
        issue = self._issue(request)
        fields = (await self._json(request)).get("fields") or {}
        if errors := self._field_errors(fields):
            raise JiraError(400, **errors)
        issue.fields |= fields
        self._changed(issue)
        return 204, None

    async def search(self, request: web.Request) -> Answer:
        """Bounded JQL; ids only unless fields are asked for; pages by nextPageToken."""
        asked: JSON = dict(request.query) if request.method == "GET" else await self._json(request)
        fields = asked.get("fields") or []
        wanted = fields.split(",") if isinstance(fields, str) else list(fields)
        try:
            query = parse(str(asked.get("jql") or ""))
        except BadQuery as error:
            raise JiraError(400, str(error)) from None
        found = [i for i in self.issues.values() if matches(query, i.as_rest(self.base_url), i.properties)]
        if query.newest_first:
            found.reverse()
        start, most = int(asked.get("nextPageToken") or 0), min(int(asked.get("maxResults") or 50), 5000)
        rows = [self._row(issue, wanted) for issue in found[start : start + most]]
        answer: JSON = {"issues": rows, "isLast": start + most >= len(found)}
        if not answer["isLast"]:
            answer["nextPageToken"] = str(start + most)
        return 200, answer

    def _row(self, issue: Issue, wanted: list[str]) -> JSON:
        whole = issue.as_rest(self.base_url)
        if not wanted:
            return {"id": issue.id}
        everything = bool({"*all", "*navigable"} & set(wanted))
        return whole | {"fields": {n: v for n, v in whole["fields"].items() if everything or n in wanted}}

    # -- what hangs on an issue ----------------------------------------------------------------------------------
    async def list_comments(self, request: web.Request) -> Answer:
        """Comments, oldest first unless orderBy=-created."""
        comments = list(self._issue(request).comments)
        if request.query.get("orderBy") == "-created":
            comments.reverse()
        start, most = int(request.query.get("startAt", 0)), int(request.query.get("maxResults", 5000))
        page = {"startAt": start, "maxResults": most, "total": len(comments)}
        return 200, page | {"comments": comments[start : start + most]}

    async def add_comment(self, request: web.Request) -> Answer:
        """Write a comment; the body is ADF."""
        issue = self._issue(request)
        body = await self._json(request)
        if found := problems(body.get("body")):
            limit = "CONTENT_LIMIT_EXCEEDED" in found
            raise JiraError(400, comment="CONTENT_LIMIT_EXCEEDED" if limit else f"INVALID_INPUT: {found[0]}")
        self._number += 1
        address = f"{self.base_url}/rest/api/3/issue/{issue.id}/comment/{self._number}"
        comment: JSON = {"self": address, "id": str(self._number), "author": self._author(), "body": body["body"]}
        comment |= {"updateAuthor": self._author(), "created": self._now(), "updated": self._now(), "jsdPublic": True}
        if body.get("properties"):
            comment["properties"] = body["properties"]
        issue.comments.append(comment)
        self._changed(issue)
        return 201, comment

    async def list_transitions(self, request: web.Request) -> Answer:
        """Where the issue can go from here."""
        here = self._issue(request).status
        flags = {"hasScreen": False, "isGlobal": True, "isInitial": False, "isAvailable": True, "isConditional": False}
        rows: list[JSON] = []
        for name, (title, to) in TRANSITIONS.items():
            status, category = STATUSES[to]
            target = {"id": to, "name": status, "statusCategory": {"key": category}}
            rows.append({"id": name, "name": title, "to": target, **flags})
        return 200, {"transitions": [row for row in rows if row["to"]["id"] != here]}

    async def transition(self, request: web.Request) -> Answer:
        """Take one of them."""
        issue = self._issue(request)
        wanted = str(((await self._json(request)).get("transition") or {}).get("id") or "")
        if wanted not in TRANSITIONS or TRANSITIONS[wanted][1] == issue.status:
            raise JiraError(
                400, "It seems that you have tried to perform an operation which you are not permitted to perform."
            )
        issue.status = TRANSITIONS[wanted][1]
        self._changed(issue)
        return 204, None

    async def get_property(self, request: web.Request) -> Answer:
        """A hidden value."""
        name = request.match_info["name"]
        properties = self._issue(request).properties
        if name not in properties:
            raise JiraError(404, f"The property {name} does not exist.")
        return 200, {"key": name, "value": properties[name]}

    async def put_property(self, request: web.Request) -> Answer:
        """Set a hidden value: any JSON, at most 32,768 characters."""
        issue, name = self._issue(request), request.match_info["name"]
        text = await request.text()
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            raise JiraError(400, "The property value is not valid JSON.") from None
        if len(text) > PROPERTY_CHARACTERS:
            raise JiraError(400, "The property value is too long.")
        status = 200 if name in issue.properties else 201
        issue.properties[name] = value
        return status, {}

    async def list_links(self, request: web.Request) -> Answer:
        """Remote links."""
        links = [dict(link) for link in self._issue(request).links]
        return 200, links  # type: ignore[return-value]  # the one Jira answer that is a list

    async def link(self, request: web.Request) -> Answer:
        """Add a remote link, or update the one with the same globalId."""
        issue, body = self._issue(request), await self._json(request)
        thing = body.get("object")
        if not isinstance(thing, dict) or not thing.get("url") or not thing.get("title"):
            raise JiraError(400, object="url and title are required")
        same = str(body.get("globalId") or "")
        existing = next(
            (k for k in issue.links if body.get("globalId") and k.get("globalId") == body["globalId"]), None
        )
        if existing:
            existing["object"] = thing
        else:
            self._number += 1
            issue.links.append({"id": self._number, "globalId": same, "object": thing})
        chosen = existing or issue.links[-1]
        self._changed(issue)
        address = f"{self.base_url}/rest/api/3/issue/{issue.id}/remotelink/{chosen['id']}"
        return (200 if existing else 201), {"id": chosen["id"], "self": address}

    # -- checks --------------------------------------------------------------------------------------------------
    def _field_errors(self, fields: JSON) -> dict[str, str]:
        errors = {}
        summary = fields.get("summary", "x")
        if not isinstance(summary, str) or not summary.strip():
            errors["summary"] = "You must specify a summary of the issue."
        elif len(summary) > SUMMARY_CHARACTERS:
            errors["summary"] = "Summary must be less than 255 characters."
        elif "\n" in summary:
            errors["summary"] = "The summary is invalid because it contains newline characters."
        if fields.get("description") is not None and (found := problems(fields["description"])):
            errors["description"] = f"Operation value must be an Atlassian Document ({found[0]})"
        labels = fields.get("labels", [])
        if not isinstance(labels, list) or any(not isinstance(label, str) or " " in label for label in labels):
            errors["labels"] = "The label contains spaces which is invalid."
        return errors

    def _issue(self, request: web.Request) -> Issue:
        wanted = request.match_info["key"]
        issue = self.issues.get(wanted) or next((i for i in self.issues.values() if i.id == wanted), None)
        if issue is None:
            raise JiraError(404, "Issue does not exist or you do not have permission to see it.")
        return issue

    @staticmethod
    async def _json(request: web.Request) -> JSON:
        try:
            body = await request.json()
        except json.JSONDecodeError:
            raise JiraError(400, "There was an error parsing JSON.") from None
        if not isinstance(body, dict):
            raise JiraError(400, "There was an error parsing JSON.")
        return body

    def _author(self) -> JSON:
        return {"accountId": ACCOUNT, "displayName": "Countersign", "active": True, "accountType": "app"}

    def _now(self) -> str:
        return self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"

    def _changed(self, issue: Issue) -> None:
        issue.updated = self._now()
        self._show(issue)

    def _show(self, issue: Issue) -> None:
        self._feed.publish({"type": "issue", "issue": issue.as_rest(self.base_url) | {"links": issue.links}})
