"""Reading a folder: in a fixed order, regular files inside it only, and every trouble is a problem with a place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runbooks.folder import Problem, read_folder
from runbooks.strict import MAX_BYTES


def names(folder: Path, **more: tuple[str, ...]) -> list[str]:
    return [
        f"! {Path(found.file).name}" if isinstance(found, Problem) else str(found[0].relative_to(folder))
        for found in read_folder(folder, **more)
    ]


def test_files_come_in_a_fixed_order_and_other_files_are_left_out(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "inner/c.yaml", "skipped/d.yaml", ".hidden/e.yaml", ".f.yaml", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert names(tmp_path, skip=("skipped",)) == ["a.yml", "b.yaml", "inner/c.yaml"]


@pytest.mark.parametrize("what", ["binary", "large", "pipe", "dangling", "outside", "locked"])
def test_T38_what_cannot_be_read_is_a_problem_with_a_fix(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "catalogue"
    folder.mkdir()
    bad = folder / "bad.yaml"
    if what == "binary":
        bad.write_bytes(b"id: x\ntitle: \xff\n")
    elif what == "large":
        bad.write_bytes(b"#" * (MAX_BYTES + 1))
    elif what == "pipe":
        os.mkfifo(bad)
    elif what == "dangling":
        bad.symlink_to(folder / "nowhere.yaml")
    elif what == "outside":
        (tmp_path / "outside.yaml").write_text("x")
        bad.symlink_to(tmp_path / "outside.yaml")
    else:
        bad.write_text("x")
        bad.chmod(0)
        if os.access(bad, os.R_OK):
            pytest.skip("this user may read everything, so nothing is locked")
    (problem,) = read_folder(folder)
    assert isinstance(problem, Problem)
    assert (problem.file, problem.column) == (str(bad), 1)
    assert problem.line == (2 if what == "binary" else 1)
    assert problem.fix
    assert str(problem).startswith(f"{bad}:{problem.line}:1: ")


def test_a_linked_folder_is_said_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.yaml").write_text("x")
    folder = tmp_path / "catalogue"
    folder.mkdir()
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    assert names(folder) == ["! linked"]


def test_a_link_inside_the_folder_is_read_as_config_maps_have_them(tmp_path: Path) -> None:
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "a.yaml").write_text("x")
    (tmp_path / "a.yaml").symlink_to(tmp_path / "..data" / "a.yaml")
    assert names(tmp_path) == ["a.yaml"]


def test_T38_a_folder_that_cannot_be_looked_into_is_a_problem_and_not_an_empty_one(tmp_path: Path) -> None:
    (problem,) = read_folder(tmp_path / ("x" * 300))
    assert isinstance(problem, Problem)
    assert "cannot be looked into" in problem.message
    assert problem.fix


def test_T38_an_inner_folder_that_cannot_be_looked_into_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("x")
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0)
    try:
        if os.access(locked, os.R_OK):
            pytest.skip("this user may look everywhere, so nothing is locked")
        assert names(tmp_path) == ["a.yaml", "! locked"]
    finally:
        locked.chmod(0o700)


def test_a_folder_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    assert names(tmp_path / "nowhere") == ["! nowhere"]
