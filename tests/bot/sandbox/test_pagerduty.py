"""The PagerDuty stand-in: the vendor's own Python client against REST, Events v2, and signed webhooks with retries."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import hmac
import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pagerduty
import pytest
from aiohttp import web

from bot.sandbox.listener import Listener
from bot.sandbox.pagerduty import PagerDutyStandIn
from bot.sandbox.pagerduty_records import AlreadySo, OnCall, PagerDutyService, PagerDutyUser
from bot.sandbox.pagerduty_webhooks import signature

SHARED = Path(__file__).resolve().parents[4] / "shared"
ANA = PagerDutyUser("PANA001", "Ana Ruiz", "ana@example.com")
BEN = PagerDutyUser("PBEN001", "Ben Okafor", "ben@example.com")
BOT = PagerDutyUser("PBOT001", "Countersign", "bot@example.com")
KEY = "R" * 32
SERVICE = "PSVC001"


class PlainClient(pagerduty.RestApiV2Client):
    """The vendor's client, allowed to speak http to the loopback address."""

    _address = ""

    @property
    def url(self) -> str:
        return self._address

    @url.setter
    def url(self, address: str) -> None:
        self._address = address


class Hook:
    """A webhook receiver. statuses: what to answer in turn, the last one repeats; 0 hangs up."""

    def __init__(self) -> None:
        self.statuses = [202]
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.url = ""

    async def receive(self, request: web.Request) -> web.Response:
        status = self.statuses[min(len(self.requests), len(self.statuses) - 1)]
        self.requests.append((dict(request.headers), await request.read()))
        if status == 0 and request.transport is not None:
            request.transport.abort()
        return web.Response(status=status or 500)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body)["event"] for _, body in self.requests]


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    hook, listener = Hook(), Listener()
    application = web.Application()
    application.router.add_post("/webhooks/pagerduty", hook.receive)
    hook.url = await listener.start(application) + "/webhooks/pagerduty"
    yield hook
    await listener.stop()


@pytest.fixture
async def account() -> AsyncIterator[PagerDutyStandIn]:
    count = itertools.count(1)
    account = PagerDutyStandIn(
        clock=lambda: datetime.now(UTC),
        new_id=lambda prefix: f"{prefix}{next(count):010d}",
        users=[ANA, BEN, BOT],
        services=[PagerDutyService(SERVICE, "payments", KEY), PagerDutyService("PSVC002", "checkout", "S" * 32)],
        oncall=[OnCall(ANA), OnCall(BEN, level=2, schedule="PSCHED1")],
        retry_delays=(0.01, 0.02),
    )
    await account.start()
    yield account
    await account.stop()


@pytest.fixture
def client(account: PagerDutyStandIn) -> Iterator[PlainClient]:
    client = PlainClient(account.api_token, default_from=BOT.email, base_url=account.url)
    client.retry = {429: 1}
    client.max_network_attempts = 0
    yield client
    client.close()


