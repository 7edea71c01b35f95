"""The footprint differs when a load could differ, and reading it reads no file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from runbooks.footprint import footprint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "area").mkdir()
    (tmp_path / "promotions").mkdir()
    (tmp_path / "area" / "a.yaml").write_text("id: a")
    (tmp_path / "b.yml").write_text("id: b")
    return tmp_path


def _link_elsewhere(folder: Path) -> None:
    (folder / "b.yml").unlink()
    (folder / "b.yml").symlink_to("area/a.yaml")


def _written_with_the_old_time(folder: Path) -> None:
    path = folder / "b.yml"
    before = path.stat()
    path.write_text("id: c")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "written": lambda f: (f / "b.yml").write_text("id: b2"),
    "same size": lambda f: (f / "b.yml").write_text("id: c"),
    "added": lambda f: (f / "c.yaml").write_text(""),
    "removed": lambda f: (f / "b.yml").unlink(),
    "renamed": lambda f: (f / "b.yml").rename(f / "c.yml"),
    "old time kept": _written_with_the_old_time,
    "a link instead": _link_elsewhere,
    "a link to nowhere": lambda f: (f / "c.yaml").symlink_to("nowhere"),
    "the folder is gone": lambda f: f.rename(f.with_name("gone")),
}
OTHERS: dict[str, Callable[[Path], object]] = {
    "a readme": lambda f: (f / "README.md").write_text("x"),
    "a promotion": lambda f: (f / "promotions" / "a.prod.yaml").write_text("x"),
    "a hidden file": lambda f: (f / ".c.yaml").write_text("x"),
    "nothing": lambda f: None,
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_load_would_read_differently_differs(folder: Path, change: str) -> None:
    before = footprint([folder])
    CHANGES[change](folder)
    assert footprint([folder]) != before


@pytest.mark.parametrize("change", OTHERS)
def test_what_a_load_does_not_read_changes_nothing(folder: Path, change: str) -> None:
    before = footprint([folder])
    OTHERS[change](folder)
    assert footprint([folder]) == before


def test_a_swapped_mount_is_seen_through_its_links(tmp_path: Path) -> None:
    for version in ("1", "2"):
        (tmp_path / f"..{version}").mkdir()
        (tmp_path / f"..{version}" / "a.yaml").write_text(f"id: {version}")
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    before = footprint([tmp_path])
    (tmp_path / "..new").symlink_to("..2")
    (tmp_path / "..new").rename(tmp_path / "..data")
    assert footprint([tmp_path]) != before


def test_names_that_are_not_utf8_and_no_folder_at_all_have_a_footprint(tmp_path: Path) -> None:
    empty = footprint([tmp_path])
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.yaml")).write_text("x")
    assert len({empty, footprint([tmp_path]), footprint([]), footprint([tmp_path / "none"])}) == 4
