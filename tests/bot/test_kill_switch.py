"""The kill switch stops with anything broken, survives restarts, and is lifted only on purpose."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlmodel import Session

from bot.errors import Permanent, Transient
from bot.kill_switch import KillSwitch, together
from bot.stop_file import engage_file, stops_in_file
from bot.store.session import Store
from guards.context import Stop

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store."""
    async with await Store.open(f"sqlite+aiosqlite:///{tmp_path}/countersign.db") as opened:
        yield opened


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the file would be."""
    return tmp_path / "STOP"


@pytest.fixture
def switch(store: Store, file: Path) -> KillSwitch:
    """A switch that is off."""
    return KillSwitch(store, file, lambda: NOW)


def levels(stops: tuple[Stop, ...]) -> list[tuple[str, str]]:
    """What is stopped."""
    return [(stop.level, stop.name) for stop in stops]


async def test_nothing_is_stopped_at_first(switch: KillSwitch) -> None:
    assert await switch.stops() == ()


async def test_T55_engaged_survives_a_restart_and_is_lifted_by_name(
    switch: KillSwitch, store: Store, file: Path
) -> None:
    await switch.engage("service", "payments", "it loops", "ada")
    await switch.engage("all", "", "storm", "bob")
    again = KillSwitch(store, file, lambda: NOW)
    assert sorted(levels(await again.stops())) == [("all", ""), ("service", "payments")]
    assert await again.lift("all", "", "over", "ada")
    assert await again.stops() == (Stop("service", "payments", "it loops", "ada"),)
    assert not await again.lift("service", "checkout", "over", "ada")
    assert await again.lift("service", "payments", "over", "ada")
    assert await again.stops() == ()
    assert not file.exists()
    assert not await again.lift("service", "payments", "over", "ada")


async def test_engaging_twice_is_one_stop_and_one_lift(switch: KillSwitch) -> None:
    await switch.engage("all", "", "first", "ada")
    await switch.engage("all", "", "second", "bob")
    assert [stop.reason for stop in await switch.stops()] == ["first"]
    assert await switch.lift("all", "", "over", "ada")
    assert await switch.stops() == ()


async def test_T55_the_row_or_the_file_alone_is_enough(switch: KillSwitch, file: Path) -> None:
    await switch.engage("all", "", "storm", "ada")
    file.unlink()
    assert levels(await switch.stops()) == [("all", "")]
    await switch.lift("all", "", "over", "ada")
    engage_file(file, "environment", "prod", "by hand", "cli")
    assert levels(await switch.stops()) == [("environment", "prod")]


async def test_T55_one_read_gives_the_stops_and_what_else_was_asked(switch: KillSwitch, file: Path) -> None:
    await switch.engage("service", "payments", "it loops", "ada")
    file.unlink()

    def look(_session: Session) -> str:
        engage_file(file, "all", "", "in the last moment", "cli")
        return "seen"

    stops, found = await switch.stops_and(look)
    assert (levels(stops), found) == ([("all", ""), ("service", "payments")], "seen"), "the file is looked at last"
    assert levels(switch.here()) == [("all", "")]
    switch.signal()
    assert levels(together(switch.here(), stops)) == [("all", ""), ("service", "payments")]


async def test_T55_an_unreadable_database_stops_all(switch: KillSwitch, store: Store, tmp_path: Path) -> None:
    await store.close()
    (tmp_path / "countersign.db").write_bytes(b"this is no database at all" * 400)
    for side in tmp_path.glob("countersign.db-*"):
        side.unlink()
    assert levels(await switch.stops()) == [("all", "")]
    assert (await switch.stops_and(lambda _session: "never"))[1] is None


class Hanging(Store):
    """A store that never answers."""

    def __init__(self) -> None:
        """Nothing to open."""

    async def read(self, _work: object) -> object:  # type: ignore[override]  # reason: stands in for one that hangs
        await asyncio.sleep(60)
        return None


async def test_T55_a_database_that_hangs_stops_all_soon(file: Path) -> None:
    assert levels(await KillSwitch(Hanging(), file, lambda: NOW, patience=0.02).stops()) == [("all", "")]


async def test_lifting_all_clears_what_cannot_be_understood_and_nothing_else_does(
    switch: KillSwitch, file: Path
) -> None:
    engage_file(file, "service", "a", "r", "b")
    with file.open("ab") as out:
        out.write(b"half a li")
    with pytest.raises(Permanent, match="lift `all` first"):
        await switch.lift("service", "a", "over", "ada")
    assert await switch.lift("all", "", "over", "ada")
    assert levels(await switch.stops()) == [("service", "a")]


async def test_T55_a_signal_stops_at_once_and_survives(switch: KillSwitch, store: Store, file: Path) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, switch.signal)
    os.kill(os.getpid(), signal.SIGUSR1)
    await asyncio.sleep(0.01)
    loop.remove_signal_handler(signal.SIGUSR1)
    assert levels(await switch.stops()) == [("all", "")]
    assert levels(await KillSwitch(store, file, lambda: NOW).stops()) == [("all", "")]
    assert await switch.lift("all", "", "over", "ada")
    assert await switch.stops() == ()


async def test_T55_a_signal_stops_even_when_nothing_can_be_written(store: Store, tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("a file where a folder should be")
    broken = KillSwitch(store, tmp_path / "plain" / "STOP", lambda: NOW)
    broken.signal()
    assert ("all", "") in levels(await broken.stops())


async def test_T62_engaging_works_with_one_place_down_and_fails_closed_with_both(
    store: Store, tmp_path: Path, file: Path
) -> None:
    (tmp_path / "plain").write_text("a file where a folder should be")
    no_file = KillSwitch(store, tmp_path / "plain" / "STOP", lambda: NOW)
    await no_file.engage("service", "a", "r", "ada")
    assert ("service", "a") in levels(await no_file.stops())
    await store.close()
    (tmp_path / "countersign.db").write_bytes(b"this is no database at all" * 400)
    for side in tmp_path.glob("countersign.db-*"):
        side.unlink()
    only_file = KillSwitch(store, file, lambda: NOW)
    await only_file.engage("service", "b", "r", "ada")
    assert levels(stops_in_file(file)) == [("service", "b")]
    with pytest.raises(Transient):
        await no_file.engage("service", "c", "r", "ada")
    assert no_file.signalled


@pytest.mark.parametrize(("level", "name"), [("all", "x"), ("service", ""), ("galaxy", "x")])
async def test_a_stop_names_exactly_one_thing(switch: KillSwitch, level: str, name: str) -> None:
    with pytest.raises(ValueError, match=r"kill switch|name which"):
        await switch.engage(level, name, "r", "ada")
    assert await switch.stops() == ()


async def test_T55_watch_only_is_kept_in_file_and_row_and_lifting_it_lifts_nothing_else(
    switch: KillSwitch, file: Path
) -> None:
    await switch.engage("monitor", "", "new policy", "ada")
    await switch.engage("all", "", "storm", "bob")
    assert sorted(levels(stops_in_file(file))) == [("all", ""), ("monitor", "")]
    assert await switch.lift("monitor", "", "seen enough", "ada")
    assert levels(await switch.stops()) == [("all", "")]
    with pytest.raises(ValueError, match="take no name"):
        engage_file(file, "monitor", "payments", "r", "ada")
