"""Policy inputs: calendars that are frozen until they are read, and groups from the systems that are configured (T02, T56)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.assembly import Clients, make_clients
from bot.config import Configuration, load
from bot.errors import Transient
from bot.policy_inputs import REFRESH_SECONDS, PolicyInputs, make
from bot.services import People
from guards import Policy
from tests.fakes.installation import NEEDED, NOWHERE, write_installation

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
DECLARED = {"name": "company", "file": "freezes.ics", "environments": ["prod"], "kind": "freeze", "max_age": "2d"}
EVENT = "BEGIN:VEVENT\nUID:1\nSUMMARY:Audit\nDTSTART:20261121T110000Z\nDTEND:20261121T130000Z\nEND:VEVENT\n"
WHOLE = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:t\n{EVENT}END:VCALENDAR\n"


@dataclass
class Slack:
    """Slack as far as user groups go."""

    members: dict[str, list[str]] = field(default_factory=dict)
    down: bool = False

    async def usergroup_members(self, name: str) -> list[str]:
        if self.down:
            raise Transient("Slack is down")
        return self.members[name]


@dataclass
class PagerDuty:
    """PagerDuty as far as schedules go."""

    on: dict[str, list[str]] = field(default_factory=dict)

    async def on_schedule(self, name: str) -> list[str]:
        return self.on[name]


PEOPLE = {
    "people": [
        {"id": "ana", "name": "Ana", "roles": ["responder"], "slack": [{"team": "T1", "user": "U1"}]},
        {"id": "ben", "name": "Ben", "roles": ["responder"], "pagerduty": "PBEN"},
    ],
    "groups": {
        "listed": ["ana"],
        "in-slack": {"slack_usergroup": "S0ONE"},
        "on-call": {"pagerduty_schedule": "PSCHED"},
    },
}


@asynccontextmanager
async def inputs(
    folder: Path, policy: dict[str, Any], *, clock: Callable[[], datetime] = lambda: NOON, **changes: Any
) -> AsyncIterator[PolicyInputs]:
    """Policy inputs of an installation with these policy keys. changes: clients to replace."""
    found: Configuration = load(write_installation(folder), {**NEEDED, **NOWHERE})
    slack = found.file.slack.model_copy(update={"team": "T1"})
    file = found.file.model_copy(update={"slack": slack})
    found = found.model_copy(update={"people": People.model_validate(PEOPLE), "file": file})
    clients: Clients = make_clients(found)
    made = make(found, Policy.from_mapping({**found.policy, **policy}), replace(clients, **changes), clock)
    try:
        yield made
    finally:
        await made.close()
        await clients.close()


FILES: dict[str, tuple[str | None, list[str], int]] = {
    "read": (WHOLE, ["company: Audit"], 0),
    "T56 missing": (None, [], 1),
    "T56 not a calendar": ("<html>", [], 1),
}


@pytest.mark.parametrize(("text", "names", "problems"), FILES.values(), ids=FILES)
async def test_T56_a_calendar_lies_beside_policy_yaml(
    tmp_path: Path, text: str | None, names: list[str], problems: int
) -> None:
    if text is not None:
        (tmp_path / "freezes.ics").write_text(text)
    async with inputs(tmp_path, {"calendars": [DECLARED], "freezes": []}) as made:
        before = made.calendars.current(NOON)
        assert [environment for environment, _ in before.problems] == ["prod"], "until it is read all is frozen"
        await made.calendars.refresh()
        after = made.calendars.current(NOON)
        assert [period.name for period in after.periods if period.kind == "freeze"] == names
        assert len(after.problems) == problems


async def test_T02_groups_come_from_lists_slack_and_pagerduty(tmp_path: Path) -> None:
    slack, pagerduty = Slack({"S0ONE": ["U1", "U9"]}), PagerDuty({"PSCHED": ["PBEN"]})
    async with inputs(tmp_path, {}, slack=slack, pagerduty=pagerduty) as made:
        found = await made.groups.resolve(["listed", "in-slack", "on-call"])
    assert found.members == {
        "listed": frozenset({"ana"}),
        "in-slack": frozenset({"ana"}),
        "on-call": frozenset({"ben"}),
    }


async def test_T02_what_is_down_or_not_configured_is_unknown(tmp_path: Path) -> None:
    async with inputs(tmp_path, {}, slack=Slack(down=True), pagerduty=None) as made:
        found = await made.groups.resolve(["listed", "in-slack", "on-call"])
    assert found.members == {"listed": frozenset({"ana"})}
    assert found.unknown == {
        "in-slack": "Slack could not say (Slack is down)",
        "on-call": "PagerDuty is not configured",
    }


async def test_calendars_are_kept_fresh_until_the_end(tmp_path: Path) -> None:
    path, now, slept = tmp_path / "freezes.ics", [NOON], list[float]()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += timedelta(minutes=2)
        if len(slept) == 1:
            path.write_text(WHOLE)
        if len(slept) == 3:
            raise asyncio.CancelledError

    async with inputs(tmp_path, {"calendars": [DECLARED], "freezes": []}, clock=lambda: now[0]) as made:
        with pytest.raises(asyncio.CancelledError):
            await made.keep_fresh(sleep)
        assert made.calendars.current(NOON).problems == ()
        assert [period.kind for period in made.calendars.current(NOON).periods] == ["freeze"]
    assert slept == [REFRESH_SECONDS] * 3
