"""Reloading: all or nothing, off the loop, by signal or by looking; the last good catalogue stays and everybody can see it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot import reloading
from bot.reloading import Reloading, difference
from bot.telemetry import Metrics
from runbooks.load import Catalogue, Library, load_catalog
from tests.runbooks.conftest import LONG

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
BROKEN = LONG.replace("title: Demo", "titel: Demo")


class Scene:
    """A folder with one runbook, its library, and its reloading."""

    def __init__(self, folder: Path, **parts: Any) -> None:
        self.folder = folder
        self.now = START
        self.write(LONG)
        self.library = Library([folder], START)
        self.metrics = Metrics()
        self.reloading = Reloading(self.library, self.metrics, lambda: self.now, **parts)

    def write(self, text: str, name: str = "demo.yaml") -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def _settled(scene: Scene) -> list[bool | None]:
    return [await scene.reloading.once(), await scene.reloading.once()]


async def test_changed_files_are_loaded_at_the_second_look_that_sees_them_alike(scene: Scene) -> None:
    assert await scene.reloading.once(asked=True) is True
    scene.write(LONG.replace("id: demo", "id: second"), "second.yaml")
    scene.now += timedelta(minutes=5)
    with capture_logs() as logs:
        assert await _settled(scene) == [None, True]
    assert list(scene.library.runbooks) == ["demo", "second"]
    assert scene.library.since == scene.now
    assert logs[-1] | {"runbooks": 2, "added": ["second"]} == logs[-1]
    assert await scene.reloading.once() is None
    assert scene.metric("catalogue_runbooks") == 2
    assert scene.metric("catalogue_loads_total", result="taken") == 2


async def test_T38_problems_keep_the_last_good_one_and_are_told_once(scene: Scene) -> None:
    before = scene.library.runbooks
    assert await scene.reloading.once(asked=True) is True
    scene.now += timedelta(minutes=5)
    scene.write(BROKEN)
    scene.write(LONG.replace("id: demo", "id: second"), "second.yaml")
    with capture_logs() as logs:
        assert await _settled(scene) == [None, False]
        assert await _settled(scene) == [None, None]
    (told,) = logs
    assert told["log_level"] == "error"
    assert told["in_force_since"] == "2026-11-21T12:00:00+00:00"
    assert "demo.yaml:2" in told["first"]
    assert dict(scene.library.runbooks) == dict(before)
    assert scene.library.since == START
    assert scene.metric("catalogue_problems") == len(scene.library.problems) > 0
    assert scene.metric("catalogue_loads_total", result="refused") == 1
    scene.write(LONG)
    assert await _settled(scene) == [None, True]
    assert list(scene.library.runbooks) == ["demo", "second"]
    assert scene.metric("catalogue_problems") == 0


@pytest.mark.parametrize("gone", ["demo.yaml", ""])
async def test_a_folder_that_vanished_keeps_the_catalogue_and_an_emptied_one_does_not(
    scene: Scene, tmp_path: Path, gone: str
) -> None:
    await scene.reloading.once(asked=True)
    if gone:
        (scene.folder / gone).unlink()
    else:
        scene.folder.rename(tmp_path.with_name("elsewhere"))
    assert await scene.reloading.once(asked=True) is bool(gone)
    assert list(scene.library.runbooks) == ([] if gone else ["demo"])


async def test_a_disk_that_fails_keeps_the_catalogue(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(folders: Any) -> Catalogue:
        raise PermissionError(13, "Permission denied", str(scene.folder))

    monkeypatch.setattr(reloading, "load_catalog", failing)
    assert await scene.reloading.once(asked=True) is False
    assert "Permission denied" in str(scene.library.problems[0])
    assert list(scene.library.runbooks) == ["demo"]


async def test_half_a_git_pull_is_not_loaded(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def while_written(folders: Any) -> Catalogue:
        found = load_catalog(folders)
        scene.write(LONG.replace("title: Demo", "title: Newer"))
        return found

    monkeypatch.setattr(reloading, "load_catalog", while_written)
    scene.write(LONG.replace("title: Demo", "title: New"))
    with capture_logs() as logs:
        assert await scene.reloading.once(asked=True) is None
    assert "being written" in logs[-1]["event"]
    assert scene.library.runbooks["demo"].title == "Demo"
    monkeypatch.setattr(reloading, "load_catalog", load_catalog)
    assert await scene.reloading.once() is True
    assert scene.library.runbooks["demo"].title == "Newer"


async def test_being_asked_while_files_are_written_is_made_good_at_the_next_look_and_not_in_a_hurry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[int] = []
    pauses: list[bool] = []

    def while_written(folders: Any) -> Catalogue:
        loads.append(len(pauses))
        found = load_catalog(folders)
        if len(loads) < 3:
            scene.write(LONG.replace("title: Demo", f"title: Version {len(loads)}"))
        return found

    async def pause(asked: asyncio.Event, seconds: float) -> None:
        pauses.append(asked.is_set())
        if len(pauses) == 5:
            raise asyncio.CancelledError

    scene = Scene(tmp_path, pause=pause)
    monkeypatch.setattr(reloading, "load_catalog", while_written)
    scene.reloading.ask()
    with pytest.raises(asyncio.CancelledError):
        await scene.reloading.run()
    assert loads == [1, 2, 3]
    assert pauses == [True, False, False, False, False]
    assert scene.library.runbooks["demo"].title == "Version 2"


async def test_reading_and_looking_happen_off_the_loop(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    where: list[threading.Thread] = []

    def noting(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def noted(folders: Any) -> Any:
            where.append(threading.current_thread())
            return call(folders)

        return noted

    monkeypatch.setattr(reloading, "load_catalog", noting(load_catalog))
    monkeypatch.setattr(reloading, "footprint", noting(reloading.footprint))
    await scene.reloading.once(asked=True)
    assert len(where) == 3
    assert threading.main_thread() not in where


async def test_it_lives_on_looks_and_signals(tmp_path: Path) -> None:
    pauses: list[float] = []

    async def pause(asked: asyncio.Event, seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            scene.write(LONG.replace("title: Demo", "title: New"))
        if len(pauses) == 5:
            scene.reloading.ask()
        if len(pauses) == 7:
            raise asyncio.CancelledError

    scene = Scene(tmp_path, pause=pause)
    with pytest.raises(asyncio.CancelledError):
        await scene.reloading.run()
    assert pauses == [reloading.EVERY] * 7
    assert scene.library.runbooks["demo"].title == "New"
    assert scene.metric("catalogue_loads_total", result="taken") == 2


async def test_asking_ends_the_pause_at_once(scene: Scene) -> None:
    task = asyncio.create_task(scene.reloading.run())
    scene.reloading.ask()
    async with asyncio.timeout(4):
        while not scene.metric("catalogue_loads_total", result="taken"):
            await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_the_difference_of_two_catalogues_is_what_came_changed_and_went(scene: Scene) -> None:
    book = scene.library.runbooks["demo"]
    other = book.model_copy(update={"title": "x"})
    assert difference({}, {"a": book}) == {"added": ["a"], "changed": [], "removed": []}
    assert difference({"a": book}, {}) == {"added": [], "changed": [], "removed": ["a"]}
    assert difference({"a": book, "b": book}, {"a": other, "b": book}) == {"added": [], "changed": ["a"], "removed": []}


async def test_what_a_log_line_says_is_bounded(scene: Scene) -> None:
    for number in range(50):
        scene.write(LONG.replace("id: demo", f"id: r{number}"), f"r{number}.yaml")
    with capture_logs() as logs:
        assert await _settled(scene) == [None, True]
    assert logs[-1]["runbooks"] == 51
    assert logs[-1]["added"] == sorted(f"r{number}" for number in range(50))[:10]
    assert "changed" not in logs[-1]


async def test_whoever_waits_for_new_runbooks_is_told_which_once_they_are_in_force(tmp_path: Path) -> None:
    told: list[tuple[frozenset[str], list[str]]] = []

    async def renewed(names: Collection[str]) -> None:
        told.append((frozenset(names), sorted(made.library.runbooks)))

    made = Scene(tmp_path, renewed=renewed)
    assert await made.reloading.once(asked=True) is True  # nothing is different: nobody is told
    made.write(LONG.replace("id: demo", "id: second"), "second.yaml")
    made.write(LONG.replace("title: Demo", "title: Another"))
    assert await _settled(made) == [None, True]
    made.write(BROKEN)
    assert await _settled(made) == [None, False]
    assert told == [(frozenset({"demo", "second"}), ["demo", "second"])]
