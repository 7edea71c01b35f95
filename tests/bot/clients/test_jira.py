"""The Jira client: looks before it creates, sends what Atlassian's document wants, and parses nothing."""

from __future__ import annotations

import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.clients import adf
from bot.clients.jira import JiraClient
from bot.errors import Ambiguous, ConfigurationError, Permanent, Transient

INCIDENT = "inc_aaaaaaaaaaaaaaaa"
API = "/rest/api/3"
PAYLOADS = Path(__file__).parents[4] / "shared" / "payloads" / "jira"


@pytest.fixture
def client(vendor: Any, session: aiohttp.ClientSession) -> JiraClient:
    return JiraClient(session, vendor.url, "bot@example.com", "tok\u00e9n", deadline=2)


CALLS: dict[str, tuple[str, Callable[[JiraClient], Awaitable[Any]]]] = {
    "find": (f"POST {API}/search/jql", lambda c: c.find_issue("OPS", INCIDENT)),
    "comments": (f"GET {API}/issue/OPS-1/comment", lambda c: c.comments("OPS-1")),
    "comment": (f"POST {API}/issue/OPS-1/comment", lambda c: c.add_comment("OPS-1", adf.from_text("a\n\nb"))),
}


async def test_every_request_is_what_the_vendors_document_wants(vendor: Any, client: JiraClient, conforms: Any) -> None:
    vendor.on(f"POST {API}/search/jql", (200, {"issues": []}))
    vendor.on(f"POST {API}/issue", (201, {"id": "1", "key": "OPS-1"}))
    vendor.on(f"GET {API}/issue/OPS-1/comment", (200, {"comments": []}))
    vendor.on(f"POST {API}/issue/OPS-1/comment", (201, {"id": "10"}))
    key = await client.create_issue("OPS", "payments\ndown", adf.from_text("why"), ("sev 1",), INCIDENT)
    assert key == "OPS-1"
    assert await client.add_comment(key, adf.from_text("done", end="[cs-1]")) == "10"
    assert await client.comments(key) == []
    assert conforms(vendor.asked, "jira_v3.json", "https://your-domain.atlassian.net") == 4
    search, create, comment, _ = vendor.asked
    assert search.json["jql"] == f'project = "OPS" AND labels = "cs-{INCIDENT}" ORDER BY created ASC'
    assert create.json["fields"]["summary"] == "payments down"
    assert create.json["fields"]["labels"] == [f"cs-{INCIDENT}", "sev-1"]
    assert create.json["properties"] == [{"key": "countersign", "value": {"incident": INCIDENT}}]
    assert comment.json["body"]["type"] == "doc"
    assert all(one.headers["Authorization"].startswith("Basic ") for one in vendor.asked)


async def test_the_vendors_document_refuses_a_wrong_request(vendor: Any, client: JiraClient, conforms: Any) -> None:
    vendor.on(f"GET {API}/issue/OPS-1/no-such-thing", (200, {}))
    await client._api.call("GET", "/issue/OPS-1/no-such-thing", "x", repeatable=True)
    with pytest.raises(Exception, match="not found"):
        conforms(vendor.asked, "jira_v3.json", "https://your-domain.atlassian.net")


async def test_T64_a_repeated_creation_finds_the_first_issue(vendor: Any, client: JiraClient, aborted: Any) -> None:
    vendor.on(f"POST {API}/search/jql", (200, {"issues": []}), (200, {"issues": [{"key": "OPS-7"}]}))
    vendor.on(f"POST {API}/issue", aborted)
    with pytest.raises(Ambiguous):
        await client.create_issue("OPS", "x", adf.from_text("y"), (), INCIDENT)
    assert await client.create_issue("OPS", "x", adf.from_text("y"), (), INCIDENT) == "OPS-7"
    assert [one.path for one in vendor.asked].count(f"{API}/issue") == 1


async def test_comments_come_back_with_their_text_page_by_page(vendor: Any, client: JiraClient) -> None:
    page = [{"id": str(n), "body": adf.from_text(f"line {n}", end=f"[cs-{n}]")} for n in range(100)]
    vendor.on(
        f"GET {API}/issue/OPS-1/comment", (200, {"comments": page}), (200, {"comments": [{"id": "x", "body": None}]})
    )
    found = await client.comments("OPS-1")
    assert len(found) == 101
    assert found[7].text.rstrip().endswith("[cs-7]")
    assert [dict(one.query)["startAt"] for one in vendor.asked] == ["0", "100"]


@pytest.mark.parametrize("name", CALLS)
async def test_T64_rate_limits_are_transient_with_the_wait(vendor: Any, client: JiraClient, name: str) -> None:
    call, act = CALLS[name]
    for status in (429, 503):
        vendor.on(call, (status, {"errorMessages": ["slow down"]}, {"Retry-After": "13"}))
        with pytest.raises(Transient) as caught:
            await act(client)
        assert caught.value.retry_after == 13.0


