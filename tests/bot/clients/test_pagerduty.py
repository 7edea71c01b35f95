"""The PagerDuty client: one honest try per call, and every request as the vendor's document wants it."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bot.clients.pagerduty import PagerDutyClient
from bot.errors import Ambiguous, ConfigurationError, Permanent, Transient

REST = Path(__file__).parents[4] / "shared" / "payloads" / "pagerduty_rest"
KEY = "R" * 32


@pytest.fixture
async def client(vendor: Any) -> AsyncIterator[PagerDutyClient]:
    made = PagerDutyClient("token", "bot@example.com", vendor.url, vendor.url, KEY, deadline=5)
    yield made
    await made.close()


CALLS: dict[str, tuple[str, Callable[[PagerDutyClient], Awaitable[Any]]]] = {
    "incident": ("GET /incidents/PINC1", lambda c: c.incident("PINC1")),
    "alerts": ("GET /incidents/PINC1/alerts", lambda c: c.alerts("PINC1")),
    "notes": ("GET /incidents/PINC1/notes", lambda c: c.notes("PINC1")),
    "add_note": ("POST /incidents/PINC1/notes", lambda c: c.add_note("PINC1", "done\n[cs-1]")),
    "set_status": ("PUT /incidents/PINC1", lambda c: c.set_status("PINC1", "acknowledged")),
    "reassign": ("PUT /incidents/PINC1", lambda c: c.reassign("PINC1", ["PUSER1", "PUSER2"])),
    "open_incidents": ("GET /incidents", lambda c: c.open_incidents()),
    "oncalls": ("GET /oncalls", lambda c: c.oncalls(["PPOL1", "PPOL2"])),
    "on_schedule": ("GET /oncalls", lambda c: c.on_schedule("PSCHED1")),
    "past_incidents": ("GET /incidents/PINC1/past_incidents", lambda c: c.past_incidents("PINC1")),
    "related_change_events": (
        "GET /incidents/PINC1/related_change_events",
        lambda c: c.related_change_events("PINC1"),
    ),
    "user_by_email": ("GET /users", lambda c: c.user_by_email("ada@example.com")),
    "trigger_event": (
        "POST /v2/enqueue",
        lambda c: c.trigger_event(
            "down", "payments", "critical", "cs/1", {"why": "x"}, [{"href": "https://x.example/1", "text": "Incident"}]
        ),
    ),
}
REPEATABLE = sorted(set(CALLS) - {"add_note"})


@pytest.mark.parametrize("name", CALLS)
async def test_every_request_is_what_the_vendors_document_wants(
    vendor: Any, client: PagerDutyClient, conforms: Any, name: str
) -> None:
    call, act = CALLS[name]
    vendor.on(call, (200, {"incident": {}, "note": {"id": "N1"}, "dedup_key": "cs/1", "users": []}))
    await act(client)
    events = name == "trigger_event"
    document = "pagerduty_events_v2.json" if events else "pagerduty_rest.json"
    host = "https://events.pagerduty.com" if events else "https://api.pagerduty.com"
    assert conforms(vendor.asked, document, host) == 1
    headers = vendor.asked[0].headers
    if events:
        assert "Authorization" not in headers
        assert vendor.asked[0].json["routing_key"] == KEY
    else:
        assert headers["Authorization"] == "Token token=token"
        assert headers["From"] == "bot@example.com"
        assert headers["Accept"] == "application/vnd.pagerduty+json;version=2"


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("add_note", {"note": {"content": "done\n[cs-1]"}}),
        ("set_status", {"incident": {"type": "incident_reference", "status": "acknowledged"}}),
        (
            "reassign",
            {
                "incident": {
                    "type": "incident_reference",
                    "assignments": [
                        {"assignee": {"id": user, "type": "user_reference"}} for user in ("PUSER1", "PUSER2")
                    ],
                }
            },
        ),
    ],
)
async def test_request_bodies(vendor: Any, client: PagerDutyClient, name: str, body: dict[str, Any]) -> None:
    call, act = CALLS[name]
    vendor.on(call, (200, {"incident": {}, "note": {"id": "N1"}}))
    await act(client)
    assert vendor.asked[0].json == body


async def test_the_vendors_answers_are_read(vendor: Any, client: PagerDutyClient) -> None:
    if not REST.is_dir():
        pytest.skip("../shared/payloads is not here")
    answers = {
        name: (200, json.loads((REST / f"{name}.json").read_text()))
        for name in ("get_incident", "create_note", "list_alerts", "list_oncalls", "related_change_events")
    }
    vendor.on("GET /incidents/PINC1", answers["get_incident"])
    vendor.on("POST /incidents/PINC1/notes", answers["create_note"])
    vendor.on("GET /incidents/PINC1/alerts", answers["list_alerts"])
    vendor.on("GET /oncalls", answers["list_oncalls"])
    vendor.on("GET /incidents/PINC1/related_change_events", answers["related_change_events"])
    assert (await client.incident("PINC1"))["status"] == "acknowledged"
    assert await client.add_note("PINC1", "x") == "PWL7QXS"
    assert (await client.alerts("PINC1"))[0]["body"]["details"]["customKey"] == "Server is on fire!"
    assert (await client.oncalls(["PT20YPA"]))[0]["user"]["id"] == "PT23IWX"
    assert len(await client.related_change_events("PINC1")) == 2
    assert await client.on_schedule("PI7DH85") == ["PT23IWX"]


async def test_open_incidents_follows_the_pages(vendor: Any, client: PagerDutyClient) -> None:
    vendor.on(
        "GET /incidents",
        (200, {"incidents": [{"id": "P1"}], "more": True}),
        (200, {"incidents": [{"id": "P2"}, None, "x"], "more": False}),
    )
    assert [one["id"] for one in await client.open_incidents()] == ["P1", "P2"]
    assert [dict(one.query)["offset"] for one in vendor.asked] == ["0", "100"]
    assert ("statuses[]", "acknowledged") in vendor.asked[0].query


@pytest.mark.parametrize("code", [1001, 1002])
async def test_a_status_that_is_there_already_is_success(vendor: Any, client: PagerDutyClient, code: int) -> None:
    vendor.on("PUT /incidents/PINC1", (400, {"error": {"message": "Incident Already Resolved", "code": code}}))
    await client.set_status("PINC1", "resolved")
    assert len(vendor.asked) == 1


@pytest.mark.parametrize("status", [402, 403, 404])
async def test_what_the_plan_does_not_include_is_empty(vendor: Any, client: PagerDutyClient, status: int) -> None:
    vendor.on("GET /incidents/PINC1/past_incidents", (status, {"error": {"message": "no"}}))
    assert await client.past_incidents("PINC1") == []


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("answer", "wait"),
    [
        ((429, {"error": {"message": "Rate Limit Exceeded", "code": 2020}}, {"ratelimit-reset": "7"}), 7.0),
        ((429, {}, {"Retry-After": "11"}), 11.0),
        ((429, "", {"Retry-After": "soon"}), None),
    ],
    ids=["reset", "retry-after", "bare"],
)
async def test_T64_a_rate_limit_is_transient_at_once_with_the_wait(
    vendor: Any, client: PagerDutyClient, name: str, answer: Any, wait: float | None
) -> None:
    call, act = CALLS[name]
    vendor.on(call, answer)
    began = time.monotonic()
    with pytest.raises(Transient) as caught:
        await act(client)
    assert caught.value.retry_after == wait
    assert len(vendor.asked) == 1
    assert time.monotonic() - began < 1.0  # the package would sleep and try for ever


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_T64_a_server_error_on_a_note_is_ambiguous_and_on_the_rest_transient(
    vendor: Any, client: PagerDutyClient, status: int
) -> None:
    for name, (call, act) in CALLS.items():
        vendor.on(call, (status, "<html>"))
        with pytest.raises(Transient if name in REPEATABLE else Ambiguous):
            await act(client)
    assert len(vendor.asked) == len(CALLS)


@pytest.mark.parametrize("answer", ["aborted", "silent"])
async def test_T64_no_answer_after_sending_a_note_is_ambiguous_and_the_rest_transient(
    vendor: Any, request: pytest.FixtureRequest, answer: str
) -> None:
    client = PagerDutyClient("token", "bot@example.com", vendor.url, vendor.url, KEY, deadline=0.3)
    for name in ("add_note", "set_status", "incident", "trigger_event"):
        call, act = CALLS[name]
        vendor.on(call, request.getfixturevalue(answer))
        with pytest.raises(Transient if name in REPEATABLE else Ambiguous):
            await act(client)
    assert len(vendor.asked) == 4
    await client.close()


async def test_T64_cannot_connect_is_transient_even_for_a_note() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        client = PagerDutyClient("token", "bot@example.com", url, url, KEY)
        for _, act in CALLS.values():
            with pytest.raises(Transient):
                await act(client)
        await client.close()


async def test_a_call_that_gave_up_before_sending_never_goes_out_later(vendor: Any, silent: Any) -> None:
    client = PagerDutyClient("token", "bot@example.com", vendor.url, deadline=0.2)
    vendor.on("GET /incidents/PSLOW", silent)
    vendor.on("POST /incidents/PINC1/notes", (200, {"note": {"id": "N1"}}))
    blocked = [asyncio.ensure_future(client.incident("PSLOW")) for _ in range(4)]  # every thread is busy
    await asyncio.sleep(0.05)
    with pytest.raises(Transient):
        await client.add_note("PINC1", "late")
    await asyncio.gather(*blocked, return_exceptions=True)
    await asyncio.sleep(1.1)
    assert {one.path for one in vendor.asked} == {"/incidents/PSLOW"}
    await client.close()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 302])
async def test_other_answers_are_permanent_and_say_why(vendor: Any, client: PagerDutyClient, status: int) -> None:
    error = {"error": {"message": "Invalid Input", "code": 2001, "errors": ["From is required"]}}
    vendor.on("PUT /incidents/PINC1", (status, error, {"Location": "http://169.254.169.254/"}))
    with pytest.raises(Permanent) as caught:
        await client.set_status("PINC1", "resolved")
    assert str(status) in str(caught.value)
    assert "From is required" in str(caught.value)
    assert "token" not in str(caught.value)
    assert len(vendor.asked) == 1


@pytest.mark.parametrize("body", ["", "[]", "not json", "[" * 100_000])
async def test_a_strange_answer_to_a_note_is_ambiguous(vendor: Any, client: PagerDutyClient, body: str) -> None:
    vendor.on("POST /incidents/PINC1/notes", (200, body))
    with pytest.raises(Ambiguous):
        await client.add_note("PINC1", "x")


@pytest.mark.parametrize("bad", ["", "../users", "P1/notes", "P1?x", "P 1", "P1\n", "Ｐ1", "-1", "P" * 200])
async def test_ids_are_checked_before_they_stand_in_a_path(vendor: Any, client: PagerDutyClient, bad: str) -> None:
    calls: list[Awaitable[Any]] = [
        client.incident(bad),
        client.add_note(bad, "x"),
        client.set_status(bad, "resolved"),
        client.reassign("P1", [bad]),
        client.oncalls([bad]),
        client.on_schedule(bad),
    ]
    for call in calls:
        with pytest.raises(Permanent):
            await call
    assert not vendor.asked


async def test_T34_nobody_and_unknown_states_are_refused(vendor: Any, client: PagerDutyClient) -> None:
    with pytest.raises(Permanent):
        await client.reassign("P1", [])
    with pytest.raises(Permanent):
        await client.set_status("P1", "deleted")
    with pytest.raises(Permanent):
        await client.trigger_event("x", "y", "critical", "")
    assert await client.oncalls([]) == []
    assert not vendor.asked


async def test_a_user_is_only_found_by_the_whole_address(vendor: Any, client: PagerDutyClient) -> None:
    vendor.on(
        "GET /users", (200, {"users": [{"email": "ada@example.com.evil"}, {"email": "Ada@Example.com", "id": "PU"}]})
    )
    assert (await client.user_by_email("ada@example.com") or {})["id"] == "PU"
    assert await client.user_by_email("ad") is None


@pytest.mark.parametrize(
    "url", ["http://api.pagerduty.com", "http://10.0.0.1", "http://127.0.0.1.evil.com", "ftp://x", "x", "https://u:p@h"]
)
def test_only_https_or_this_machine(url: str) -> None:
    with pytest.raises(ConfigurationError):
        PagerDutyClient("token", "bot@example.com", url)


async def test_without_a_routing_key_a_page_says_what_to_set() -> None:
    client = PagerDutyClient("token", "bot@example.com")
    with pytest.raises(ConfigurationError, match="PAGERDUTY_ROUTING_KEY"):
        await client.trigger_event("x", "y", "critical", "k")
    await client.close()
