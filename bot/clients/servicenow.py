"""ServiceNow Table API: one incident record per incident of ours and work notes on it; planned changes for calendars.

Called by bot/recorders/servicenow.py and bot/calendars. A repeated PATCH with `work_notes` adds a second entry, and journal fields cannot
be read back from the record: looking up goes to `sys_journal_field` (reference/apis.md 3.2). `[code]` would be rendered
as HTML, so untrusted text is neutralised here. Encoded queries are only built from checked ids (no `^`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import re2

from bot.clients.addresses import base_url, path_part
from bot.clients.exchange import Api, basic_authorization
from bot.errors import Ambiguous, Permanent

CORRELATION_DISPLAY = "Countersign"
SHORT_DESCRIPTION_CHARACTERS = 160
NOTE_CHARACTERS = 32_000
NOTES_PAGE = 1000
CHANGES_PAGE = 1000
TIME_FORMAT = (
    "%Y-%m-%d %H:%M:%S"  # always UTC in `value`, in the user's zone in `display_value` (reference/apis.md 3.2)
)
ANY_ZONE = timedelta(days=1)  # whichever zone the instance reads a query's times in, this is farther
CODE_TAG = re2.compile(r"(?i)\[(\s*/?\s*code\s*)\]")


@dataclass(frozen=True, slots=True)
class Record:
    """An incident record: sys_id is what calls need, number is what people call it."""

    sys_id: str
    number: str


@dataclass(frozen=True, slots=True)
class WorkNote:
    """A journal entry that came back."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """An approved change request. start <= t < end: when it is planned (UTC). names: of its configuration item and its
    business service, as people call them; empty when it names neither.
    """

    number: str
    short_description: str
    start: datetime
    end: datetime
    names: tuple[str, ...]


class ServiceNowClient:
    """One bot user's access to one instance. session: shared, closed by its owner. deadline: seconds for one call."""

    def __init__(
        self, session: aiohttp.ClientSession, instance: str, user: str, password: str, deadline: float = 15.0
    ) -> None:
        self._instance = base_url(instance, "SERVICENOW_URL")
        authorization = basic_authorization(user, password, "SERVICENOW_USER")
        self._api = Api(session, f"{self._instance}/api/now/table", "ServiceNow", authorization, deadline)

    def address(self, record: Record) -> str:
        """Where people find the record."""
        return f"{self._instance}/nav_to.do?uri=incident.do?sys_id={path_part(record.sys_id)}"

    async def find_by_correlation(self, incident_id: str) -> Record | None:
        """The record made for this incident of ours, or None."""
        params = {
            "sysparm_query": f"correlation_id={path_part(incident_id, '_')}^ORDERBYsys_created_on",
            "sysparm_fields": "sys_id,number",
            "sysparm_limit": "1",
        }
        answer = await self._api.call("GET", "/incident", "look up", repeatable=True, params=params)
        found = _results(answer)
        return _record(found[0]) if found else None

    async def create_incident(self, incident_id: str, short_description: str, description: str) -> Record:
        """The record of this incident: the one that is there already, else a new one.

        Raises Ambiguous when the creation was not answered: call it again, it looks first.
        """
        found = await self.find_by_correlation(incident_id)
        if found is not None:
            return found
        body = {
            "short_description": " ".join(neutral(short_description).split())[:SHORT_DESCRIPTION_CHARACTERS],
            "description": neutral(description)[:NOTE_CHARACTERS],
            "correlation_id": path_part(incident_id, "_"),
            "correlation_display": CORRELATION_DISPLAY,
        }
        answer = await self._api.call("POST", "/incident", "create incident", repeatable=False, body=body)
        result = answer.get("result")
        made = _record(result) if isinstance(result, Mapping) else None
        if made is None:
            raise Ambiguous("ServiceNow create incident: the answer names no record")
        return made

    async def add_work_note(self, sys_id: str, text: str) -> None:
        """Write an internal note. Not repeatable: after Ambiguous look at `work_notes` first."""
        path = f"/incident/{path_part(sys_id)}"
        body = {"work_notes": neutral(text)[:NOTE_CHARACTERS]}
        params = {"sysparm_fields": "sys_id"}
        await self._api.call("PATCH", path, "work note", repeatable=False, params=params, body=body)

    async def work_notes(self, sys_id: str) -> list[WorkNote]:
        """The record's work notes, newest first, at most NOTES_PAGE of them."""
        params = {
            "sysparm_query": f"element_id={path_part(sys_id)}^element=work_notes^ORDERBYDESCsys_created_on",
            "sysparm_fields": "sys_id,value",
            "sysparm_limit": str(NOTES_PAGE),
        }
        answer = await self._api.call("GET", "/sys_journal_field", "work notes", repeatable=True, params=params)
        return [WorkNote(id=str(row.get("sys_id", "")), text=str(row.get("value", ""))) for row in _results(answer)]

    async def planned_changes(self, start: datetime, end: datetime) -> list[PlannedChange]:
        """Approved, active change requests whose planned time overlaps start <= t < end.

        Raises Transient, or Permanent when a row does not say when it is or there are more than CHANGES_PAGE: whoever
        asks must not take half an answer for a quiet week.
        """
        since, until = (at.astimezone(UTC) for at in (start - ANY_ZONE, end + ANY_ZONE))
        params = {
            "sysparm_query": f"active=true^approval=approved^start_date<={until:{TIME_FORMAT}}"
            f"^end_date>={since:{TIME_FORMAT}}^ORDERBYstart_date",
            "sysparm_fields": "number,short_description,start_date,end_date,cmdb_ci,business_service",
            "sysparm_display_value": "all",
            "sysparm_limit": str(CHANGES_PAGE),
        }
        answer = await self._api.call("GET", "/change_request", "planned changes", repeatable=True, params=params)
        rows = answer.get("result")
        if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
            raise Permanent("ServiceNow planned changes: the answer holds no list of rows")
        if len(rows) >= CHANGES_PAGE:
            raise Permanent(f"ServiceNow planned changes: {CHANGES_PAGE} or more in these days")
        found = [_change(row) for row in rows]
        return [change for change in found if change.start < end and change.end > start]


