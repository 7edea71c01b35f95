"""Folders: opened one component at a time, never through a link, and some never touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.adapters.folders import is_kept, is_plain, opened
from bot.errors import Permanent


def test_an_open_folder_is_that_folder_and_is_closed_again(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "file").write_text("x")
    with opened(str(tmp_path / "inner")) as held:
        assert os.listdir(held) == ["file"]  # noqa: PTH208 - a folder by descriptor
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(held)


@pytest.mark.parametrize("where", ["linked", "linked/below"])
def test_T33_a_link_anywhere_on_the_way_is_refused(tmp_path: Path, where: str) -> None:
    (tmp_path / "real" / "below").mkdir(parents=True)
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    with pytest.raises(Permanent, match="without following a link"), opened(str(tmp_path / where)):
        pytest.fail("it was opened")


def test_T33_a_folder_that_is_exchanged_afterwards_stays_the_one_that_was_opened(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "ours").write_text("x")
    (tmp_path / "other").mkdir()
    with opened(str(tmp_path / "old")) as held:
        (tmp_path / "old").rename(tmp_path / "away")
        (tmp_path / "old").symlink_to(tmp_path / "other")
        assert os.listdir(held) == ["ours"]  # noqa: PTH208 - a folder by descriptor


@pytest.mark.parametrize(
    "path", ["", "relative", "/a/../b", "/a//b", "/a/", "/-rf", "/a/*", "/a/\u202eb", "/a\nb", "/a/{b,c}", "/a\\b"]
)
def test_T33_paths_that_are_not_plain_are_refused_before_anything_is_opened(path: str) -> None:
    assert not is_plain(path)
    with pytest.raises(Permanent, match="not a plain absolute path"), opened(path):
        pytest.fail("it was opened")


@pytest.mark.parametrize(
    ("folder", "kept"),
    [
        ("/", True),
        ("/etc", True),
        ("/etc/payments", True),
        ("/var/lib/postgresql", True),
        ("/home/ana", True),
        ("/home/ana/.ssh", True),
        ("/srv/app/.git", True),
        ("/home/ana/cache", False),
        ("/var/log/payments", False),
        ("/etcetera", False),
    ],
)
def test_T42_folders_that_must_never_lose_a_file(folder: str, kept: bool) -> None:
    assert is_kept(folder) is kept
