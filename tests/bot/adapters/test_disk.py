"""Disk adapter on real folders: only old regular files, only in listed folders, never through a link (X2, T42)."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.disk import DiskAdapter
from bot.adapters.folders import is_kept, opened
from bot.adapters.registry import Registry
from bot.errors import Permanent
from bot.plan import Act

NOW = datetime(2030, 6, 1, tzinfo=UTC)
DAY = 86_400


class Area:
    def __init__(self, root: Path, registry: Callable[..., Registry], act: Callable[..., Act]) -> None:
        self.root, self._registry, self._act = root, registry, act
        self.settings: dict[str, Any] = {"root": str(root), "paths": ["tmp", "logs/old"]}

    def adapter(self) -> DiskAdapter:
        return DiskAdapter(self._registry("disk_area", self.settings), lambda: NOW)

    def act(self, verb: str = "clean_paths", **changes: Any) -> Act:
        request = (
            dict(self.settings) | ({"older_than_days": 7} if verb == "clean_paths" else {}) | changes.pop("request", {})
        )
        return self._act("disk", f"disk.{verb}", "disk_area", request, **changes)

    def file(self, name: str, days: float, size: int = 100) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
        os.utime(path, (NOW.timestamp() - days * DAY,) * 2)
        return path


@pytest.fixture
def area(tmp_path: Path, registry: Callable[..., Registry], act: Callable[..., Act]) -> Area:
    root = tmp_path.resolve() / "area"
    (root / "tmp").mkdir(parents=True)
    (root / "logs" / "old").mkdir(parents=True)
    return Area(root, registry, act)


async def test_X2_only_old_regular_files_of_listed_folders_go(area: Area, told: Any) -> None:
    old = [area.file("tmp/a", 8), area.file("tmp/b", 30), area.file("logs/old/c", 8)]
    kept = [area.file("tmp/new", 6), area.file("tmp/deeper/d", 30), area.file("other/e", 30), area.file("f", 30)]
    outside = area.file("outside", 30)
    link = area.root / "tmp" / "link"
    link.symlink_to(outside)
    pipe = area.root / "tmp" / "pipe"
    os.mkfifo(pipe)
    assert area.adapter().forbidden(area.act()) is None
    assert await area.adapter().identify(area.act()) is None
    result = await area.adapter().act(area.act(), "run/clean/1", told)
    assert not any(path.exists() for path in old)
    assert all(path.exists() for path in [*kept, outside, pipe])
    assert link.is_symlink()
    assert result.ok
    assert (result.data["files"], result.data["bytes"]) == (3, 300)
    assert str(old[0]) in result.output
    assert (area.root / "tmp").is_dir()


async def test_cleaning_twice_is_harmless(area: Area, told: Any) -> None:
    area.file("tmp/a", 8)
    await area.adapter().act(area.act(), "run/clean/1", told)
    result = await area.adapter().act(area.act(), "run/clean/2", told)
    assert (result.ok, result.data["files"]) == (True, 0)


@pytest.mark.parametrize("where", ["tmp", "logs", "root"])
async def test_T42_a_link_in_place_of_a_folder_is_refused(area: Area, told: Any, where: str) -> None:
    victim = area.root.parent / "victim"
    precious = victim / "old" / "precious"
    precious.parent.mkdir(parents=True)
    (victim / "tmp").mkdir()
    for path in (precious, victim / "precious", victim / "tmp" / "precious"):
        path.write_bytes(b"x")
        os.utime(path, (0, 0))
    place = area.root if where == "root" else area.root / where
    place.rename(area.root.parent / "moved")
    place.symlink_to(victim)
    denied = await area.adapter().identify(area.act())
    assert denied is not None
    assert denied.code == "target_gone"
    with pytest.raises(Permanent, match="link"):
        await area.adapter().act(area.act(), "run/clean/1", told)
    assert precious.exists()
    assert (victim / "precious").exists()
    assert (victim / "tmp" / "precious").exists()


WRONG: list[dict[str, Any]] = [
    {"paths": []},
    {"paths": ["other"]},
    {"paths": [".."]},
    {"paths": ["."]},
    {"paths": [""]},
    {"paths": ["*"]},
    {"paths": ["tmp", "/etc"]},
    {"paths": None},
    {"root": "/"},
    {"root": ""},
    {"older_than_days": 0},
    {"older_than_days": -1},
    {"older_than_days": True},
    {"older_than_days": None},
    {"older_than_days": "7"},
    {"older_than_days": 0.5},
]


@pytest.mark.parametrize("request_", WRONG, ids=repr)
async def test_T34_T42_anything_outside_the_known_safe_folders_is_blocked(
    area: Area, told: Any, request_: dict[str, Any]
) -> None:
    precious = area.file("other/precious", 99)
    act = area.act(request=request_)
    assert area.adapter().forbidden(act) is not None
    with pytest.raises(Permanent):
        await area.adapter().act(act, "run/clean/1", told)
    assert precious.exists()


@pytest.mark.parametrize(
    "settings",
    [
        {"root": "/", "paths": ["etc"]},
        {"root": "/", "paths": ["usr/share"]},
        {"root": "/", "paths": ["home"]},
        {"root": "/", "paths": ["home/someone"]},
        {"root": "/", "paths": ["var/lib/postgresql"]},
        {"root": "/var", "paths": ["log"]},
        {"root": "/srv/app", "paths": [".git"]},
        {"root": "/srv/app", "paths": ["."]},
        {"root": "/srv/app", "paths": [".."]},
        {"root": "/srv/app", "paths": ["*"]},
        {"root": "/srv/app", "paths": ["-rf"]},
        {"root": "/srv/../etc", "paths": ["ssl"]},
    ],
    ids=repr,
)
def test_T42_system_folders_are_blocked_even_when_the_catalogue_lists_them(
    area: Area, settings: dict[str, Any]
) -> None:
    area.settings = settings
    assert area.adapter().forbidden(area.act()) is not None


def test_ordinary_temporary_folders_are_not_system_folders() -> None:
    assert not any(
        is_kept(folder) for folder in ("/tmp", "/var/tmp", "/var/log/app", "/srv/app/tmp", "/home/a/app/tmp")
    )


async def test_report_measures_and_removes_nothing(area: Area, told: Any) -> None:
    kept = [area.file("tmp/big", 30, 50_000), area.file("tmp/deep/x", 30, 10_000), area.file("logs/old/c", 30)]
    (area.root / "tmp" / "loop").symlink_to(area.root)
    result = await area.adapter().act(area.act("report"), "run/report/1", told)
    assert all(path.exists() for path in kept)
    assert result.ok
    assert result.data["bytes"] >= 60_000
    assert 0 <= result.data["used_percent"] <= 100
    assert result.output.index("tmp/big") < result.output.index("tmp/deep")


async def test_at_the_deadline_it_stops_between_files_and_says_so(area: Area, told: Any) -> None:
    for number in range(50):
        area.file(f"tmp/{number}", 30)
    result = await area.adapter().act(area.act(deadline=1e-9), "run/clean/1", told)
    assert not result.ok
    assert "stopped at the deadline" in result.summary
    assert result.data["files"] + len(list((area.root / "tmp").iterdir())) == 50


async def test_a_socket_is_not_a_file(area: Area, told: Any) -> None:
    place = os.path.relpath(area.root / "tmp" / "s")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(place)
        os.utime(place, (0, 0))
        result = await area.adapter().act(area.act(), "run/clean/1", told)
        assert result.data["files"] == 0
        assert (area.root / "tmp" / "s").exists()


def test_opened_refuses_what_is_not_plain(tmp_path: Path) -> None:
    for path in ("relative", "", "/a/../b", "/tmp/", "/a//b", str(tmp_path / "missing")):
        with pytest.raises(Permanent), opened(path):
            pytest.fail("opened")
