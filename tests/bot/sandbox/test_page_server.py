"""The sandbox's page: what is served, and a real browser in which a person posts, clicks, reads and submits."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.outage import Outage
from bot.sandbox.page_server import PageServer
from bot.sandbox.pagerduty import PagerDutyStandIn
from bot.sandbox.pagerduty_records import OnCall, PagerDutyService, PagerDutyUser
from bot.sandbox.slack_api import SlackApi
from bot.sandbox.slack_records import SlackUser
from bot.sandbox.slack_state import SlackWorkspace
from bot.sandbox.tickets import TicketStandIn

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
ROOM, ANA = "C0INC", "U0ANA"
pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser for all tests here
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


@dataclass
class Sandbox:
    """Everything the page stands on, and a small app that answers every button and command."""

    workspace: SlackWorkspace
    api: SlackApi
    pagerduty: PagerDutyStandIn
    tickets: TicketStandIn
    page: PageServer
    web: AsyncWebClient
    silent: bool = False

    async def answer(self, client: Any, request: SocketModeRequest) -> None:
        if self.silent:
            return
        payload = request.payload
        if payload.get("type") == "view_submission":
            text = payload["view"]["state"]["values"]["reason"]["text"]["value"]
            refused = {"response_action": "errors", "errors": {"reason": "Please say more."}} if len(text) < 5 else None
            await client.send_socket_mode_response(SocketModeResponse(request.envelope_id, refused))
            if not refused:
                await self.web.chat_postMessage(channel=ROOM, text=f"Rejected: {text}")
            return
        await client.send_socket_mode_response(SocketModeResponse(request.envelope_id))
        if request.type == "slash_commands":
            await self.web.chat_postEphemeral(channel=ROOM, user=payload["user_id"], text="*nothing* is open")
        elif payload.get("type") == "block_actions" and payload["actions"][0]["action_id"] == "plan_reject":
            await self.web.views_open(trigger_id=payload["trigger_id"], view=modal())
        elif payload.get("type") == "block_actions":
            await self.web.chat_postEphemeral(
                channel=ROOM, user=payload["user"]["id"], text="You may not approve this."
            )


def plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def modal() -> dict[str, Any]:
    element = {"type": "plain_text_input", "action_id": "text", "multiline": True}
    block = {"type": "input", "block_id": "reason", "label": plain("Why?"), "element": element}
    return {"type": "modal", "title": plain("Reject"), "submit": plain("Reject"), "blocks": [block]}


def card() -> list[dict[str, Any]]:
    sure = {"title": plain("Escalate?"), "text": plain("Pages the second line."), "confirm": plain("Page them")}
    preformatted = {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": HOSTILE}]}
    return [
        {"type": "header", "text": plain("payments: elevated 5xx")},
        {"type": "section", "text": {"type": "mrkdwn", "text": f"*bold* `code` <@{ANA}> <https://example.com|a link>"}},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "*Owner*\nPayments"}]},
        {"type": "rich_text", "elements": [preformatted]},
        {
            "type": "context",
            "elements": [{"type": "mrkdwn", "text": HOSTILE.replace("<", "&lt;").replace(">", "&gt;")}],
        },
        {"type": "divider"},
        {
            "type": "actions",
            "elements": [
                {
                    "type": "button",
                    "action_id": "plan_approve",
                    "value": "a",
                    "text": plain("Approve"),
                    "style": "primary",
                },
                {
                    "type": "button",
                    "action_id": "plan_reject",
                    "value": "a",
                    "text": plain("Reject"),
                    "style": "danger",
                },
                {"type": "button", "action_id": "escalate", "value": "a", "text": plain("Escalate"), "confirm": sure},
            ],
        },
    ]


@pytest_asyncio.fixture(loop_scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    count = itertools.count(1)

    def now() -> datetime:
        return datetime.now(UTC)

    def new_id(prefix: str) -> str:
        return f"{prefix}{next(count):010d}"

    outage = Outage()
    workspace = SlackWorkspace(clock=now, new_id=new_id, outage=outage)
    workspace.add_user(SlackUser(ANA, "ana", "Ana Ruiz", email="ana@example.com", title="On call"))
    workspace.add_user(SlackUser("U0BEN", "ben", "Ben Okafor", email="ben@example.com"))
    workspace.add_channel(ROOM, "incidents")
    workspace.add_channel("C0GEN", "general")
    api = SlackApi(workspace, burst=50, ack_timeout=0.5)
    await api.start()
    ana = PagerDutyUser("PANA", "Ana Ruiz", "ana@example.com")
    pagerduty = PagerDutyStandIn(
        clock=now,
        new_id=new_id,
        outage=outage,
        users=[ana],
        services=[PagerDutyService("PSVC", "payments")],
        oncall=[OnCall(ana)],
    )
    await pagerduty.start()
    tickets = TicketStandIn(clock=now, new_id=new_id, outage=outage)
    await tickets.start()

    async def break_it() -> str:
        outage.set("jira", "slow")
        return "payments is broken"

    page = PageServer(workspace, pagerduty, tickets, {"Break payments": break_it})
    await page.start()
    web = AsyncWebClient(workspace.bot_token, base_url=api.url)
    sandbox = Sandbox(workspace, api, pagerduty, tickets, page, web)
    client = SocketModeClient(app_token=workspace.app_token, web_client=AsyncWebClient(base_url=api.url))
    client.socket_mode_request_listeners.append(sandbox.answer)
    await client.connect()
    await api.socket.connected()
    yield sandbox
    await client.close()
    await page.stop()
    await tickets.stop()
    await pagerduty.stop()
    await api.stop()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncIterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("there is no /usr/bin/chromium on this machine")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, sandbox: Sandbox) -> AsyncIterator[Page]:
    page = await browser.new_page(viewport={"width": 1280, "height": 860})
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    await page.goto(f"{sandbox.page.url}/?as={ANA}&channel={ROOM}")
    await page.wait_for_selector("body[data-ready]")
    yield page
    if folder := os.environ.get("COUNTERSIGN_SCREENSHOTS"):
        name = os.environ.get("PYTEST_CURRENT_TEST", "page").rpartition("::")[2].partition(" ")[0]
        await page.screenshot(path=f"{folder}/{name}.png")
    await page.close()
    assert wrong == []


async def test_the_page_loads_nothing_from_outside(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession() as session:
        answer = await session.get(sandbox.page.url)
        text = await answer.text()
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "//" not in text.replace("<!doctype html>", "")
        assert (await session.get(f"{sandbox.page.url}/page/page.js")).status == 200
        assert (await session.get(f"{sandbox.page.url}/page/..%2Fpage_server.py")).status == 404


async def test_another_site_may_not_open_the_live_feed(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(f"{sandbox.page.url}/live", headers={"Origin": "http://evil.example"})
        assert caught.value.status == 403
        async with session.ws_connect(f"{sandbox.page.url}/live", headers={"Origin": sandbox.page.url}) as socket:
            snapshot = await socket.receive_json()
            assert snapshot["type"] == "snapshot"
            await socket.send_json({"id": 1, "act": "nonsense"})
            assert await socket.receive_json() == {"type": "answer", "re": 1, "ok": False, "error": "unknown act"}
        assert sandbox.workspace.bot_token not in json.dumps(snapshot)


async def test_the_source_of_the_page_never_writes_html() -> None:
    folder = Path(__file__).resolve().parents[3] / "bot" / "sandbox" / "page"
    scripts = [path.read_text(encoding="utf-8") for path in folder.glob("*.js")]
    assert scripts
    for forbidden in ("innerHTML =", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert all(forbidden not in script for script in scripts)


@pytest.mark.browser
async def test_blocks_are_drawn_and_hostile_text_stays_text(page: Page, sandbox: Sandbox) -> None:
    await sandbox.web.chat_postMessage(channel=ROOM, text="payments", blocks=card())
    message = page.locator("#messages article").last
    await expect(message.locator("h3")).to_have_text("payments: elevated 5xx")
    await expect(message.locator(".section-text b")).to_have_text("bold")
    await expect(message.locator(".section-text code")).to_have_text("code")
    await expect(message.locator(".mention")).to_have_text("@Ana Ruiz")
    await expect(message.locator("a")).to_have_attribute("href", "https://example.com")
    await expect(message.locator("pre")).to_have_text(HOSTILE)
    await expect(message.locator(".b-context")).to_have_text(HOSTILE)
    await expect(message.locator("[data-action=plan_approve]")).to_have_class("btn primary")
    await sandbox.workspace.say("U0BEN", ROOM, HOSTILE)
    await expect(page.locator("#messages article").last.locator(".content")).to_have_text(HOSTILE)
    assert await page.locator("#messages img, #messages script").count() == 0
    assert await page.title() == "Countersign sandbox"


@pytest.mark.browser
async def test_verbatim_text_keeps_its_mark_up_and_links_nothing_by_itself(page: Page, sandbox: Sandbox) -> None:
    text = f"see https://a.example/x_y_z *bold* <https://b.example|named> <@{ANA}>"
    blocks = [
        {"type": "section", "block_id": block_id, "text": {"type": "mrkdwn", "text": text, **more}}
        for block_id, more in (("usual", {}), ("verbatim", {"verbatim": True}))
    ]
    await sandbox.web.chat_postMessage(channel=ROOM, text="links", blocks=blocks)
    usual, verbatim = page.locator("[data-block=usual]"), page.locator("[data-block=verbatim]")
    await expect(usual.locator("a")).to_have_text(["https://a.example/x_y_z", "named"])
    await expect(verbatim.locator("a")).to_have_text(["named"])
    await expect(verbatim).to_have_text("see https://a.example/x_y_z bold named @Ana Ruiz")
    await expect(verbatim.locator("b")).to_have_text("bold")
    await expect(verbatim.locator(".mention")).to_have_text("@Ana Ruiz")


@pytest.mark.browser
async def test_the_emoji_of_our_templates_are_drawn_and_need_no_font(page: Page, sandbox: Sandbox) -> None:
    templates = Path(__file__).resolve().parents[3] / "templates" / "slack"
    written = "".join(path.read_text(encoding="utf-8") for path in sorted(templates.glob("*.j2")))
    emoji = sorted(
        set(re.findall("[\u231a-\u23ff\u25b6\u2600-\u2705\u2728-\u2bff\U0001f000-\U0001faff\u21a9]", written))
    )
    assert len(emoji) > 20
    blocks = [
        {"type": "section", "block_id": "text", "text": {"type": "mrkdwn", "text": "".join(emoji)}},
        {"type": "section", "block_id": "name", "text": {"type": "mrkdwn", "text": ":red_circle: *:warning: late*"}},
        {"type": "header", "block_id": "plain", "text": plain("\u26a0\ufe0f payments \u2713")},
    ]
    await sandbox.web.chat_postMessage(channel=ROOM, text="marks", blocks=blocks)
    shown = page.locator("[data-block=text]")
    await expect(shown.locator(".mark svg")).to_have_count(len(emoji))
    await expect(shown).to_have_text("".join(emoji))  # copying and reading aloud still find the characters
    await expect(page.locator("[data-block=name] .mark svg")).to_have_count(2)
    await expect(page.locator("[data-block=plain]")).to_have_text("\u26a0\ufe0f payments \u2713")
    await expect(page.locator("[data-block=plain] .mark svg")).to_have_count(1)


@pytest.mark.browser
async def test_a_click_is_answered_for_the_clicker_only(page: Page, sandbox: Sandbox) -> None:
    await sandbox.web.chat_postMessage(channel=ROOM, text="payments", blocks=card())
    await page.locator("[data-action=plan_approve]").click()
    only_you = page.locator("#messages .ephemeral")
    await expect(only_you).to_contain_text("Only visible to you")
    await expect(only_you).to_contain_text("You may not approve this.")
    await page.locator("[data-person=U0BEN]").click()
    await expect(page.locator("#messages .ephemeral")).to_have_count(0)
    await page.locator(f"[data-person={ANA}]").click()
    await only_you.get_by_text("Dismiss message").click()
    await expect(page.locator("#messages .ephemeral")).to_have_count(0)


@pytest.mark.browser
async def test_a_modal_shows_errors_and_is_submitted(page: Page, sandbox: Sandbox) -> None:
    await sandbox.web.chat_postMessage(channel=ROOM, text="payments", blocks=card())
    await page.locator("[data-action=plan_reject]").click()
    dialog = page.locator("#modal")
    await dialog.locator("textarea").fill("no")
    await dialog.get_by_role("button", name="Reject").click()
    await expect(dialog.locator(".input-error")).to_have_text("Please say more.")
    await dialog.locator("textarea").fill("the database is the cause")
    await dialog.get_by_role("button", name="Reject").click()
    await expect(dialog).to_be_hidden()
    await expect(page.locator("#messages article").last).to_contain_text("Rejected: the database is the cause")


@pytest.mark.browser
async def test_a_confirmation_is_asked_first(page: Page, sandbox: Sandbox) -> None:
    await sandbox.web.chat_postMessage(channel=ROOM, text="payments", blocks=card())
    await page.locator("[data-action=escalate]").click()
    await page.locator("#confirm").get_by_role("button", name="Cancel").click()
    await page.locator("[data-action=escalate]").click()
    await expect(page.locator("#confirm")).to_contain_text("Pages the second line.")
    assert sandbox.workspace.ephemerals(ANA) == []
    await page.locator("#confirm").get_by_role("button", name="Page them").click()
    await expect(page.locator("#messages .ephemeral")).to_have_count(1)


@pytest.mark.browser
async def test_commands_mentions_and_threads_are_typed(page: Page, sandbox: Sandbox) -> None:
    box = page.locator("#composer textarea")
    await box.fill("/run")
    await page.keyboard.press("Tab")
    await expect(box).to_have_value("/runbook ")
    await box.press_sequentially("status")
    await page.keyboard.press("Enter")
    await expect(page.locator("#messages .ephemeral b").last).to_have_text("nothing")
    await box.fill("hello @countersign")
    await page.keyboard.press("Enter")
    mine = page.locator("#messages article", has_text="hello")
    await expect(mine.locator(".mention")).to_have_text("@Countersign")
    await mine.hover()
    await mine.get_by_label("Reply in thread").click()
    await page.locator("#thread-composer textarea").fill("a reply")
    await page.keyboard.press("Enter")
    await expect(page.locator("#replies article").last).to_contain_text("a reply")
    await expect(mine.locator(".thread-line")).to_contain_text("1 reply")


@pytest.mark.browser
async def test_an_edit_touches_only_its_message_and_keeps_focus_and_scroll(page: Page, sandbox: Sandbox) -> None:
    blocks = card()
    posted = await sandbox.web.chat_postMessage(channel=ROOM, text="payments", blocks=blocks)
    for number in range(25):
        await sandbox.web.chat_postMessage(channel=ROOM, text=f"line {number}")
    await expect(page.locator("#messages article")).to_have_count(26)
    await page.evaluate("document.querySelector('#messages article:nth-child(10)').marked = true")
    await page.evaluate("document.querySelector('[data-action=plan_approve]').focus({preventScroll: true})")
    await page.evaluate("document.getElementById('messages').scrollTop = 40")
    await sandbox.web.chat_update(channel=ROOM, ts=posted["ts"], text="edited", blocks=[*blocks, {"type": "divider"}])
    await expect(page.locator("#messages article").first.locator(".edited")).to_be_visible()
    assert await page.evaluate("document.querySelector('#messages article:nth-child(10)').marked") is True
    assert await page.evaluate("document.activeElement.dataset.action") == "plan_approve"
    assert abs(await page.evaluate("document.getElementById('messages').scrollTop") - 40) < 2


@pytest.mark.browser
async def test_the_thread_stays_open_for_the_next_person(page: Page, sandbox: Sandbox) -> None:
    parent = await sandbox.web.chat_postMessage(channel=ROOM, text="payments")
    await sandbox.web.chat_postMessage(channel=ROOM, text="please approve", thread_ts=parent["ts"], blocks=card())
    await page.get_by_text("1 reply").click()
    await page.locator("[data-person=U0BEN]").click()
    await expect(page.locator("#thread [data-action=plan_approve]")).to_be_visible()
    await expect(page.locator(f"[data-person={ANA}] .person-name")).to_have_text("Ana")


@pytest.mark.browser
async def test_a_list_of_notes_shows_its_newest_line(page: Page, sandbox: Sandbox) -> None:
    name = await sandbox.pagerduty.trigger("PSVC", "payments", details={})
    for number in range(12):
        await sandbox.pagerduty.annotate(name, f"note {number}\n" + "line\n" * 4, "PANA")
    lines = page.locator("#pagerduty .card .lines").first
    await expect(lines).to_contain_text("note 11")
    assert await lines.evaluate("list => list.scrollHeight - list.scrollTop - list.clientHeight < 2")
    await lines.evaluate("list => list.scrollTop = 30")
    await page.get_by_role("button", name="Acknowledge").click()
    await expect(page.locator("#pagerduty .card .pill").first).to_have_text("acknowledged")
    assert await lines.evaluate("list => list.scrollTop") == 30


@pytest.mark.browser
async def test_a_silent_app_is_reported_at_the_button(page: Page, sandbox: Sandbox) -> None:
    await sandbox.web.chat_postMessage(channel=ROOM, text="payments", blocks=card())
    sandbox.silent = True
    await page.locator("[data-action=plan_approve]").click()
    await expect(page.locator("#messages .notice")).to_contain_text("did not respond within 3 seconds")


@pytest.mark.browser
async def test_pagerduty_and_tickets_are_shown_and_acted_on(page: Page, sandbox: Sandbox) -> None:
    name = await sandbox.pagerduty.trigger("PSVC", f"payments {HOSTILE}", details={"rate": "18 %"})
    cards = page.locator("#pagerduty .card")
    await expect(cards.locator("h3")).to_have_text(f"payments {HOSTILE}")
    await cards.get_by_role("button", name="Acknowledge").click()
    await expect(cards.locator(".pill").first).to_have_text("acknowledged")
    assert sandbox.pagerduty.incident(name)["last_status_change_by"]["summary"] == "Ana Ruiz"
    await sandbox.pagerduty.annotate(name, "restarted", "PANA")
    await expect(cards.locator(".lines").first).to_contain_text("restarted")
    await expect(page.locator("#pagerduty .feed")).to_contain_text("Ana Ruiz")
    text = {"type": "text", "text": "from the bot", "marks": [{"type": "strong"}]}
    description = {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [text]}]}
    headers = {"Authorization": aiohttp.encode_basic_auth(sandbox.tickets.jira_user, sandbox.tickets.jira_token)}
    async with aiohttp.ClientSession(headers=headers) as session:
        fields = {"project": {"key": "OPS"}, "issuetype": {"name": "Incident"}, "summary": "payments"}
        await session.post(f"{sandbox.tickets.jira_url}/rest/api/3/issue", json={"fields": fields})
        address = f"{sandbox.tickets.jira_url}/rest/api/3/issue/OPS-1/comment"
        await session.post(address, json={"body": description})
    await expect(page.locator("#jira .adf b")).to_have_text("from the bot")
    await expect(page.locator("#jira .adf b")).to_be_visible()
    await page.locator("#jira summary", has_text="Comments").click()
    async with aiohttp.ClientSession(headers=headers) as session:
        await session.post(address, json={"body": description})
    await expect(page.locator("#jira .adf b")).to_have_count(2)
    await expect(page.locator("#jira .adf b").first).to_be_hidden()


@pytest.mark.browser
async def test_controls_and_outages_are_shown(page: Page, sandbox: Sandbox) -> None:
    await page.get_by_role("button", name="Break payments").click()
    await expect(page.locator(".toast")).to_have_text("payments is broken")
    await expect(page.locator("#outage")).to_contain_text("Jira answers slowly")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.browser
async def test_the_home_tab_is_drawn(page: Page, sandbox: Sandbox) -> None:
    await page.locator("#sidebar").get_by_role("button", name="Countersign").click()
    view = {"type": "home", "blocks": [{"type": "header", "text": plain("Waiting for you")}]}
    await sandbox.web.views_publish(user_id=ANA, view=view)
    await expect(page.locator("#messages h3")).to_have_text("Waiting for you")
