"""Origin: our own app's payloads and no other's; a refusal is in the audit (T12)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.errors import Transient
from bot.slack.origin import Origin, in_audit
from bot.store import audit
from bot.store.session import Store

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
CLICK = {"type": "block_actions", "user": {"id": "U1"}, "team": {"id": "T1"}}

CASES: list[tuple[dict[str, Any], bool]] = [
    ({"api_app_id": "A1"}, False),
    ({"api_app_id": "A1", **CLICK}, False),
    ({"api_app_id": "A2", **CLICK}, True),
    ({"api_app_id": "a1"}, True),
    ({"api_app_id": " A1"}, True),
    ({"api_app_id": ["A1"]}, True),
    ({"api_app_id": None}, True),
    ({"api_app_id": ""}, True),
    ({"api_app_id": "A2", "user": "U1", "team": "T1"}, True),
    ({}, True),
]


@pytest.mark.parametrize(("payload", "refused"), CASES)
async def test_T12_only_our_own_app(payload: dict[str, Any], refused: bool) -> None:
    kept: list[tuple[str, dict[str, Any]]] = []

    async def record(who: str, what: dict[str, Any]) -> None:
        kept.append((who, what))

    assert await Origin("A1", record).refuses(payload) is refused
    assert len(kept) == refused


async def test_T12_an_app_that_is_not_known_is_nobody() -> None:
    async def record(_who: str, _what: dict[str, Any]) -> None:
        return

    assert await Origin("", record).refuses({"api_app_id": ""})


async def test_T12_what_cannot_be_recorded_is_not_settled() -> None:
    async def record(_who: str, _what: dict[str, Any]) -> None:
        raise Transient("disk full")

    with pytest.raises(Transient):
        await Origin("A1", record).refuses({"api_app_id": "A2"})


async def test_T12_a_refusal_is_in_the_audit_and_holds_only_ids(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite+aiosqlite:///{tmp_path}/countersign.db")
    hostile = {
        "api_app_id": "A2\n<!channel>" + "x" * 500,
        "type": "block_actions",
        "user": {"id": "U1 "},
        "team": {"id": "T9"},
    }
    assert await Origin("A1", in_audit(store, lambda: NOON)).refuses(hostile)
    (row,) = await store.read(audit.rows)
    assert (row.event, row.actor, row.subject) == ("refused", "T9/U1", "slack")
    assert row.data == {"app": "A2channel" + "x" * 27, "code": "foreign_app", "kind": "block_actions"}
    await store.close()