def neutral(text: str) -> str:
    """The text with every `[code]` and `[/code]` made harmless: `(code)`."""
    return str(CODE_TAG.sub(r"(\1)", text))


def _results(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    rows = answer.get("result")
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _record(row: Mapping[str, Any]) -> Record | None:
    sys_id, number = row.get("sys_id"), row.get("number")
    return Record(sys_id=sys_id, number=str(number or sys_id)) if isinstance(sys_id, str) and sys_id else None


def _change(row: Mapping[str, Any]) -> PlannedChange:
    number = _part(row, "number", "display_value")[:40]
    times = [_part(row, name, "value") for name in ("start_date", "end_date")]
    try:
        start, end = (datetime.strptime(text, TIME_FORMAT).replace(tzinfo=UTC) for text in times)
    except ValueError as error:
        raise Permanent(f"ServiceNow planned changes: {number or 'a row'} does not say when it is") from error
    if start >= end:
        raise Permanent(f"ServiceNow planned changes: {number or 'a row'} ends before it starts")
    names = tuple(
        dict.fromkeys(filter(None, (_part(row, n, "display_value") for n in ("cmdb_ci", "business_service"))))
    )
    return PlannedChange(number, _part(row, "short_description", "display_value")[:200], start, end, names)


def _part(row: Mapping[str, Any], name: str, which: str) -> str:
    """A field as `sysparm_display_value=all` gives it: {"display_value", "value"}."""
    field = row.get(name)
    text = field.get(which) if isinstance(field, Mapping) else field
    return text.strip() if isinstance(text, str) else ""
