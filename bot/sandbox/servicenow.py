"""ServiceNow's Table API: incidents and problems with their journals, and change requests.

Used by tickets.TicketStandIn. Values are strings, journal fields are write-only, unknown fields are dropped silently,
a repeated work note is a second note. Source: reference/apis.md 3.2.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from bot.sandbox.feed import Feed
from bot.sandbox.servicenow_query import select, shown_value

JSON = dict[str, Any]
NUMBERS: Final = {"incident": "INC", "problem": "PRB", "change_request": "CHG"}
JOURNAL: Final = ("work_notes", "comments")
COLUMNS: Final = frozenset(
    [
        "active",
        "approval",
        "assigned_to",
        "assignment_group",
        "business_service",
        "caller_id",
        "category",
        "caused_by",
        "close_code",
        "close_notes",
        "closed_at",
        "cmdb_ci",
        "comments",
        "company",
        "contact_type",
        "correlation_display",
        "correlation_id",
        "description",
        "impact",
        "incident_state",
        "location",
        "opened_at",
        "priority",
        "problem_id",
        "reopen_count",
        "resolved_at",
        "resolved_by",
        "rfc",
        "severity",
        "short_description",
        "state",
        "subcategory",
        "sys_class_name",
        "sys_created_by",
        "sys_created_on",
        "sys_id",
        "sys_mod_count",
        "sys_updated_by",
        "sys_updated_on",
        "urgency",
        "work_notes",
        "first_reported_by_task",
    ]
)
PRIORITY: Final = {("1", "1"): "1", ("1", "2"): "2", ("2", "1"): "2", ("1", "3"): "3", ("2", "2"): "3", ("3", "1"): "3",
                   ("2", "3"): "4", ("3", "2"): "4", ("3", "3"): "5"}  # fmt: skip
CHANGE_COLUMNS: Final = ("start_date", "end_date")
CLOSED: Final = {"change_request": ("3", "4")}  # closed, cancelled; of the other tables 7 and 8
Answer = tuple[int, Any]
Act = Callable[[web.Request], Awaitable[Answer]]


class TableError(Exception):
    """A refused call."""

    def __init__(self, status: int, message: str, detail: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body: JSON = {"error": {"message": message, "detail": detail}, "status": "failure"}


class ServiceNow:
    """One instance. base_url: set by the stand-in once it listens."""

    def __init__(
        self, *, clock: Callable[[], datetime], new_id: Callable[[str], str], feed: Feed, user: str, password: str
    ) -> None:
        self.base_url = ""
        self.tables: dict[str, dict[str, JSON]] = {table: {} for table in NUMBERS}
        self.journal: list[JSON] = []
        self._clock, self._new_id, self._feed, self._user = clock, new_id, feed, user
        self._authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def routes(self) -> list[web.RouteDef]:
        """For aiohttp."""
        many, one = "/api/now/table/{table}", "/api/now/table/{table}/{sys_id}"
        table: list[tuple[str, str, Act]] = [
            ("GET", many, self.list_rows),
            ("POST", many, self.create),
            ("GET", one, self.get),
            ("PATCH", one, self.change),
            ("PUT", one, self.change),
        ]
        return [web.route(method, path, self._answering(act)) for method, path, act in table]

    def work_notes(self, sys_id: str) -> list[str]:
        """The work notes of a record, oldest first."""
        return [j["value"] for j in self.journal if j["element_id"] == sys_id and j["element"] == "work_notes"]

    def _answering(self, act: Act) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            if request.headers.get("Authorization") != self._authorization:
                error = {"message": "User Not Authenticated", "detail": "Required to provide Auth information"}
                return web.json_response({"error": error, "status": "failure"}, status=401)
            try:
                status, result = await act(request)
            except TableError as error:
                return web.json_response(error.body, status=error.status)
            headers = {}
            if status == 201:
                headers["Location"] = f"{self.base_url}{request.path}/{result['sys_id']}"
            if request.headers.get("X-no-response-body") == "true":
                return web.Response(status=204 if status == 200 else status, headers=headers)
            return web.json_response({"result": result}, status=status, headers=headers)

        return answer

    # -- calls ---------------------------------------------------------------------------------------------------
    async def list_rows(self, request: web.Request) -> Answer:
        """Rows that fit an encoded query."""
        name = request.match_info["table"]
        rows = self.journal if name == "sys_journal_field" else list(self._table(request).values())
        rows = select(rows, request.query.get("sysparm_query", ""))
        start = int(request.query.get("sysparm_offset", 0))
        page = rows[start : start + int(request.query.get("sysparm_limit", 10_000))]
        return 200, [self._shown(row, request) for row in page]

    async def get(self, request: web.Request) -> Answer:
        """One row."""
        return 200, self._shown(self._row(request), request)

    async def create(self, request: web.Request) -> Answer:
        """Insert a row."""
        table, given, now = self._table(request), await self._json(request), self._now()
        name = request.match_info["table"]
        sys_id = hashlib.sha256(self._new_id("sn").encode()).hexdigest()[:32]
        state = {"state": "1", "incident_state": "1", "active": "true", "impact": "3", "urgency": "3"}
        columns = [*COLUMNS, *(CHANGE_COLUMNS if name == "change_request" else ())]
        row: JSON = dict.fromkeys(columns, "") | state
        row |= {"sys_id": sys_id, "number": f"{NUMBERS[name]}{len(table) + 10001:07d}", "sys_class_name": name}
        row |= {"opened_at": now, "sys_created_on": now, "sys_created_by": self._user, "sys_mod_count": "-1"}
        table[sys_id] = row
        self._write(row, given)
        return 201, self._shown(row, request)

    async def change(self, request: web.Request) -> Answer:
        """Change fields; a journal field adds an entry each time."""
        row, given = self._row(request), await self._json(request)
        state = str(given.get("state", ""))
        explained = all(given.get(name, row[name]) for name in ("close_code", "close_notes"))
        if state in ("6", "7") and not explained and row["sys_class_name"] == "incident":
            reason = "Data Policy Exception: The following fields are mandatory: Resolution code, Resolution notes"
            raise TableError(403, "Operation Failed", reason)
        self._write(row, given)
        return 200, self._shown(row, request)

    def _write(self, row: JSON, given: JSON) -> None:
        now = self._now()
        for name, value in given.items():
            text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
            if name in JOURNAL:
                if text:
                    self._note(row, name, text, now)
            elif name in row and not name.startswith("sys_"):
                row[name] = text
        if "state" in given:
            row["incident_state"] = row["state"]
            closed = CLOSED.get(row["sys_class_name"], ("7", "8"))
            row["active"] = "false" if row["state"] in closed else "true"
        row["priority"] = PRIORITY.get((row["impact"], row["urgency"]), "5")
        row["sys_mod_count"] = str(int(row["sys_mod_count"]) + 1)
        row |= {"sys_updated_on": now, "sys_updated_by": self._user}
        self._feed.publish({"type": "record", "record": self.shown(row)})

    def _note(self, row: JSON, element: str, text: str, now: str) -> None:
        number = hashlib.sha256(self._new_id("sn").encode()).hexdigest()[:32]
        entry = {"sys_id": number, "element_id": row["sys_id"], "element": element, "value": text}
        entry |= {"name": row["sys_class_name"], "sys_created_on": now, "sys_created_by": self._user}
        self.journal.append(entry)

    def shown(self, row: JSON) -> JSON:
        """A record with its journal, for the page."""
        return row | {"journal": [j for j in self.journal if j["element_id"] == row["sys_id"]]}

    # -- checks --------------------------------------------------------------------------------------------------
    def _table(self, request: web.Request) -> dict[str, JSON]:
        name = request.match_info["table"]
        if name not in self.tables:
            raise TableError(400, f"Invalid table {name}")
        return self.tables[name]

    def _row(self, request: web.Request) -> JSON:
        row = self._table(request).get(request.match_info["sys_id"])
        if row is None:
            raise TableError(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
        return row

    @staticmethod
    def _shown(row: JSON, request: web.Request) -> JSON:
        wanted = request.query.get("sysparm_fields", "")
        display = request.query.get("sysparm_display_value", "false")
        names = [name for name in wanted.split(",") if name in row] if wanted else list(row)
        return {name: shown_value(name, row[name], display) for name in names}

    @staticmethod
    async def _json(request: web.Request) -> JSON:
        try:
            body = await request.json()
        except json.JSONDecodeError:
            body = None
        if not isinstance(body, dict):
            raise TableError(400, "Exception while reading request", "The payload is not valid JSON")
        return body

    def _now(self) -> str:
        return self._clock().astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
