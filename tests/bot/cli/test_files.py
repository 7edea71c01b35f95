"""Files that commands write: whole or not at all."""

from __future__ import annotations

import resource
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.cli.files import create, replace
from bot.errors import ConfigurationError

FIX = "choose another."


@pytest.fixture
def full() -> Iterator[None]:
    """No file of this process may grow over three bytes, as on a disk that is full."""
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3, most[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, most)


def test_a_file_is_replaced_with_the_permissions_it_had(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(0o640)
    replace(path, "new\n", fix=FIX)
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new\n", 0o640)
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_link_leads_to_is_written_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    link = tmp_path / "link"
    link.symlink_to("real")
    replace(link, "new", fix=FIX)
    assert (link.is_symlink(), (tmp_path / "real").read_text()) == (True, "new")


def test_what_is_no_regular_file_is_written_to(tmp_path: Path) -> None:
    replace(Path("/dev/null"), "new", fix=FIX)
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize(("write", "name"), [(replace, "old"), (replace, "fresh"), (create, "new")])
def test_a_full_disk_leaves_the_old_file_and_no_half_one(
    tmp_path: Path, request: pytest.FixtureRequest, write: Callable[..., None], name: str
) -> None:
    (tmp_path / "old").write_text("as it was")
    request.getfixturevalue("full")
    with pytest.raises(ConfigurationError, match="too large") as refused:
        write(tmp_path / name, "other text", fix=FIX)
    assert (refused.value.place, refused.value.fix) == (str(tmp_path / name), FIX)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("old", "as it was")]


def test_folders_are_made_only_when_asked(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        replace(tmp_path / "a" / "b", "x", fix=FIX)
    replace(tmp_path / "a" / "b", "x", fix=FIX, folders=True)
    create(tmp_path / "c" / "d", "x", fix=FIX)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c"]


def test_nothing_is_created_over_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("mine")
    with pytest.raises(ConfigurationError, match="is there already"):
        create(path, "theirs", fix=FIX)
    assert path.read_text() == "mine"


def test_a_file_where_a_folder_should_be_is_not_taken_for_the_new_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine")
    with pytest.raises(ConfigurationError, match="cannot be made") as refused:
        create(tmp_path / "a" / "b", "x", fix=FIX)
    assert (refused.value.place, refused.value.fix) == (str(tmp_path / "a"), FIX)
