"""The Slack room as one piece: who we are first, then listening; and what it says when the token is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from bot.clients.slack import SlackClient
from bot.config import Configuration, File, SlackSettings
from bot.errors import ConfigurationError
from bot.render import Renderer
from bot.services import Catalogue, People
from bot.slack import room as module
from bot.slack.room import SlackRoom
from bot.store import audit
from bot.store.session import Store

ROOT = Path(__file__).resolve().parents[3]
CHANNEL, ALICE = "C0INC", "U0ALICE"


@pytest.fixture
async def make(room: Any, tmp_path: Path) -> AsyncIterator[Callable[..., SlackRoom]]:
    """make(mode, team, token): a room beside the usual one, over the same Slack and the same inbox."""
    await room.socket.close()  # its place is taken by the room under test
    store = await Store.open(f"sqlite+aiosqlite:///{tmp_path}/countersign.db")
    clients: list[SlackClient] = []
    made: list[SlackRoom] = []

    def build(mode: str = "socket", team: str = "T0SANDBOX", token: str = "") -> SlackRoom:
        client = SlackClient(token or room.workspace.bot_token, room.client.web.base_url)
        clients.append(client)
        names = {
            "SLACK_BOT_TOKEN": room.workspace.bot_token,
            "SLACK_APP_TOKEN": room.workspace.app_token,
            "SLACK_SIGNING_SECRET": room.workspace.signing_secret,
        }
        found = Configuration(
            path=tmp_path / "countersign.yaml",
            file=File(slack=SlackSettings(mode=mode, channel=CHANNEL, team=team)),  # type: ignore[arg-type]  # reason: one of two words
            catalogue=Catalogue(services=()),
            people=People(people=room.desk.people.people),
            policy={},
            secrets=names,  # type: ignore[arg-type]  # reason: pydantic makes SecretStr of them
            addresses={},
        )
        made.append(SlackRoom(found, room.asked, client, Renderer(ROOT / "templates"), store, room.inbox))
        return made[-1]

    yield build
    for one in made:
        await one.close()
    for client in clients:
        await client.close()
    await store.close()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.01)


async def test_in_socket_mode_it_connects_listens_and_answers(room: Any, make: Callable[..., SlackRoom]) -> None:
    under_test = make()
    assert under_test.http_endpoint is None
    assert not under_test.connected
    running = asyncio.create_task(under_test.run())
    await until(lambda: under_test.connected)
    await room.workspace.slash(ALICE, CHANNEL, "/runbook list")
    await until(lambda: bool(room.told()))
    assert room.asked.calls == [("list_runbooks",)]
    running.cancel()
    await asyncio.wait({running})


async def test_in_http_mode_it_takes_nothing_before_it_knows_itself(room: Any, make: Callable[..., SlackRoom]) -> None:
    under_test = make(mode="http")
    assert under_test.http_endpoint is not None
    early = await under_test.http_endpoint(make_mocked_request("POST", "/slack/events"))
    assert (early.status, early.headers["Retry-After"]) == (503, "2")
    running = asyncio.create_task(under_test.run())
    await until(lambda: under_test.connected)
    unsigned = await under_test.http_endpoint(make_mocked_request("POST", "/slack/events"))
    assert unsigned.status == 401
    assert room.asked.calls == []
    running.cancel()
    await asyncio.wait({running})


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"team": "T0OTHER"}, "belongs to workspace T0SANDBOX"), ({"token": "xoxb-wrong"}, "Slack refuses the token")],
)
async def test_T43_a_token_that_is_not_ours_ends_the_bot_with_a_sentence(
    make: Callable[..., SlackRoom], changes: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        await make(**changes).run()
    assert caught.value.place == "environment: SLACK_BOT_TOKEN"
    assert caught.value.fix


async def test_T12_a_slack_that_does_not_name_our_app_ends_the_bot_with_a_sentence(
    room: Any, make: Callable[..., SlackRoom], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room.workspace, "app_id", "")
    with pytest.raises(ConfigurationError, match=r"which app the token belongs to \(bots.info: no app\)") as caught:
        await make().run()
    assert "users:read" in caught.value.fix


async def test_T12_a_click_of_another_app_is_in_the_audit(
    room: Any, make: Callable[..., SlackRoom], tmp_path: Path
) -> None:
    under_test = make()
    running = asyncio.create_task(under_test.run())
    await until(lambda: under_test.connected)
    ours, room.workspace.app_id = room.workspace.app_id, "A0OTHER"
    await room.workspace.slash(ALICE, CHANNEL, "/runbook kill all please stop")
    room.workspace.app_id = ours
    await room.workspace.slash(ALICE, CHANNEL, "/runbook list")
    await until(lambda: bool(room.told()))
    assert room.asked.calls == [("list_runbooks",)]
    store = await Store.open(f"sqlite+aiosqlite:///{tmp_path}/countersign.db")
    assert [(row.event, row.actor) for row in await store.read(audit.rows)] == [("refused", f"T0SANDBOX/{ALICE}")]
    await store.close()
    running.cancel()
    await asyncio.wait({running})


async def test_a_slack_that_is_away_at_the_start_is_waited_for(
    room: Any, make: Callable[..., SlackRoom], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.02)
    room.workspace.outage.set("slack", "refuse")
    under_test = make()
    running = asyncio.create_task(under_test.run())
    await asyncio.sleep(0.1)
    assert not running.done()
    assert not under_test.connected
    room.workspace.outage.set("slack", "up")
    await until(lambda: under_test.connected)
    running.cancel()
    await asyncio.wait({running})
