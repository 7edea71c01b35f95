"""The Slack stand-in over real HTTP: what the Web API, response_url and the outage switch answer."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.outage import Outage
from bot.sandbox.slack_api import SlackApi
from bot.sandbox.slack_payloads import encode
from bot.sandbox.slack_records import NotAcknowledged, NotShown, SlackUser, UserGroup
from bot.sandbox.slack_state import SlackWorkspace

ROOM = "C0INC"
ANA = "U0ANA"


def section(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def button(action: str = "step_run", value: str = "p1") -> dict[str, Any]:
    label = {"type": "plain_text", "text": "Run"}
    return {"type": "actions", "elements": [{"type": "button", "action_id": action, "value": value, "text": label}]}


@pytest.fixture
async def workspace() -> SlackWorkspace:
    count = itertools.count(1)
    workspace = SlackWorkspace(
        clock=lambda: datetime.now(UTC), new_id=lambda prefix: f"{prefix}{next(count):010d}", outage=Outage(delay=0.01)
    )
    workspace.add_user(SlackUser(ANA, "ana", "Ana Ruiz", email="ana@example.com"))
    workspace.add_user(SlackUser("U0BEN", "ben", "Ben Okafor"))
    workspace.add_usergroup(UserGroup("S0SRE", "sre", "SRE", (ANA,)))
    workspace.add_channel(ROOM, "incidents")
    return workspace


@pytest.fixture
async def api(workspace: SlackWorkspace) -> AsyncIterator[SlackApi]:
    api = SlackApi(workspace, burst=3, ack_timeout=0.2)
    await api.start()
    yield api
    await api.stop()


@pytest.fixture
def client(api: SlackApi, workspace: SlackWorkspace) -> AsyncWebClient:
    return AsyncWebClient(workspace.bot_token, base_url=api.url, retry_handlers=[])


async def error_of(call: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


async def test_a_message_is_stored_threaded_edited_and_read_back(
    client: AsyncWebClient, workspace: SlackWorkspace
) -> None:
    metadata = {"event_type": "cs", "event_payload": {"marker": "cs-1"}}
    first = await client.chat_postMessage(channel=ROOM, text="one", blocks=[section("one")], metadata=metadata)
    await client.chat_postMessage(channel=ROOM, thread_ts=first["ts"], text="two")
    await client.chat_update(channel=ROOM, ts=first["ts"], text="uno")

    plain = await client.conversations_history(channel=ROOM)
    whole = await client.conversations_history(channel=ROOM, include_all_metadata=True)
    thread = await client.conversations_replies(channel=ROOM, ts=first["ts"])
    assert [m["text"] for m in plain["messages"]] == ["uno"]
    assert "metadata" not in plain["messages"][0]
    assert whole["messages"][0]["metadata"] == metadata
    assert whole["messages"][0]["reply_count"] == 1
    assert whole["messages"][0]["blocks"][0]["text"]["text"] == "one"
    assert whole["messages"][0]["edited"]["ts"] > first["ts"]
    assert [m["text"] for m in thread["messages"]] == ["uno", "two"]
    assert [m.text for m in workspace.thread(ROOM, first["ts"])] == ["uno", "two"]
    assert [m.text for m in workspace.messages(ROOM)] == ["uno"]


async def test_timestamps_are_unique_strings_that_increase(client: AsyncWebClient, api: SlackApi) -> None:
    api.set_rate(0)
    stamps = [(await client.chat_postMessage(channel=ROOM, text=str(n)))["ts"] for n in range(20)]
    assert stamps == sorted(set(stamps))
    assert all(len(ts.split(".")[1]) == 6 for ts in stamps)


@pytest.mark.parametrize(
    ("blocks", "word"),
    [
        ([{"type": "nonsense"}], "unsupported type"),
        ([section("x" * 3001)], "less than 3001"),
        ([section("")], "more than 0"),
        ([{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}], "less than 151"),
        ([{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}], "plain_text"),
        ([{"type": "section", "fields": [{"type": "mrkdwn", "text": "f"}] * 11}], "1 to 10"),
        ([{"type": "context", "elements": []}], "1 to 10"),
        ([button(value="v" * 2001)], "less than 2001"),
        ([{**button(), "block_id": "b"}, {**button(), "block_id": "b"}], "already exists"),
        ([{"type": "actions", "elements": button()["elements"] * 2}], "action_id"),
        ([{"type": "divider"}] * 51, "0 to 50"),
        (
            [
                {
                    "type": "rich_text",
                    "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": ""}]}],
                }
            ],
            "more than 0",
        ),
    ],
)
async def test_blocks_that_slack_refuses_are_refused(
    client: AsyncWebClient, workspace: SlackWorkspace, blocks: list[dict[str, Any]], word: str
) -> None:
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=ROOM, text="t", blocks=blocks)
    assert caught.value.response["error"] == "invalid_blocks"
    assert word in " ".join(caught.value.response["response_metadata"]["messages"])
    assert workspace.messages(ROOM) == []


async def test_refusals_carry_slacks_own_codes(
    client: AsyncWebClient, api: SlackApi, workspace: SlackWorkspace
) -> None:
    api.set_rate(0)
    posted = await client.chat_postMessage(channel=ROOM, text="x")
    reply = await client.chat_postMessage(channel=ROOM, text="y", thread_ts=posted["ts"])
    theirs = workspace.post(ROOM, ANA, "mine")
    nested = {"event_type": "cs", "event_payload": "text"}
    assert await error_of(client.chat_postMessage(channel="C404", text="x")) == "channel_not_found"
    assert await error_of(client.api_call("chat.postMessage", json={"channel": ROOM})) == "no_text"
    assert (
        await error_of(client.chat_postMessage(channel=ROOM, text="x", thread_ts=reply["ts"]))
        == "cannot_reply_to_message"
    )
    assert await error_of(client.chat_postMessage(channel=ROOM, text="x", metadata=nested)) == "invalid_metadata_format"
    assert (
        await error_of(client.chat_postMessage(channel=ROOM, text="x", blocks=[section("a" * 2900)] * 5))
        == "msg_blocks_too_long"
    )
    assert await error_of(client.chat_update(channel=ROOM, ts=theirs.ts, text="z")) == "cant_update_message"
    assert await error_of(client.chat_update(channel=ROOM, ts="1.000001", text="z")) == "message_not_found"
    assert await error_of(client.chat_update(channel=ROOM, ts=posted["ts"], text="é" * 2001)) == "msg_too_long"
    assert await error_of(client.chat_postEphemeral(channel=ROOM, user="U404", text="x")) == "user_not_in_channel"
    assert await error_of(client.views_open(trigger_id="1.2.3", view={"type": "modal"})) == "invalid_trigger_id"
    assert await error_of(client.users_lookupByEmail(email="no@example.com")) == "users_not_found"
    assert await error_of(client.api_call("no.such.method")) == "unknown_method"


async def test_tokens_are_checked_and_not_interchangeable(api: SlackApi, workspace: SlackWorkspace) -> None:
    def with_token(token: str | None) -> AsyncWebClient:
        return AsyncWebClient(token, base_url=api.url)

    assert await error_of(with_token(None).auth_test()) == "not_authed"
    assert await error_of(with_token("xoxb-wrong").auth_test()) == "invalid_auth"
    assert await error_of(with_token(workspace.app_token).auth_test()) == "not_allowed_token_type"
    refused = with_token(None).apps_connections_open(app_token=workspace.bot_token)
    assert await error_of(refused) == "not_allowed_token_type"
    assert (await with_token(workspace.bot_token).auth_test())["user_id"] == workspace.bot.id


async def test_posting_is_limited_per_channel_and_editing_is_not(
    client: AsyncWebClient, workspace: SlackWorkspace
) -> None:
    workspace.add_channel("C0TWO", "two")
    posted = [await client.chat_postMessage(channel=ROOM, text=str(n)) for n in range(3)]
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=ROOM, text="one too many")
    assert caught.value.response.status_code == 429
    assert int(caught.value.response.headers["Retry-After"]) >= 1
    assert caught.value.response["error"] == "ratelimited"
    assert (await client.chat_postMessage(channel="C0TWO", text="elsewhere"))["ok"]
    for number in range(10):
        await client.chat_update(channel=ROOM, ts=posted[0]["ts"], text=f"edit {number}")
    assert workspace.message(ROOM, posted[0]["ts"]).text == "edit 9"


async def test_directory_calls(client: AsyncWebClient, workspace: SlackWorkspace) -> None:
    assert (await client.users_info(user=ANA))["user"]["profile"]["email"] == "ana@example.com"
    assert (await client.users_lookupByEmail(email="ana@example.com"))["user"]["id"] == ANA
    assert {u["id"] for u in (await client.users_list())["members"]} == {workspace.bot.id, ANA, "U0BEN"}
    assert (await client.conversations_info(channel=ROOM))["channel"]["name"] == "incidents"
    assert ANA in (await client.conversations_members(channel=ROOM))["members"]
    assert [c["id"] for c in (await client.conversations_list())["channels"]] == [ROOM]
    direct = (await client.conversations_open(users=[ANA]))["channel"]["id"]
    assert (await client.conversations_open(users=[ANA]))["channel"]["id"] == direct
    assert (await client.usergroups_list())["usergroups"][0]["handle"] == "sre"
    assert (await client.usergroups_users_list(usergroup="S0SRE"))["users"] == [ANA]
    posted = await client.chat_postMessage(channel=ROOM, text="x")
    link = (await client.chat_getPermalink(channel=ROOM, message_ts=posted["ts"]))["permalink"]
    assert posted["ts"].replace(".", "") in link
    pages = await client.users_list(limit=2)
    assert len(pages["members"]) == 2
    assert pages["response_metadata"]["next_cursor"]


async def test_an_ephemeral_is_seen_by_one_person_and_not_in_history(
    client: AsyncWebClient, workspace: SlackWorkspace
) -> None:
    await client.chat_postEphemeral(channel=ROOM, user=ANA, text="only you")
    assert [m.text for m in workspace.ephemerals(ANA)] == ["only you"]
    assert workspace.ephemerals("U0BEN") == []
    assert (await client.conversations_history(channel=ROOM))["messages"] == []


async def test_response_url_edits_an_ephemeral_and_is_used_up_after_five(
    api: SlackApi, workspace: SlackWorkspace
) -> None:
    shown = workspace.post_ephemeral(ROOM, ANA, "before")
    address = workspace.new_response_url(ANA, ROOM, message_ts=shown.ts)
    async with aiohttp.ClientSession() as session:
        answer = await session.post(address, json={"replace_original": True, "text": "after"})
        assert (answer.status, [m.text for m in workspace.ephemerals(ANA)]) == (200, ["after"])
        await session.post(address, json={"delete_original": True})
        assert workspace.ephemerals(ANA) == []
        for number in range(3):
            await session.post(address, json={"text": f"more {number}"})
        assert len(workspace.ephemerals(ANA)) == 3
        assert (await session.post(address, json={"text": "too many"})).status == 404
        await session.post(workspace.new_response_url(ANA, ROOM), json={"response_type": "in_channel", "text": "all"})
    assert [m.text for m in workspace.messages(ROOM)] == ["all"]


async def test_modals_open_once_with_a_fresh_trigger(client: AsyncWebClient, workspace: SlackWorkspace) -> None:
    view = {"type": "modal", "title": {"type": "plain_text", "text": "Why?"}, "blocks": [section("x")]}
    trigger = workspace.new_trigger(ANA)
    opened = await client.views_open(trigger_id=trigger, view=view)
    assert await error_of(client.views_open(trigger_id=trigger, view=view)) == "exchanged_trigger_id"
    updated = await client.views_update(view_id=opened["view"]["id"], hash=opened["view"]["hash"], view=view)
    assert updated["view"]["hash"] != opened["view"]["hash"]
    stale = client.views_update(view_id=opened["view"]["id"], hash=opened["view"]["hash"], view=view)
    assert await error_of(stale) == "hash_conflict"
    long = {**view, "title": {"type": "plain_text", "text": "x" * 25}}
    assert await error_of(client.views_open(trigger_id=workspace.new_trigger(ANA), view=long)) == "invalid_arguments"
    await client.views_push(trigger_id=workspace.new_trigger(ANA), view=view)
    await client.views_push(trigger_id=workspace.new_trigger(ANA), view=view)
    assert await error_of(client.views_push(trigger_id=workspace.new_trigger(ANA), view=view)) == "push_limit_reached"
    assert len(workspace.views(ANA)) == 3
    await client.views_publish(user_id=ANA, view={"type": "home", "blocks": [section("hi")]})
    assert workspace.homes[ANA].body["blocks"][0]["text"]["text"] == "hi"


async def test_an_outage_refuses_answers_503_or_loses_the_answer(
    client: AsyncWebClient, workspace: SlackWorkspace
) -> None:
    workspace.outage.set("slack", "error_503")
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=ROOM, text="a")
    assert caught.value.response.status_code == 503
    workspace.outage.set("slack", "rate_limited")
    with pytest.raises(SlackApiError) as limited:
        await client.chat_postMessage(channel=ROOM, text="a")
    assert limited.value.response.headers["Retry-After"] == "1"
    workspace.outage.set("slack", "refuse")
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel=ROOM, text="a")
    assert workspace.messages(ROOM) == []
    with pytest.raises(NotAcknowledged):
        await workspace.slash(ANA, ROOM, "/runbook status")

    workspace.outage.set("slack", "lose_answers")
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel=ROOM, text="carried out")
    assert [m.text for m in workspace.messages(ROOM)] == ["carried out"]
    workspace.outage.set("slack", "slow")
    assert (await client.auth_test())["ok"]
    workspace.outage.set("slack", "up")
    assert workspace.outage.modes() == {"slack": "up"}


async def test_the_newest_button_is_found_and_people_see_only_their_rooms(
    client: AsyncWebClient, workspace: SlackWorkspace
) -> None:
    await client.chat_postMessage(channel=ROOM, text="x", blocks=[button(value="old")])
    newer = await client.chat_postMessage(channel=ROOM, text="x", blocks=[button(value="new")])
    assert workspace.find_button("step_run") == (ROOM, newer["ts"], "new", "Run")
    assert workspace.find_button("absent", ROOM) is None
    workspace.add_channel("C0PRIV", "private", members=["U0BEN"])
    with pytest.raises(NotShown):
        await workspace.slash(ANA, "C0PRIV", "/runbook status")
    with pytest.raises(NotShown):
        await workspace.slash(ANA, ROOM, "/unknown")
    with pytest.raises(NotShown):
        await workspace.click(ANA, ROOM, newer["ts"], "step_run", "forged value")


def test_typed_text_is_escaped_and_names_become_references() -> None:
    workspace = SlackWorkspace(clock=lambda: datetime.now(UTC), new_id=lambda prefix: prefix + "0123456789")
    workspace.add_user(SlackUser(ANA, "ana", "Ana"))
    workspace.add_channel(ROOM, "incidents")
    assert encode(workspace, "a & <b> @ana in #incidents") == f"a &amp; &lt;b&gt; <@{ANA}> in <#{ROOM}|incidents>"
    assert encode(workspace, "<!channel> @nobody") == "&lt;!channel&gt; @nobody"
