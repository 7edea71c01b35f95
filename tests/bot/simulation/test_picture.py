"""The picture: one file, nothing loaded from anywhere, hostile text only as data, drawn by the sandbox's own modules."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

from bot.simulation.picture import SANDBOX, picture
from tests.bot.sandbox.test_page_server import ARGUMENTS, CHROMIUM
from tests.bot.simulation.conftest import Rehearse

HOSTILE = "</script><script>document.title='owned'</script> <!--"


async def made(rehearsed: Rehearse, **given: object) -> str:
    async with rehearsed(**given) as one:
        return picture(one.equipment, one.rehearsal, "An alert", "The report")


async def test_it_loads_nothing_and_is_the_same_every_time(rehearsed: Rehearse) -> None:
    html = await made(rehearsed)
    assert html == await made(rehearsed)
    assert not re.search(
        r"""(?:src|href)\s*=\s*["'](?!data:)""",
        re.sub(r"<script type=\"(?:application/json|importmap)\".*?</script>", "", html, flags=re.DOTALL),
    )
    assert "{{" not in html
    assert "default-src 'none'" in html


async def test_the_sandboxs_modules_are_in_it_unchanged_but_for_their_names(rehearsed: Rehearse) -> None:
    html = await made(rehearsed)
    found = re.search(r'<script type="importmap">(.*?)</script>', html)
    assert found is not None
    modules = json.loads(found.group(1))["imports"]
    for name in ("blocks", "message", "mrkdwn", "dom", "store"):
        source = base64.b64decode(modules[name].partition(",")[2]).decode()
        original = (SANDBOX / f"{name}.js").read_text(encoding="utf-8")
        assert source == re.sub(r'from "\./([a-z]+)\.js"', r'from "\1"', original)
    assert "WebSocket" not in base64.b64decode(modules["live"].partition(",")[2]).decode()


async def test_what_an_alert_says_cannot_leave_its_element(rehearsed: Rehearse) -> None:
    html = await made(rehearsed, title=HOSTILE)
    assert "</script><script>document" not in html
    shown = re.search(r'<script type="application/json" id="shown">(.*?)</script>', html, flags=re.DOTALL)
    assert shown is not None
    assert HOSTILE.split("<")[1] in json.dumps(json.loads(shown.group(1))).replace("&lt;", "<").replace("&gt;", ">")


@pytest.mark.browser
async def test_a_browser_draws_the_cards_and_nothing_can_be_pressed(rehearsed: Rehearse, tmp_path: Path) -> None:
    if not CHROMIUM.exists():
        pytest.skip("there is no /usr/bin/chromium on this machine")
    file = tmp_path / "picture.html"
    file.write_text(await made(rehearsed, title=f"elevated 5xx {HOSTILE}"), encoding="utf-8")
    asked: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            page: Page = await browser.new_page()
            page.on("request", lambda request: asked.append(request.url))
            errors: list[str] = []
            page.on("pageerror", lambda error: errors.append(str(error)))
            await page.goto(file.as_uri())
            await page.wait_for_selector("body[data-ready]")
            assert "Critical: payments in prod" in await page.inner_text("#messages")
            assert "Approval needed" in await page.inner_text("#replies")
            await page.click("#replies button:has-text('Approve')")
            assert "Nothing can be pressed" in await page.inner_text("#replies .notice:not([hidden])")
            assert await page.title() == "Countersign simulation"
        finally:
            await browser.close()
    assert errors == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
