"""The ServiceNow client: looks before it creates, reads work notes where they are, and lets no [code] through."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.clients.servicenow import Record, ServiceNowClient, neutral
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
