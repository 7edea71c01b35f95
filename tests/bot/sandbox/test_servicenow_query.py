"""The stand-in's encoded queries and display values, and its change requests as the bot's own client reads them."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from bot.clients.servicenow import ServiceNowClient
from bot.sandbox.servicenow_query import select, shown_value
from bot.sandbox.tickets import TicketStandIn

ROWS = [
    {"number": "1", "state": "new", "start_date": "2026-11-21 10:00:00"},
    {"number": "2", "state": "done", "start_date": "2026-11-22 10:00:00"},
    {"number": "3", "state": "new", "start_date": ""},
]


@pytest.mark.parametrize(
    "query,numbers",
    [
        ("", "123"),
        ("state=new", "13"),
        ("state!=new", "2"),
        ("start_date>=2026-11-22 10:00:00", "2"),
        ("start_date<=2026-11-21 10:00:00^start_dateISNOTEMPTY", "1"),
        ("start_dateISEMPTY", "3"),
        ("numberIN1,2^ORDERBYDESCnumber", "21"),
        ("stateSTARTSWITHd", "2"),
        ("stateLIKENEW", "13"),
        ("nonsense", "123"),
    ],
)
def test_an_encoded_query_keeps_rows(query: str, numbers: str) -> None:
    assert "".join(row["number"] for row in select(ROWS, query)) == numbers


@pytest.mark.parametrize(
    "name,value,expected",
    [
        ("number", "CHG1", {"display_value": "CHG1", "value": "CHG1"}),
        (
            "start_date",
            "2026-11-21 10:00:00",
            {"display_value": "2026-11-21 02:00:00", "value": "2026-11-21 10:00:00"},
        ),
        ("start_date", "", {"display_value": "", "value": ""}),
        ("cmdb_ci", "", {"display_value": "", "value": ""}),
    ],
)
def test_both_forms_of_a_value(name: str, value: str, expected: dict[str, Any]) -> None:
    assert shown_value(name, value, "all") == expected
    assert shown_value(name, value, "false") == value


def test_a_reference_is_stored_as_an_id() -> None:
    shown = shown_value("cmdb_ci", "payments", "all")
    assert shown["display_value"] == "payments"
    assert len(shown["value"]) == 32


async def test_approved_changes_are_planned_until_they_are_closed() -> None:
    count = itertools.count(1)
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    tickets = TicketStandIn(clock=lambda: now, new_id=lambda prefix: f"{prefix}{next(count):010d}")
    await tickets.start()
    headers = {"Authorization": aiohttp.encode_basic_auth(tickets.servicenow_user, tickets.servicenow_password)}
    body = {"short_description": "disks", "cmdb_ci": "payments"}
    body |= {"start_date": "2026-11-21 13:00:00", "end_date": "2026-11-21 14:00:00"}
    try:
        async with aiohttp.ClientSession(f"{tickets.servicenow_url}/api/now/table/", headers=headers) as snow:
            made = (await (await snow.post("change_request", json=body)).json())["result"]
            assert made["number"] == "CHG0010001"
            client = ServiceNowClient(
                snow, tickets.servicenow_url, tickets.servicenow_user, tickets.servicenow_password
            )

            async def planned() -> list[str]:
                found = await client.planned_changes(now, now + timedelta(days=1))
                assert all((c.start, c.end, c.names) == (HOUR_13, HOUR_14, ("payments",)) for c in found)
                return [c.number for c in found]

            assert await planned() == []
            await snow.patch(f"change_request/{made['sys_id']}", json={"approval": "approved", "state": "-2"})
            assert await planned() == ["CHG0010001"]
            await snow.patch(f"change_request/{made['sys_id']}", json={"state": "4"})
            assert await planned() == []
            incident = (await (await snow.post("incident", json=body)).json())["result"]
            assert "start_date" not in incident
    finally:
        await tickets.stop()


HOUR_13, HOUR_14 = datetime(2026, 11, 21, 13, tzinfo=UTC), datetime(2026, 11, 21, 14, tzinfo=UTC)
