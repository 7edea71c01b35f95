"""Settings adapter on a real file: atomic, restorable, and only allowed keys and values (V2, T42)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.registry import Registry
from bot.adapters.settings import SettingsAdapter
from bot.errors import CountersignError, Permanent
from bot.plan import Act

ALLOWED = {"mode": ["normal", "safe"], "fast": [True, False], "fresh": ["x"]}


class Bench:
    def __init__(self, path: Path, registry: Callable[..., Registry], act: Callable[..., Act]) -> None:
        self.path, self._registry, self._act = path, registry, act
        self.settings: dict[str, Any] = {"path": str(path), "allowed": ALLOWED}

    def adapter(self) -> SettingsAdapter:
        return SettingsAdapter(self._registry("setting_file", self.settings))

    def set(self, key: str, value: Any, **changes: Any) -> Act:
        request = {"path": str(self.path), "key": key, "value": value} | changes
        return self._act("settings", "settings.set", "setting_file", request)

    def restore(self, key: str) -> Act:
        return self._act("settings", "settings.restore", "setting_file", {"path": str(self.path), "key": key})

    async def do(self, act: Act, key: str = "run_1/s/1") -> Any:
        return await self.adapter().act(act, key, _quiet)

    @property
    def values(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.path.read_text())
        return found


async def _quiet(line: str) -> None:
    return None


@pytest.fixture
def bench(tmp_path: Path, registry: Callable[..., Registry], act: Callable[..., Act]) -> Bench:
    path = tmp_path.resolve() / "flags.json"
    path.write_text(json.dumps({"mode": "normal", "fast": True, "other": {"ü": [1, None]}}))
    path.chmod(0o640)
    return Bench(path, registry, act)


async def test_V2_set_then_restore(bench: Bench) -> None:
    assert await bench.adapter().identify(bench.set("mode", "safe")) is None
    result = await bench.do(bench.set("mode", "safe"))
    assert result.data == {"before": "normal", "after": "safe"}
    assert bench.values == {"mode": "safe", "fast": True, "other": {"ü": [1, None]}}
    restored = await bench.do(bench.restore("mode"), "run_1/s/1")
    assert restored.data == {"before": "safe", "after": "normal"}
    assert bench.values["mode"] == "normal"
    assert bench.path.stat().st_mode & 0o777 == 0o640
    assert sorted(p.name for p in bench.path.parent.iterdir()) == ["flags.json", "flags.previous.json"]


async def test_a_key_that_was_not_there_is_gone_after_the_restore(bench: Bench) -> None:
    await bench.do(bench.set("fresh", "x"))
    assert bench.values["fresh"] == "x"
    await bench.do(bench.restore("fresh"))
    assert "fresh" not in bench.values


async def test_the_same_act_again_keeps_the_way_back(bench: Bench) -> None:
    await bench.do(bench.set("mode", "safe"), "run_1/s/1")
    await bench.do(bench.set("mode", "safe"), "run_1/s/2")
    await bench.do(bench.restore("mode"))
    assert bench.values["mode"] == "normal"


async def test_a_later_run_that_changes_nothing_is_undone_to_nothing(bench: Bench) -> None:
    await bench.do(bench.set("mode", "safe"), "run_1/s/1")
    await bench.do(bench.set("mode", "safe"), "run_2/s/1")
    await bench.do(bench.restore("mode"), "run_2/s/1")
    assert bench.values["mode"] == "safe"


async def test_a_value_that_somebody_changed_since_is_left_alone(bench: Bench) -> None:
    await bench.do(bench.set("mode", "safe"))
    bench.path.write_text(json.dumps({"mode": "by hand"}))
    with pytest.raises(Permanent, match="somebody else"):
        await bench.do(bench.restore("mode"))
    assert bench.values == {"mode": "by hand"}


async def test_nothing_kept_means_nothing_restored(bench: Bench) -> None:
    with pytest.raises(Permanent, match="nothing to restore"):
        await bench.do(bench.restore("mode"))
    await bench.do(bench.set("mode", "safe"))
    await bench.do(bench.restore("mode"))
    with pytest.raises(Permanent, match="nothing to restore"):
        await bench.do(bench.restore("mode"))


async def test_a_crash_after_keeping_the_way_back_loses_nothing(bench: Bench) -> None:
    await bench.do(bench.set("mode", "safe"))
    before_crash = json.dumps({"mode": "normal"})
    bench.path.write_text(before_crash)  # as if only `.previous.json` had been written
    await bench.do(bench.restore("mode"))
    assert bench.values == {"mode": "normal"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mode", "other"),
        ("mode", 1),
        ("mode", None),
        ("mode", ["safe"]),
        ("fast", 1),
        ("fast", "true"),
        ("other", {}),
        ("", "x"),
        ("__proto__", "x"),
    ],
)
async def test_T34_T42_other_keys_and_values_are_blocked(bench: Bench, key: str, value: Any) -> None:
    before = bench.path.read_bytes()
    assert bench.adapter().forbidden(bench.set(key, value)) is not None
    with pytest.raises(Permanent):
        await bench.do(bench.set(key, value))
    assert bench.path.read_bytes() == before


@pytest.mark.parametrize(
    "path", ["/etc/hosts.json", "/usr/lib/x.json", "relative.json", "/tmp/../etc/x.json", "", None, "/tmp/x"]
)
async def test_T42_other_files_are_blocked(bench: Bench, path: Any) -> None:
    act = bench.set("mode", "safe", path=path)
    assert bench.adapter().forbidden(act) is not None
    bench.settings = {"path": path, "allowed": ALLOWED}
    if path != "/tmp/x":
        assert bench.adapter().forbidden(act) is not None


async def test_T36_links_and_other_files_are_not_the_target(bench: Bench) -> None:
    act = bench.set("mode", "safe")
    real = bench.path.with_name("real.json")
    bench.path.rename(real)
    assert (await bench.adapter().identify(act)) is not None
    bench.path.symlink_to(real)
    denied = await bench.adapter().identify(act)
    assert denied is not None
    assert denied.code == "target_gone"
    with pytest.raises(Permanent):
        await bench.do(act)
    assert json.loads(real.read_text())["mode"] == "normal"
    bench.path.unlink()
    os.mkfifo(bench.path)
    assert (await bench.adapter().identify(act)) is not None


@pytest.mark.parametrize("text", ["", "[1]", "{", "nul\x00", '"x"'])
async def test_a_file_that_is_no_json_object_is_left_alone(bench: Bench, text: str) -> None:
    bench.path.write_text(text)
    with pytest.raises(Permanent):
        await bench.do(bench.set("mode", "safe"))
    assert bench.path.read_text() == text


async def test_a_failed_write_leaves_the_file_as_it_was(bench: Bench) -> None:
    before = bench.path.read_bytes()
    bench.path.with_name(".flags.previous.json.countersign-new").mkdir()
    with pytest.raises(CountersignError):
        await bench.do(bench.set("mode", "safe"))
    assert bench.path.read_bytes() == before


async def test_what_a_crash_left_behind_is_not_written_through(bench: Bench) -> None:
    precious = bench.path.with_name("precious")
    precious.write_text("precious")
    bench.path.with_name(".flags.json.countersign-new").hardlink_to(precious)
    await bench.do(bench.set("mode", "safe"))
    assert precious.read_text() == "precious"
    assert bench.values["mode"] == "safe"
