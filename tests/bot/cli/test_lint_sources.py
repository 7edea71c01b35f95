"""What lint reads: each file once, the day of the last commit, records beside the runbooks, and what looks like a secret."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from bot.cli.lint_sources import Missing, call_git, is_secret, promotions, read_paths, reviewed
from runbooks.folder import Problem

ENVIRONMENT = ("-c", "user.name=Ana", "-c", "user.email=ana@example.org", "-c", "commit.gpgsign=false")


def names(paths: Sequence[Path]) -> list[str]:
    return [found.file if isinstance(found, Problem) else found[0].name for found in read_paths(paths)]


def test_every_file_is_read_once_however_it_is_named(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yml", "c.txt", ".hidden.yaml"):
        (tmp_path / name).write_text("id: x\n")
    assert names([tmp_path, tmp_path / "a.yaml", tmp_path / "." / "b.yml"]) == ["a.yaml", "b.yml"]
    assert names([tmp_path / "c.txt"]) == ["c.txt"]


def test_records_are_not_read_as_runbooks(tmp_path: Path) -> None:
    folder = tmp_path / "promotions"
    folder.mkdir()
    (folder / "x.prod.yaml").write_text("id: x\n")
    (tmp_path / "a.yaml").write_text("id: a\n")
    assert names([tmp_path]) == ["a.yaml"]
    assert names([folder / "x.prod.yaml"]) == []
    for given in ([tmp_path], [tmp_path / "a.yaml"], [folder / "x.prod.yaml"]):
        assert [problem.file for problem in promotions(given, ())[1]] == [str(folder / "x.prod.yaml")]
    assert promotions([tmp_path], [tmp_path / "elsewhere"]) == ((), ())


@pytest.mark.parametrize(("name", "words"), [("nothing", "no file or folder"), ("empty", "no runbook in")])
def test_nothing_to_lint_is_said(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(Missing, match=words):
        list(read_paths([tmp_path / name]))


# -- Git ---------------------------------------------------------------------------------------------------------------
def commit(folder: Path, day: str) -> None:
    moment = f"{day}T10:00:00+00:00"
    for words in (["init", "-q"], ["add", "."], [*ENVIRONMENT, "commit", "-q", "-m", day]):
        subprocess.run(
            ["git", *words],
            cwd=folder,
            check=True,
            env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "GIT_COMMITTER_DATE": moment, "GIT_AUTHOR_DATE": moment},
        )


def test_R8_the_last_commit_of_a_file_is_its_review(tmp_path: Path) -> None:
    inside = tmp_path / "runbooks" / "a space"
    inside.mkdir(parents=True)
    for name in ("one.yaml", "two.yaml", "three.yaml"):
        (inside / name).write_text("id: x\n")
    commit(tmp_path, "2026-01-10")
    (inside / "two.yaml").write_text("id: y\n")
    commit(tmp_path, "2026-02-20")
    (inside / "three.yaml").write_text("id: z\n")
    (inside / "four.yaml").write_text("id: new\n")
    expected = {str(inside / "one.yaml"): date(2026, 1, 10), str(inside / "two.yaml"): date(2026, 2, 20)}
    assert reviewed([tmp_path / "runbooks"], call_git) == expected
    assert reviewed([inside / "one.yaml", inside / "four.yaml"], call_git) == expected


def test_without_git_nothing_is_known(tmp_path: Path) -> None:
    assert reviewed([tmp_path], call_git) == {}
    assert reviewed([tmp_path / "missing" / "x.yaml"], call_git) == {}
    assert reviewed([tmp_path], lambda arguments, folder: "\x01no date\na.yaml\n") == {}


# -- secrets -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text",
    [
        "password: hunter2-3f9a",
        'with: {api_key: "9f8e7d6c5b"}',
        "# xoxb-" + "1234567890-abcdefghij",
        "argv: [curl, -H, 'Authorization: Bearer abcdef123456']",
        "https://user:correcthorse@example.org/x",
        "-----BEGIN RSA PRIVATE KEY-----",
        "AKIA" + "IOSFODNN7EXAMPLE",
        "token=abcdefghijklmnopqrstuvwxyz",
    ],
)
def test_T46_a_secret_is_seen(text: str) -> None:
    assert is_secret(text)


@pytest.mark.parametrize(
    "text",
    [
        "title: Rotate the password of a database",
        "description: when the token: expired message appears",
        'with: {secret: "${secret}", target: "${target}"}',
        "id: rotate-api-key",
        'alerts: ["CredentialExpired", "TokenInvalid"]',
        "https://example.org/path",
        "password: none",
        "",
    ],
)
def test_words_about_secrets_are_none(text: str) -> None:
    assert not is_secret(text)


def test_a_folder_that_passes_for_a_repository_of_its_own_gives_git_no_orders(tmp_path: Path) -> None:
    """A pull request may hold what Git takes for a bare repository, with settings that start programs."""
    folder, marker = tmp_path / "runbooks", tmp_path / "started"
    git = ["git", "-C", str(folder), "-c", "user.name=eve", "-c", "user.email=eve@example.com"]
    folder.mkdir()
    (folder / "one.yaml").write_text("x")
    for words in (["init", "-q"], ["add", "one.yaml"], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *words], check=True)
    settings = {"core.worktree": str(folder), "core.fsmonitor": f"touch {marker}; false"}
    for key, value in settings.items():
        subprocess.run([*git, "config", key, value], check=True)
    for inner in list((folder / ".git").iterdir()):  # HEAD, config, objects, refs
        inner.rename(folder / inner.name)
    (folder / ".git").rmdir()
    assert reviewed([folder], call_git) == {}
    assert not marker.exists()
