"""Group members as they are now: fresh for a minute, and unknown when they cannot be learned (T02)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from bot.errors import Transient
from bot.membership import Groups, Membership
from bot.services import GroupSource, People, Person, SlackIdentity

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
PEOPLE = People(
    people=(
        Person(id="ana", name="Ana", slack=(SlackIdentity(team="T1", user="U1"),), pagerduty="PANA"),
        Person(id="ben", name="Ben", slack=(SlackIdentity(team="T1", user="U2"),), pagerduty="PBEN"),
        Person(id="eve", name="Eve", slack=(SlackIdentity(team="T9", user="U3"),)),
    ),
    groups={
        "leads": ("ana",),
        "sre": GroupSource(slack_usergroup="S0SRE"),
        "oncall": GroupSource(pagerduty_schedule="PSCHED"),
    },
)


class World:
    """A clock that is moved by hand, and systems that answer what they are told to."""

    def __init__(self) -> None:
        self.now = NOON
        self.asked: list[str] = []
        self.users: list[str] = ["U1", "U3", "U9"]
        self.fail: Exception | None = None
        self.delay = 0.0

    async def lookup(self, name: str) -> Iterable[str]:
        self.asked.append(name)
        await asyncio.sleep(self.delay)
        if self.fail:
            raise self.fail
        return self.users

    def groups(self, *, patience: float = 1.0) -> Groups:
        return Groups(PEOPLE, "T1", lambda: self.now, usergroup=self.lookup, schedule=self.lookup, patience=patience)


async def test_members_come_from_lists_user_groups_and_schedules() -> None:
    world = World()
    groups = world.groups()
    found = await groups.resolve(["leads", "sre"])
    assert found.members == {
        "leads": frozenset({"ana"}),
        "sre": frozenset({"ana"}),
    }  # another team and strangers: nobody
    world.users = ["PBEN", ""]
    assert (await groups.resolve(["oncall"])).members == {"oncall": frozenset({"ben"})}
    assert found.of("ana") == {"leads", "sre"}
    assert found.of("eve") == frozenset()
    assert world.asked == ["S0SRE", "PSCHED"]


@pytest.mark.parametrize(("seconds", "lookups"), [(0, 1), (59, 1), (60, 2), (-1, 2)])
async def test_T02_a_lookup_older_than_a_minute_is_made_again(seconds: int, lookups: int) -> None:
    world = World()
    groups = world.groups()
    await groups.resolve(["sre"])
    world.now += timedelta(seconds=seconds)
    await groups.resolve(["sre"])
    assert len(world.asked) == lookups


async def test_T02_a_lookup_that_fails_is_unknown_and_the_old_members_do_not_count() -> None:
    world = World()
    groups = world.groups()
    await groups.resolve(["sre"])
    world.now += timedelta(seconds=61)
    world.fail = Transient("down")
    found = await groups.resolve(["sre", "leads"])
    assert found.members == {"leads": frozenset({"ana"})}
    assert found.why_unknown(["leads"]) == ""
    assert found.why_unknown(["sre", "leads"]) == "sre: Slack could not say (down)"
    world.fail = None
    assert (await groups.resolve(["sre"])).unknown == {}


async def test_T02_no_answer_in_time_is_unknown() -> None:
    world = World()
    world.delay = 5.0
    found = await world.groups(patience=0.01).resolve(["oncall"])
    assert found.why_unknown(["oncall"]) == "oncall: PagerDuty did not answer within 0.01 s"


async def test_a_group_that_nobody_declared_or_whose_system_is_missing_is_unknown() -> None:
    found = await Groups(PEOPLE, "T1", lambda: NOON).resolve(["ghosts", "sre", "oncall"])
    assert found == Membership(
        {},
        {
            "ghosts": "people.yaml has no such group",
            "sre": "Slack is not configured",
            "oncall": "PagerDuty is not configured",
        },
    )


async def test_forget_makes_the_next_look_fresh() -> None:
    world = World()
    groups = world.groups()
    await groups.resolve(["sre"])
    groups.forget()
    await groups.resolve(["sre"])
    assert len(world.asked) == 2


@pytest.mark.parametrize(
    "data", [{}, {"slack_usergroup": "S0SRE", "pagerduty_schedule": "PSCHED"}, {"slack_usergroup": "*"}]
)
def test_a_group_source_names_exactly_one_place(data: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        GroupSource.model_validate(data)