@pytest.mark.parametrize("failure", ["aborted", "silent", "500"])
async def test_T64_an_unanswered_comment_is_ambiguous_and_a_look_transient(
    vendor: Any, session: aiohttp.ClientSession, request: pytest.FixtureRequest, failure: str
) -> None:
    client = JiraClient(session, vendor.url, "u", "t", deadline=0.3)
    answer = (500, "oops") if failure == "500" else request.getfixturevalue(failure)
    for name, (call, act) in CALLS.items():
        vendor.on(call, answer)
        with pytest.raises(Ambiguous if name == "comment" else Transient):
            await act(client)


async def test_T64_cannot_connect_is_transient(session: aiohttp.ClientSession) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        client = JiraClient(session, f"http://127.0.0.1:{unused.getsockname()[1]}", "u", "t")
        for _, act in CALLS.values():
            with pytest.raises(Transient):
                await act(client)


async def test_T28_redirects_are_not_followed_and_huge_answers_are_not_kept(vendor: Any, client: JiraClient) -> None:
    vendor.on(f"GET {API}/issue/OPS-1/comment", (302, {}, {"Location": f"{vendor.url}/elsewhere"}))
    with pytest.raises(Permanent, match="302"):
        await client.comments("OPS-1")
    assert len(vendor.asked) == 1
    vendor.on(f"GET {API}/issue/OPS-1/comment", (200, '{"comments": [' + " " * 5_000_000 + "]}"))
    with pytest.raises(Transient):
        await client.comments("OPS-1")


async def test_a_refusal_says_what_the_vendor_said(vendor: Any, client: JiraClient) -> None:
    answer = {"errorMessages": [], "errors": {"project": "project is required"}}
    vendor.on(f"POST {API}/issue/OPS-1/comment", (400, answer))
    with pytest.raises(Permanent, match="project is required"):
        await client.add_comment("OPS-1", adf.from_text("x"))


@pytest.mark.parametrize("bad", ["", 'OPS" OR project = "SECRET', "OPS-1/../../x", "-OPS", "OPS 1", "OPS\n"])
async def test_T30_ids_are_checked_before_they_stand_in_a_query_or_path(
    vendor: Any, client: JiraClient, bad: str
) -> None:
    for call in (client.find_issue(bad, INCIDENT), client.find_issue("OPS", bad), client.comments(bad)):
        with pytest.raises(Permanent):
            await call
    assert not vendor.asked


def test_only_https_or_this_machine(session: aiohttp.ClientSession) -> None:
    with pytest.raises(ConfigurationError, match="JIRA_URL"):
        JiraClient(session, "http://jira.example.com", "u", "t")
    with pytest.raises(ConfigurationError, match="JIRA_USER"):
        JiraClient(session, "https://x.atlassian.net", "a:b", "t")
    assert (
        JiraClient(session, "https://x.atlassian.net/", "u", "t").address("OPS-1")
        == "https://x.atlassian.net/browse/OPS-1"
    )


def test_the_vendors_comment_is_the_shape_we_make() -> None:
    path = PAYLOADS / "add_comment_request_adf.json"
    if not path.is_file():
        pytest.skip("../shared/payloads is not here")
    body = json.loads(path.read_text())["body"]
    assert adf.from_text(adf.plain(body).strip()) == body


def check_node(node: Any) -> None:
    """The part of Atlassian's ADF schema that our documents use."""
    kind = node["type"]
    if kind == "text":
        assert set(node) <= {"type", "text", "marks"} and node["text"]
    elif kind == "hardBreak":
        assert set(node) == {"type"}
    else:
        assert node["content"] or kind == "doc"
        inner = {"doc": {"paragraph", "codeBlock"}, "paragraph": {"text", "hardBreak"}, "codeBlock": {"text"}}[kind]
        for child in node.get("content", []):
            assert child["type"] in inner
            check_node(child)


@given(st.text(alphabet=st.sampled_from("a `\n\t<[]"), max_size=200) | st.text(max_size=200))
def test_any_text_becomes_a_valid_document(words: str) -> None:
    made = adf.from_text(words, end="[cs-1]")
    check_node(made)
    assert adf.plain(made).rstrip().endswith("[cs-1]")


def test_T47_long_text_is_shortened_and_keeps_beginning_end_and_marker() -> None:
    made = adf.plain(adf.from_text("first " + "x" * 100_000 + " last", end="[cs-9]"))
    assert len(made) <= adf.MAX_CHARACTERS
    assert made.startswith("first")
    assert "shortened" in made
    assert "last\n[cs-9]" in made


def test_mark_up_and_links_in_untrusted_text_stay_text() -> None:
    made = adf.from_text("[~accountid:5] {code} https://evil.example @all")
    assert made["content"] == [
        {"type": "paragraph", "content": [{"type": "text", "text": "[~accountid:5] {code} https://evil.example @all"}]}
    ]
    assert "marks" not in adf.link("x", "javascript:alert(1)")[0]
    assert adf.link("x", "https://a.example")[0]["marks"][0]["attrs"] == {"href": "https://a.example"}
    assert adf.from_text("a\n```\n  code\n```\nb")["content"][1]["type"] == "codeBlock"
