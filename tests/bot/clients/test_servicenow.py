"""The ServiceNow client: looks before it creates, reads work notes where they are, and lets no [code] through."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.clients.servicenow import CHANGES_PAGE, PlannedChange, Record, ServiceNowClient, neutral
from bot.errors import Ambiguous, ConfigurationError, Permanent, Transient

TABLE = "/api/now/table"
INCIDENT = "inc_aaaaaaaaaaaaaaaa"
SYS_ID = "c537bae64f411200adf9f8e18110c76e"
PAYLOADS = Path(__file__).parents[4] / "shared" / "payloads" / "servicenow"


@pytest.fixture
def client(vendor: Any, session: aiohttp.ClientSession) -> ServiceNowClient:
    return ServiceNowClient(session, vendor.url, "bot", "password", deadline=0.5)


def answer(name: str) -> tuple[int, Any]:
    path = PAYLOADS / name
    if not path.is_file():
        pytest.skip("../shared/payloads is not here")
    return 200, json.loads(path.read_text())


async def test_a_record_is_made_once_and_found_again(vendor: Any, client: ServiceNowClient) -> None:
    made = answer("table_post_incident.json")
    vendor.on(f"GET {TABLE}/incident", (200, {"result": []}), (200, {"result": [made[1]["result"]]}))
    vendor.on(f"POST {TABLE}/incident", (201, made[1]))
    first = await client.create_incident(INCIDENT, "payments\ndown [code]<b>[/code]", "why")
    second = await client.create_incident(INCIDENT, "x", "y")
    assert first == second == Record(SYS_ID, "INC0010002")
    look, create, _ = vendor.asked
    assert dict(look.query)["sysparm_query"] == f"correlation_id={INCIDENT}^ORDERBYsys_created_on"
    assert create.json["correlation_id"] == INCIDENT
    assert create.json["short_description"] == "payments down (code)<b>(/code)"
    assert SYS_ID in client.address(first)


async def test_T64_an_unanswered_creation_is_ambiguous_and_the_next_try_looks(
    vendor: Any, client: ServiceNowClient, silent: Any
) -> None:
    row = {"sys_id": SYS_ID, "number": "INC1"}
    vendor.on(f"GET {TABLE}/incident", (200, {"result": []}), (200, {"result": [row]}))
    vendor.on(f"POST {TABLE}/incident", silent)
    with pytest.raises(Ambiguous):
        await client.create_incident(INCIDENT, "x", "y")
    assert (await client.create_incident(INCIDENT, "x", "y")).number == "INC1"
    assert [one.method for one in vendor.asked].count("POST") == 1


async def test_work_notes_are_written_to_the_record_and_read_from_the_journal(
    vendor: Any, client: ServiceNowClient
) -> None:
    vendor.on(f"PATCH {TABLE}/incident/{SYS_ID}", answer("table_patch_incident.json"))
    vendor.on(f"GET {TABLE}/sys_journal_field", (200, {"result": [{"sys_id": "j1", "value": "x\n[cs-3]"}, None]}))
    await client.add_work_note(SYS_ID, "done [CODE]<script>[ / code ]\n[cs-3]")
    assert vendor.asked[0].json == {"work_notes": "done (CODE)<script>( / code )\n[cs-3]"}
    notes = await client.work_notes(SYS_ID)
    assert [(note.id, note.text) for note in notes] == [("j1", "x\n[cs-3]")]
    assert dict(vendor.asked[1].query)["sysparm_query"].startswith(f"element_id={SYS_ID}^element=work_notes^")


async def test_T64_failures_are_told_apart(vendor: Any, client: ServiceNowClient, aborted: Any) -> None:
    note = f"PATCH {TABLE}/incident/{SYS_ID}"
    limit = answer("error_429.json")[1]
    vendor.on(note, (429, limit, {"Retry-After": "3000"}))
    with pytest.raises(Transient) as caught:
        await client.add_work_note(SYS_ID, "x")
    assert caught.value.retry_after == 3000.0
    for failure in (aborted, (500, "<html>")):
        vendor.on(note, failure)
        with pytest.raises(Ambiguous):
            await client.add_work_note(SYS_ID, "x")
    vendor.on(note, (403, {"error": {"message": "Operation Failed", "detail": "ACL"}, "status": "failure"}))
    with pytest.raises(Permanent, match="Operation Failed; ACL"):
        await client.add_work_note(SYS_ID, "x")


@pytest.mark.parametrize("bad", ["", "a^active=true", "../x", "a b", "a\n"])
async def test_T30_ids_are_checked_before_they_stand_in_a_query_or_path(
    vendor: Any, client: ServiceNowClient, bad: str
) -> None:
    for call in (client.find_by_correlation(bad), client.work_notes(bad), client.add_work_note(bad, "x")):
        with pytest.raises(Permanent):
            await call
    assert not vendor.asked


@given(st.text(alphabet=st.sampled_from("[]/ codeCODE\n"), max_size=60))
def test_T45_no_code_tag_survives(words: str) -> None:
    squeezed = "".join(neutral(words).lower().split())
    assert "[code]" not in squeezed
    assert "[/code]" not in squeezed


def test_only_https_or_this_machine(session: aiohttp.ClientSession) -> None:
    with pytest.raises(ConfigurationError, match="SERVICENOW_URL"):
        ServiceNowClient(session, "http://acme.service-now.com", "u", "p")


NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY_AFTER = datetime(2026, 11, 22, 12, tzinfo=UTC)


def planned(
    number: str, start: str = "2026-11-21 13:00:00", end: str = "2026-11-21 15:00:00", item: str = "payments"
) -> dict[str, Any]:
    """A row as `sysparm_display_value=all` shows it to a user in Los Angeles."""
    both = {"number": number, "short_description": "new disks"}
    row: dict[str, Any] = {name: {"display_value": value, "value": value} for name, value in both.items()}
    row |= {"start_date": {"display_value": "2026-11-21 05:00:00", "value": start}}
    row |= {"end_date": {"display_value": "2026-11-21 07:00:00", "value": end}}
    row["cmdb_ci"] = {"display_value": item, "value": SYS_ID if item else "", "link": "https://x/"}
    return row | {"business_service": {"display_value": "", "value": ""}}


async def test_planned_changes_are_read_in_utc_with_the_names_of_what_they_are_about(
    vendor: Any, client: ServiceNowClient
) -> None:
    rows = [
        planned("CHG1"),
        planned("CHG2", "2026-11-20 01:00:00", "2026-11-21 12:00:00"),
        planned("CHG3", "2026-11-22 12:00:00", "2026-11-22 13:00:00"),
        planned("CHG4", item=""),
    ]
    vendor.on(f"GET {TABLE}/change_request", (200, {"result": rows}))
    found = await client.planned_changes(NOON, DAY_AFTER)
    start, end = datetime(2026, 11, 21, 13, tzinfo=UTC), datetime(2026, 11, 21, 15, tzinfo=UTC)
    assert found == [
        PlannedChange("CHG1", "new disks", start, end, ("payments",)),
        PlannedChange("CHG4", "new disks", start, end, ()),
    ]
    query = dict(vendor.asked[0].query)
    # a day wider on both sides: the zone that an instance reads these times in is not said anywhere
    assert query["sysparm_query"] == (
        "active=true^approval=approved^start_date<=2026-11-23 12:00:00^end_date>=2026-11-20 12:00:00^ORDERBYstart_date"
    )
    assert query["sysparm_display_value"] == "all"


HALF = [
    {},
    {"result": None},
    {"result": {"number": "CHG1"}},
    {"result": [None]},
    {"result": [planned("CHG1", start="")]},
    {"result": [planned("CHG1", end="soon")]},
    {"result": [planned("CHG1", start="2026-11-21 15:00:00")]},
    {"result": [{"number": "CHG1"}]},
    {"result": [planned("CHG1")] * CHANGES_PAGE},
]


@pytest.mark.parametrize("body", HALF, ids=range(len(HALF)))
async def test_T56_half_an_answer_is_not_a_quiet_week(vendor: Any, client: ServiceNowClient, body: Any) -> None:
    vendor.on(f"GET {TABLE}/change_request", (200, body))
    with pytest.raises(Permanent, match="planned changes"):
        await client.planned_changes(NOON, DAY_AFTER)


async def test_T56_a_servicenow_that_does_not_answer_is_told_apart_from_one_that_refuses(
    vendor: Any, client: ServiceNowClient, silent: Any
) -> None:
    for answered, error in ((silent, Transient), ((500, "<html>"), Transient), ((403, {"error": {}}), Permanent)):
        vendor.on(f"GET {TABLE}/change_request", answered)
        with pytest.raises(error):
            await client.planned_changes(NOON, DAY_AFTER)
