"""Review: a branch with one commit, made in a real repository without touching what lies there."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from bot.cli.promote import _started as started
from bot.errors import Permanent
from bot.review import Change, commands, commit


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One commit, one changed file, one that nobody added."""
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "config", "user.email", "ana@example.com")
    git(folder, "config", "user.name", "Ana")
    (folder / "kept.yaml").write_text("a\n")
    git(folder, "add", "kept.yaml")
    git(folder, "commit", "--quiet", "-m", "first")
    (folder / "kept.yaml").write_text("b\n")
    (folder / "loose.yaml").write_text("c\n")
    return folder


def change(folder: Path, branch: str = "promote-x") -> Change:
    path = folder / "runbooks" / "promotions" / "x.prod.yaml"
    return Change(path, 'id: "x"\n', branch, "Promote x", "; touch /tmp/never $(x)")


def test_the_branch_holds_the_file_and_nothing_else_and_the_tree_is_as_it_was(repository: Path) -> None:
    before = git(repository, "status", "--porcelain")
    made = commit(change(repository), started)
    assert git(repository, "status", "--porcelain") == before
    assert git(repository, "branch", "--show-current") == "main"
    assert git(repository, "rev-parse", "promote-x") == made
    assert git(repository, "diff", "--name-only", "main", "promote-x") == "runbooks/promotions/x.prod.yaml"
    assert git(repository, "show", "promote-x:runbooks/promotions/x.prod.yaml") == 'id: "x"'
    assert git(repository, "log", "-1", "--format=%B", "promote-x") == "Promote x\n\n; touch /tmp/never $(x)"
    assert not change(repository).path.exists()


def test_a_folder_that_passes_for_a_repository_of_its_own_gives_no_orders(repository: Path, tmp_path: Path) -> None:
    """A merged pull request may hold what Git takes for a bare repository: with settings and hooks that Git would start."""
    folder, marker = repository / "runbooks", tmp_path / "started"
    subprocess.run(["git", "clone", "--quiet", "--bare", str(repository), str(folder)], check=True)
    hook = folder / "hooks" / "reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {marker}\n")
    hook.chmod(0o755)
    git(folder, "config", "core.bare", "false")
    git(folder, "config", "core.worktree", str(folder))
    git(folder, "config", "core.fsmonitor", f"touch {marker}; false")
    marker.unlink(missing_ok=True)
    with pytest.raises(Permanent):
        commit(change(repository), started)
    assert not marker.exists()


def test_a_branch_that_is_there_is_left_alone(repository: Path) -> None:
    commit(change(repository), started)
    with pytest.raises(Permanent, match="promote-x is there already"):
        commit(change(repository), started)


def test_outside_a_repository_it_says_what_git_said(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match=r"git rev-parse did not work: .*not a git repository"):
        commit(change(tmp_path), started)


def test_without_git_it_says_so(tmp_path: Path) -> None:
    def none(argv: Sequence[str], _variables: Mapping[str, str], given: bytes) -> tuple[int, str]:
        return started(("no-such-program", *argv), {}, given)

    with pytest.raises(Permanent, match="no-such-program cannot be used here"):
        commit(change(tmp_path), none)


def test_what_a_person_types_is_a_list_of_arguments(repository: Path) -> None:
    written = change(repository)
    written.path.parent.mkdir(parents=True)
    written.path.write_text(written.text)
    *three, push = commands(written)
    for argv in three:
        subprocess.run(argv, check=True, capture_output=True)
    assert (
        git(repository, "show", "--name-only", "--format=%s", "HEAD") == "Promote x\n\nrunbooks/promotions/x.prod.yaml"
    )
    assert push[-2:] == ("origin", "promote-x")