async def call(work: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
    return await asyncio.to_thread(functools.partial(work, *arguments, **more))


async def test_the_vendors_client_reads_everything_about_an_incident(
    account: PagerDutyStandIn, client: PlainClient
) -> None:
    account.add_past(SERVICE, "payments was down", at=datetime.now(UTC) - timedelta(days=3), note="restart fixed it")
    account.add_change([SERVICE], "Deploy v42", links=[{"href": "https://example.com/diff", "text": "diff"}])
    name = await account.trigger(SERVICE, "payments: 5xx", details={"error_rate": "18 %"})

    incident = await call(client.rget, f"/incidents/{name}")
    alerts = await call(client.rget, f"/incidents/{name}/alerts")
    log = await call(client.rget, f"/incidents/{name}/log_entries")
    past = await call(client.jget, f"/incidents/{name}/past_incidents")
    related = await call(client.jget, f"/incidents/{name}/related_change_events")
    oncalls = await call(client.list_all, "oncalls", params={"escalation_policy_ids": ["PPOLICY"]})
    found = await call(client.find, "users", "ben@example.com", attribute="email")
    assert incident["status"] == "triggered"
    assert [a["assignee"]["summary"] for a in incident["assignments"]] == ["Ana Ruiz"]
    assert alerts[0]["body"]["details"] == {"error_rate": "18 %"}
    assert [entry["type"] for entry in log] == ["notify_log_entry", "trigger_log_entry"]
    assert past["past_incidents"][0]["incident"]["title"] == "payments was down"
    assert related["change_events"][0]["summary"] == "Deploy v42"
    assert [o["user"]["summary"] for o in oncalls] == ["Ana Ruiz", "Ben Okafor"]
    scheduled = await call(client.list_all, "oncalls", params={"schedule_ids": ["PSCHED1"]})
    assert [o["user"]["summary"] for o in scheduled] == ["Ben Okafor"]
    assert found["id"] == BEN.id
    assert [page["user"] for page in account.pages] == ["Ana Ruiz"]


async def test_notes_and_status_go_through_rest_and_are_announced(
    account: PagerDutyStandIn, client: PlainClient, hook: Hook
) -> None:
    account.webhook(hook.url, ["secret"])
    name = await account.trigger(SERVICE, "payments: 5xx")
    await call(client.rput, f"/incidents/{name}", json={"type": "incident_reference", "status": "acknowledged"})
    note = await call(client.rpost, f"/incidents/{name}/notes", json={"content": "started"})
    await call(client.rput, f"/incidents/{name}", json={"type": "incident_reference", "status": "resolved"})
    await account.drained()
    assert [n["id"] for n in account.notes(name)] == [note["id"]]
    assert [e["event_type"] for e in hook.events] == [
        "incident.triggered",
        "incident.acknowledged",
        "incident.annotated",
        "incident.resolved",
    ]
    assert hook.events[0]["agent"] is None
    assert hook.events[1]["agent"]["id"] == BOT.id
    assert hook.events[2]["data"]["content"] == "started"
    assert account.incident(name)["resolved_at"]


async def test_what_is_done_already_has_the_vendors_codes(account: PagerDutyStandIn, client: PlainClient) -> None:
    name = await account.trigger(SERVICE, "x")
    await account.acknowledge(name, ANA.id)
    with pytest.raises(AlreadySo):
        await account.acknowledge(name, BEN.id)
    path, body = f"/incidents/{name}", {"incident": {"type": "incident_reference", "status": "acknowledged"}}
    twice = await call(client.put, path, json=body)
    assert (twice.status_code, twice.json()["error"]["code"]) == (400, 1002)
    await account.resolve(name, ANA.id)
    again = await call(client.put, path, json={"incident": {"type": "incident", "status": "resolved"}})
    assert again.json()["error"]["code"] == 1001
    reopened = await call(client.rput, path, json={"type": "incident", "status": "triggered"})
    assert reopened["status"] == "triggered"


@pytest.mark.parametrize(
    ("method", "path", "body", "sender"),
    [
        ("put", "", {"incident": {"status": "resolved"}}, BOT.email),
        ("put", "", {"incident": {"type": "incident", "status": "fixed"}}, BOT.email),
        ("put", "", {"status": "resolved"}, BOT.email),
        ("put", "", {"incident": {"type": "incident", "status": "resolved"}}, "stranger@example.com"),
        ("post", "/notes", {"note": {"content": "  "}}, BOT.email),
        ("post", "/notes", {"content": "x"}, BOT.email),
        ("post", "/notes", {"note": {"content": "x"}}, ""),
        ("post", "/status_updates", {}, BOT.email),
    ],
)
async def test_requests_that_break_the_schema_are_refused_and_change_nothing(
    account: PagerDutyStandIn, method: str, path: str, body: dict[str, Any], sender: str
) -> None:
    name = await account.trigger(SERVICE, "x")
    headers = {"Authorization": f"Token token={account.api_token}", **({"From": sender} if sender else {})}
    async with aiohttp.ClientSession(headers=headers) as session:
        answer = await session.request(method, f"{account.url}/incidents/{name}{path}", json=body)
        assert answer.status == 400
        assert (await answer.json())["error"]["code"] in (1008, 2001)
    assert account.incident(name)["status"] == "triggered"
    assert account.notes(name) == []


async def test_a_wrong_key_and_an_unknown_incident(account: PagerDutyStandIn, client: PlainClient) -> None:
    with PlainClient("nope", base_url=account.url) as wrong, pytest.raises(pagerduty.HttpError) as caught:
        await call(wrong.rget, "/incidents")
    assert caught.value.response.status_code == 401
    assert (await call(client.get, "/incidents/QNONE")).status_code == 404


async def test_incidents_are_listed_by_status_service_and_time(account: PagerDutyStandIn, client: PlainClient) -> None:
    first = await account.trigger(SERVICE, "one")
    second = await account.trigger("PSVC002", "two")
    await account.resolve(first)
    still_open = await call(client.list_all, "incidents", params={"statuses": ["triggered", "acknowledged"]})
    here = await call(client.list_all, "incidents", params={"service_ids": [SERVICE]})
    later = await call(client.list_all, "incidents", params={"since": (datetime.now(UTC) + timedelta(1)).isoformat()})
    newest = await call(client.jget, "incidents", params={"sort_by": "created_at:desc", "limit": 1})
    assert [i["id"] for i in still_open] == [second]
    assert [i["id"] for i in here] == [first]
    assert later == []
    assert (newest["incidents"][0]["id"], newest["more"]) == (second, True)
    assert (await call(client.get, "/incidents", params={"limit": 101})).status_code == 400


async def test_escalation_and_reassignment_page_the_next_person(
    account: PagerDutyStandIn, client: PlainClient, hook: Hook
) -> None:
    account.webhook(hook.url, ["secret"])
    name = await account.trigger(SERVICE, "x")
    await call(client.rput, f"/incidents/{name}", json={"type": "incident", "escalation_level": 2})
    await account.reassign(name, BEN.id, ANA.id)
    await account.drained()
    assert [page["user"] for page in account.pages] == ["Ana Ruiz", "Ben Okafor", "Ana Ruiz"]
    assert [e["event_type"] for e in hook.events][1:] == ["incident.escalated", "incident.reassigned"]
    assert hook.events[-1]["data"]["assignees"][0]["id"] == ANA.id


async def test_events_v2_open_repeat_acknowledge_and_resolve(account: PagerDutyStandIn) -> None:
    def event(action: str, **more: Any) -> dict[str, Any]:
        return {"routing_key": KEY, "event_action": action, "dedup_key": "page-1", **more}

    payload = {"summary": "second line needed", "source": "countersign", "severity": "critical"}
    async with aiohttp.ClientSession() as session:
        address = f"{account.url}/v2/enqueue"
        first = await session.post(address, json=event("trigger", payload=payload))
        assert (first.status, (await first.json())["dedup_key"]) == (202, "page-1")
        await session.post(address, json=event("trigger", payload=payload))
        (incident,) = account.incidents.values()
        assert (incident.status, len(incident.alerts)) == ("triggered", 1)
        await session.post(address, json=event("acknowledge"))
        assert incident.status == "acknowledged"
        await session.post(address, json=event("resolve"))
        assert incident.status == "resolved"
        bad = await session.post(address, json=event("trigger", payload={**payload, "severity": "bad"}))
        assert bad.status == 400
        assert (await bad.json())["status"] == "invalid event"
        unknown = await session.post(address, json={**event("trigger", payload=payload), "routing_key": "U" * 32})
        assert unknown.status == 202
        change = {"routing_key": KEY, "payload": {"summary": "Deploy v43", "source": "ci"}}
        assert (await session.post(f"{account.url}/v2/change/enqueue", json=change)).status == 202
    assert [e["kind"] for e in account.events()] == [
        "trigger",
        "trigger",
        "acknowledge",
        "resolve",
        "trigger",
        "change",
    ]
    assert account.changes[0]["summary"] == "Deploy v43"
    assert KEY not in json.dumps(account.events())


async def test_webhooks_are_signed_with_every_secret_and_retried_with_one_id(
    account: PagerDutyStandIn, hook: Hook
) -> None:
    hook.statuses = [500, 0, 503, 202]
    account.webhook(hook.url, ["old", "new"])
    await account.trigger(SERVICE, "x")
    await account.drained()
    bodies = {body for _, body in hook.requests}
    assert len(hook.requests) == 4
    assert len(bodies) == 1
    assert len({headers["X-Webhook-Id"] for headers, _ in hook.requests}) == 1
    body = bodies.pop()
    expected = [hmac.new(s, body, hashlib.sha256).hexdigest() for s in (b"old", b"new")]
    assert hook.requests[0][0]["X-PagerDuty-Signature"] == ",".join(f"v1={digest}" for digest in expected)
    (delivery,) = account.deliveries()
    assert (delivery.state, delivery.answers) == ("delivered", [500, 0, 503, 202])


async def test_later_events_of_an_incident_wait_behind_a_failing_one(account: PagerDutyStandIn, hook: Hook) -> None:
    hook.statuses = [503, 503, 202]
    account.webhook(hook.url, ["secret"])
    name = await account.trigger(SERVICE, "x")
    await account.resolve(name)
    await account.drained()
    assert [e["event_type"] for e in hook.events] == ["incident.triggered"] * 3 + ["incident.resolved"]


async def test_three_refused_webhooks_switch_the_subscription_off(account: PagerDutyStandIn, hook: Hook) -> None:
    hook.statuses = [401]
    account.webhook(hook.url, ["wrong"])
    for number in range(5):
        await account.trigger(SERVICE, f"incident {number}")
        await account.drained()
    assert len(hook.requests) == 3
    assert [d.state for d in account.deliveries()] == ["dropped"] * 3
    assert not account.webhooks.subscriptions[0].enabled


async def test_a_webhook_can_be_sent_twice_byte_for_byte(account: PagerDutyStandIn, hook: Hook) -> None:
    account.webhook(hook.url, ["secret"])
    await account.trigger(SERVICE, "x")
    await account.drained()
    account.webhooks.resend(account.deliveries()[0])
    await account.drained()
    assert hook.requests[0][1] == hook.requests[1][1]
    assert hook.requests[0][0]["X-Webhook-Id"] == hook.requests[1][0]["X-Webhook-Id"]


async def test_an_outage_loses_the_answer_but_not_the_note(account: PagerDutyStandIn, client: PlainClient) -> None:
    name = await account.trigger(SERVICE, "x")
    account.outage.set("pagerduty", "lose_answers")
    with pytest.raises(pagerduty.Error):
        await call(client.rpost, f"/incidents/{name}/notes", json={"content": "perhaps"})
    assert [n["content"] for n in account.notes(name)] == ["perhaps"]
    account.outage.set("pagerduty", "rate_limited")
    async with aiohttp.ClientSession() as session:
        answer = await session.get(f"{account.url}/incidents/{name}")
        assert (answer.status, (await answer.json())["error"]["code"]) == (429, 2020)
        assert answer.headers["ratelimit-reset"] == "1"


def test_signatures_agree_with_the_published_vector() -> None:
    file = SHARED / "payloads" / "pagerduty" / "signature_vector.json"
    if not file.exists():
        pytest.skip("../shared/payloads is not here")
    vector = json.loads(file.read_text())
    assert signature(vector["secret"], vector["body"].encode()) == vector["header"]["X-PagerDuty-Signature"]


async def test_webhook_bodies_have_the_keys_of_a_real_delivery(account: PagerDutyStandIn, hook: Hook) -> None:
    folder = SHARED / "payloads" / "pagerduty"
    if not folder.exists():
        pytest.skip("../shared/payloads is not here")
    account.webhook(hook.url, ["secret"])
    name = await account.trigger(SERVICE, "x")
    await account.annotate(name, "a note", ANA.id)
    await account.drained()
    for event, file in zip(hook.events, ("incident.triggered.json", "incident.annotated.json"), strict=True):
        sample = json.loads((folder / file).read_text())["event"]
        assert set(sample) <= set(event)
        assert set(sample["data"]) <= set(event["data"])


@pytest.mark.parametrize(
    ("path", "operation"),
    [
        ("/incidents/{id}", "/incidents/{id}"),
        ("/incidents/{id}/notes", "/incidents/{id}/notes"),
        ("/incidents/{id}/alerts", "/incidents/{id}/alerts"),
        ("/incidents", "/incidents"),
        ("/oncalls", "/oncalls"),
        ("/incidents/{id}/related_change_events", "/incidents/{id}/related_change_events"),
    ],
)
async def test_answers_have_the_keys_of_the_vendors_examples(
    account: PagerDutyStandIn, path: str, operation: str
) -> None:
    file = SHARED / "specs" / "pagerduty_rest.json"
    if not file.exists():
        pytest.skip("../shared/specs is not here")
    spec = json.loads(file.read_text())["paths"][operation]["get"]["responses"]["200"]["content"]["application/json"]
    example = next(iter(spec["examples"].values()))["value"]
    name = await account.trigger(SERVICE, "x")
    await account.annotate(name, "note", ANA.id)
    account.add_change([SERVICE], "Deploy")
    headers = {"Authorization": f"Token token={account.api_token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        answer = await (await session.get(account.url + path.replace("{id}", name))).json()
    entity = next(iter(example))
    theirs, ours = example[entity], answer[entity]
    theirs, ours = (theirs[0], ours[0]) if isinstance(theirs, list) else (theirs, ours)
    rare = {"conference_bridge", "incidents_responders", "responder_requests", "custom_fields", "alert_grouping"}
    rare |= {"first_trigger_log_entry", "integration", "updated_at", "is_mergeable", "incident_type"}
    assert set(theirs) - set(ours) <= rare
