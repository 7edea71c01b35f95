"""Where calendars come from: files of the policy's folder, listed hosts only, and ServiceNow's planned changes."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from bot.calendars.events import MOST_BYTES
from bot.calendars.reading import allow_list, change_periods, fetcher, file_reader
from bot.calendars.recurrence import Unreadable
from bot.clients.allow_list import AllowList
from bot.clients.http import HttpClient
from bot.clients.servicenow import PlannedChange
from bot.errors import Permanent, Transient
from guards.policy_periods import DeclaredCalendar

START, END = datetime(2026, 11, 21, 10, tzinfo=UTC), datetime(2026, 11, 21, 12, tzinfo=UTC)


def calendar(*services: str, url: str = "") -> DeclaredCalendar:
    return DeclaredCalendar("changes", "maintenance", ("prod",), services, 3600.0, url=url, servicenow=not url)


def test_a_file_is_read_from_the_folder_of_the_policy_and_no_further_than_it_may_be_long(tmp_path: Path) -> None:
    (tmp_path / "a.ics").write_bytes(b"x" * (MOST_BYTES + 100))
    assert len(file_reader(tmp_path)("a.ics")) == MOST_BYTES + 1
    assert len(file_reader(Path("/nowhere"))(str(tmp_path / "a.ics"))) == MOST_BYTES + 1


@pytest.mark.parametrize("name", ["none.ics", ".", "a\x00b"])
def test_T56_a_file_that_is_not_there_is_unreadable(tmp_path: Path, name: str) -> None:
    with pytest.raises(Unreadable, match="cannot be read"):
        file_reader(tmp_path)(name)


@pytest.fixture
async def served() -> AsyncIterator[str]:
    """An address whose path is the status it answers with; /big is long, /moved goes elsewhere."""

    async def answer(request: web.Request) -> web.Response:
        what = request.match_info["what"]
        if what == "moved":
            raise web.HTTPFound("/200")
        return web.Response(status=200 if what == "big" else int(what), body=b"x" * (2_000_000 if what == "big" else 3))

    app = web.Application()
    app.router.add_get("/{what}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize(
    "path,error",
    [
        ("404", Unreadable),
        ("403", Unreadable),
        ("204", Unreadable),
        ("moved", Unreadable),
        ("big", Unreadable),
        ("500", Transient),
        ("503", Transient),
        ("429", Transient),
    ],
)
async def test_T56_only_a_whole_answer_is_taken(served: str, path: str, error: type[Exception]) -> None:
    async with HttpClient(allow_list([calendar(url=served)], [])) as http:
        assert await fetcher(http)(f"{served}/200") == b"xxx"
        with pytest.raises(error):
            await fetcher(http)(f"{served}/{path}")


async def test_T28_only_the_hosts_of_calendars_are_listed_and_private_networks_must_be_named(served: str) -> None:
    listed = allow_list([calendar(url="https://calendar.example.com/secret.ics")], ["10.0.0.0/8", "other.example.com"])
    assert listed == AllowList(frozenset({("calendar.example.com", 443)}), (ipaddress.ip_network("10.0.0.0/8"),))
    async with HttpClient(listed) as http:
        with pytest.raises(Permanent, match="not a listed host"):
            await fetcher(http)(f"{served}/200")


async def test_T28_an_error_does_not_tell_the_address(served: str) -> None:
    async with HttpClient(allow_list([calendar(url=served)], [])) as http:
        for path in ("404", "moved", "500"):
            with pytest.raises((Permanent, Transient)) as caught:
                await fetcher(http)(f"{served}/{path}?token=s3cret")
            assert "s3cret" not in str(caught.value)


def change(*names: str, number: str = "CHG1", words: str = "new disks") -> PlannedChange:
    return PlannedChange(number, words, START, END, names)


KNOWN = ("payments", "checkout")


@pytest.mark.parametrize(
    "names,declared,services",
    [
        (["payments"], (), ("payments",)),
        (["Payments", "CHECKOUT"], (), ("checkout", "payments")),
        (["payments", "printer"], (), ("payments",)),
        (["printer"], (), None),
        ([], (), ()),
        ([], ("payments",), ("payments",)),
        (["payments"], ("payments",), ("payments",)),
        (["checkout"], ("payments",), None),
    ],
)
def test_a_change_is_maintenance_of_the_services_it_names(
    names: list[str], declared: tuple[str, ...], services: tuple[str, ...] | None
) -> None:
    found = change_periods([change(*names)], calendar(*declared), KNOWN)
    assert [p.services for p in found] == ([] if services is None else [services])
    assert all((p.kind, p.environments, p.start, p.end) == ("maintenance", ("prod",), START, END) for p in found)


def test_the_words_of_a_change_are_one_printable_line() -> None:
    (found,) = change_periods([change("payments", words="a\nb\u202e" + "x" * 300)], calendar(), KNOWN)
    assert found.name.startswith("changes: CHG1 a b")
    assert len(found.name) == 100
    assert found.name.isprintable()
