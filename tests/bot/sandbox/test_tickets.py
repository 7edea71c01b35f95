"""The ticket stand-ins over real HTTP: Jira with ADF and bounded JQL, ServiceNow's Table API."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.sandbox.adf import CHARACTERS, problems, text_of
from bot.sandbox.jql import BadQuery, parse
from bot.sandbox.tickets import TicketStandIn

PAYLOADS = Path(__file__).resolve().parents[4] / "shared" / "payloads"


def doc(*content: dict[str, Any]) -> dict[str, Any]:
    return {"type": "doc", "version": 1, "content": list(content)}


def paragraph(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "paragraph", "content": [{"type": "text", "text": text, **more}]}


def issue(**fields: Any) -> dict[str, Any]:
    plain = {"project": {"key": "OPS"}, "issuetype": {"name": "Incident"}, "summary": "payments: 5xx"}
    return {"fields": {**plain, **fields}}


@pytest.fixture
async def tickets() -> AsyncIterator[TicketStandIn]:
    count = itertools.count(1)
    tickets = TicketStandIn(clock=lambda: datetime.now(UTC), new_id=lambda prefix: f"{prefix}{next(count):010d}")
    await tickets.start()
    yield tickets
    await tickets.stop()


@pytest.fixture
async def jira(tickets: TicketStandIn) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": aiohttp.encode_basic_auth(tickets.jira_user, tickets.jira_token)}
    async with aiohttp.ClientSession(f"{tickets.jira_url}/rest/api/3/", headers=headers) as session:
        yield session


@pytest.fixture
async def snow(tickets: TicketStandIn) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": aiohttp.encode_basic_auth(tickets.servicenow_user, tickets.servicenow_password)}
    async with aiohttp.ClientSession(f"{tickets.servicenow_url}/api/now/table/", headers=headers) as session:
        yield session


async def test_an_issue_is_created_found_commented_and_moved(
    tickets: TicketStandIn, jira: aiohttp.ClientSession
) -> None:
    made = await jira.post("issue", json=issue(labels=["inc-1"], description=doc(paragraph("what"))))
    assert made.status == 201
    assert (await made.json())["key"] == "OPS-1"
    await jira.post("issue/OPS-1/comment", json={"body": doc(paragraph("cs-7 restarted"))})
    listed = await (await jira.get("issue/OPS-1/comment", params={"orderBy": "-created"})).json()
    assert [text_of(c["body"]) for c in listed["comments"]] == ["cs-7 restarted"]
    assert [text_of(c["body"]) for c in tickets.comments("OPS-1")] == ["cs-7 restarted"]

    query = {"jql": 'project = OPS AND labels = "inc-1" ORDER BY created DESC', "fields": ["summary"]}
    found = await (await jira.post("search/jql", json=query)).json()
    assert [(i["key"], list(i["fields"])) for i in found["issues"]] == [("OPS-1", ["summary"])]
    assert found["isLast"]
    moves = await (await jira.get("issue/OPS-1/transitions")).json()
    done = next(t["id"] for t in moves["transitions"] if t["to"]["name"] == "Done")
    assert (await jira.post("issue/OPS-1/transitions", json={"transition": {"id": done}})).status == 204
    assert (await jira.post("issue/OPS-1/transitions", json={"transition": {"id": done}})).status == 400
    assert tickets.issues()[0]["fields"]["status"]["name"] == "Done"
    if (PAYLOADS / "jira" / "create_issue_201.json").exists():
        sample = json.loads((PAYLOADS / "jira" / "create_issue_201.json").read_text())
        assert set(sample) - {"transition"} <= set(await made.json())


async def test_properties_and_remote_links_are_safe_to_repeat(jira: aiohttp.ClientSession) -> None:
    await jira.post("issue", json=issue())
    assert (await jira.put("issue/OPS-1/properties/countersign", json={"incident": "inc_1"})).status == 201
    assert (await jira.put("issue/OPS-1/properties/countersign", json={"incident": "inc_2"})).status == 200
    assert (await (await jira.get("issue/OPS-1/properties/countersign")).json())["value"] == {"incident": "inc_2"}
    assert (await jira.get("issue/OPS-1/properties/none")).status == 404
    link = {"globalId": "pd-1", "object": {"url": "https://example.com/1", "title": "PagerDuty"}}
    assert [(await jira.post("issue/OPS-1/remotelink", json=link)).status for _ in range(2)] == [201, 200]
    query = {"jql": 'issue.property[countersign].incident = "inc_2"'}
    assert len((await (await jira.post("search/jql", json=query)).json())["issues"]) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (issue(project={"key": "NONE"}), "project"),
        (issue(summary=" "), "summary"),
        (issue(summary="x" * 256), "summary"),
        (issue(summary="two\nlines"), "summary"),
        (issue(description="plain text"), "description"),
        (issue(labels=["two words"]), "labels"),
        (issue(issuetype={}), "issuetype"),
    ],
)
async def test_malformed_issues_are_refused_by_field(
    tickets: TicketStandIn, jira: aiohttp.ClientSession, body: dict[str, Any], field: str
) -> None:
    answer = await jira.post("issue", json=body)
    assert answer.status == 400
    assert field in (await answer.json())["errors"]
    assert tickets.issues() == []


@pytest.mark.parametrize(
    "body",
    [
        "text",
        {"type": "doc", "content": []},
        doc({"type": "text", "text": "bare"}),
        doc(paragraph("")),
        doc({"type": "bulletList", "content": []}),
        doc({"type": "bulletList", "content": [paragraph("no item")]}),
        doc({"type": "codeBlock", "content": [{"type": "text", "text": "x", "marks": [{"type": "strong"}]}]}),
        doc({"type": "heading", "content": []}),
        doc(paragraph("x", marks=[{"type": "blink"}])),
        doc(paragraph("x", marks=[{"type": "code"}, {"type": "strong"}])),
        doc(paragraph("x" * (CHARACTERS + 1))),
    ],
)
async def test_malformed_documents_are_refused(tickets: TicketStandIn, jira: aiohttp.ClientSession, body: Any) -> None:
    await jira.post("issue", json=issue())
    answer = await jira.post("issue/OPS-1/comment", json={"body": body})
    assert answer.status == 400
    assert tickets.comments("OPS-1") == []


def test_valid_documents_have_no_problems() -> None:
    item = {"type": "listItem", "content": [paragraph("one")]}
    code = {"type": "codeBlock", "attrs": {"language": "text"}, "content": [{"type": "text", "text": "<b>"}]}
    link = paragraph("there", marks=[{"type": "link", "attrs": {"href": "https://example.com"}}, {"type": "code"}])
    panel = {"type": "panel", "attrs": {"panelType": "info"}, "content": [paragraph("p")]}
    lists = {"type": "orderedList", "content": [item]}
    rule, empty = {"type": "rule"}, {"type": "paragraph", "content": []}
    document = doc(lists, code, link, panel, rule, empty, {"type": "heading", "attrs": {"level": 2}, "content": []})
    assert problems(document) == []
    sample = PAYLOADS / "jira" / "add_comment_request_adf.json"
    if sample.exists():
        assert problems(json.loads(sample.read_text())["body"]) == []


@pytest.mark.parametrize(
    "jql", ["", "ORDER BY created DESC", "assignee = me", "project = OPS OR key = X-1", "project OPS"]
)
def test_jql_that_is_unbounded_or_unknown_is_refused(jql: str) -> None:
    with pytest.raises(BadQuery):
        parse(jql)


def test_jql_quotes_and_lists_are_read() -> None:
    query = parse('project in (OPS, "WEB") AND summary ~ "a \\" b" order by created desc')
    assert query.clauses == (("project", "IN", ("OPS", "WEB")), ("summary", "~", ('a " b',)))
    assert query.newest_first


async def test_both_refuse_strangers(tickets: TicketStandIn) -> None:
    async with aiohttp.ClientSession() as session:
        assert (await session.get(f"{tickets.jira_url}/rest/api/3/myself")).status == 401
        assert (await session.get(f"{tickets.servicenow_url}/api/now/table/incident")).status == 401


async def test_a_record_is_created_noted_and_resolved(tickets: TicketStandIn, snow: aiohttp.ClientSession) -> None:
    body = {"short_description": "payments", "impact": "1", "urgency": "1", "correlation_id": "inc_1", "nonsense": "x"}
    made = await snow.post("incident", json=body)
    row = (await made.json())["result"]
    assert made.status == 201
    assert made.headers["Location"].endswith(row["sys_id"])
    assert (row["number"], row["priority"], row["state"]) == ("INC0010001", "1", "1")
    assert "nonsense" not in row
    for _ in range(2):
        patched = await snow.patch(f"incident/{row['sys_id']}", json={"work_notes": "cs-1 restarted"})
        assert (await patched.json())["result"]["work_notes"] == ""
    assert tickets.work_notes(row["sys_id"]) == ["cs-1 restarted"] * 2

    query = {"sysparm_query": f"element_id={row['sys_id']}^element=work_notes^valueLIKEcs-1", "sysparm_limit": "1"}
    notes = (await (await snow.get("sys_journal_field", params=query)).json())["result"]
    assert [note["value"] for note in notes] == ["cs-1 restarted"]
    found = await snow.get(
        "incident", params={"sysparm_query": "correlation_id=inc_1", "sysparm_fields": "number,sys_id"}
    )
    assert (await found.json())["result"] == [{"number": "INC0010001", "sys_id": row["sys_id"]}]
    assert (await snow.patch(f"incident/{row['sys_id']}", json={"state": "6"})).status == 403
    closing = {"state": "6", "close_code": "Solved", "close_notes": "restarted"}
    assert (await snow.patch(f"incident/{row['sys_id']}", json=closing)).status == 200
    assert tickets.records()[0]["incident_state"] == "6"
    assert (await snow.get("incident/none")).status == 404
    sample = PAYLOADS / "servicenow" / "table_post_incident.json"
    if sample.exists():
        theirs = json.loads(sample.read_text())["result"]
        assert {k for k, v in row.items() if k in theirs and not isinstance(v, str)} == set()


async def test_an_outage_of_one_system_leaves_the_other_alone(
    tickets: TicketStandIn, jira: aiohttp.ClientSession, snow: aiohttp.ClientSession
) -> None:
    tickets.outage.set("jira", "lose_answers")
    with pytest.raises(aiohttp.ClientError):
        await jira.post("issue", json=issue())
    assert len(tickets.issues()) == 1
    assert (await snow.get("incident")).status == 200
    tickets.outage.set("servicenow", "error_503")
    assert (await snow.get("incident")).status == 503
