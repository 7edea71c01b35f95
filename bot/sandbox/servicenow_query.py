"""ServiceNow's encoded queries and display values, over rows of text.

Used by bot/sandbox/servicenow.py. Dates are compared as text, which is their order in ServiceNow's form.
Source: reference/apis.md 3.2.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

JSON = dict[str, Any]
TERM: Final = re.compile(
    r"(?P<field>[a-z0-9_.]+)(?P<operator>!=|<=|>=|=|LIKE|STARTSWITH|IN|ISEMPTY|ISNOTEMPTY)(?P<value>.*)"
)
REFERENCES: Final = ("cmdb_ci", "business_service")
DATES: Final = ("start_date", "end_date")
USERS_ZONE: Final = ZoneInfo("America/Los_Angeles")
FORMAT: Final = "%Y-%m-%d %H:%M:%S"


def shown_value(name: str, value: str, display: str) -> Any:
    """A value as `sysparm_display_value` asks for it: `false` the stored text, `all` both forms.

    The stored form of a date is UTC and the other one is in the user's zone; a reference is stored as an id and shown by
    its name.
    """
    if display != "all":
        return value
    if name in DATES and value:
        local = datetime.strptime(value, FORMAT).replace(tzinfo=UTC).astimezone(USERS_ZONE)
        return {"display_value": local.strftime(FORMAT), "value": value}
    if name in REFERENCES and value:
        return {"display_value": value, "value": hashlib.sha256(value.encode()).hexdigest()[:32]}
    return {"display_value": value, "value": value}


def select(rows: list[JSON], query: str) -> list[JSON]:
    """The rows an encoded query keeps, in its order: terms joined by ^, ORDERBY and ORDERBYDESC."""
    for term in [part for part in query.split("^") if part]:
        if term.startswith("ORDERBY"):
            down = term.startswith("ORDERBYDESC")
            name = term.removeprefix("ORDERBYDESC" if down else "ORDERBY")
            rows = in_order(rows, name, down=down)
            continue
        parsed = TERM.fullmatch(term)
        if parsed is None:
            continue  # an unknown term is ignored by the vendor too
        rows = [row for row in rows if _keeps(row, parsed["field"], parsed["operator"], parsed["value"])]
    return rows


def in_order(rows: list[JSON], name: str, *, down: bool) -> list[JSON]:
    """The rows sorted by one field."""
    return sorted(rows, key=lambda row: str(row.get(name, "")), reverse=down)


def _keeps(row: JSON, name: str, operator: str, wanted: str) -> bool:
    value = str(row.get(name, ""))
    tests = {
        "<=": value <= wanted,
        ">=": value >= wanted,
        "=": value == wanted,
        "!=": value != wanted,
        "LIKE": wanted.lower() in value.lower(),
        "STARTSWITH": value.startswith(wanted),
        "IN": value in wanted.split(","),
        "ISEMPTY": not value,
        "ISNOTEMPTY": bool(value),
    }
    return tests[operator]
