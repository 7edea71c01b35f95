"""Runbooks by file and by folder."""

from __future__ import annotations

from pathlib import Path

from bot.simulation.reading import read_runbooks

GOOD = "id: {0}\ncommand: redis-cli PING\nsafety: {{scopes: [staging]}}\n"


def test_files_and_folders_and_what_is_none(tmp_path: Path) -> None:
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "one.yaml").write_text(GOOD.format("one"))
    (tmp_path / "two.yaml").write_text(GOOD.format("two"))
    (tmp_path / "bad.yaml").write_text("id: [\n")
    found, problems = read_runbooks([tmp_path / "some", tmp_path / "two.yaml", tmp_path / "bad.yaml"])
    assert [runbook.id for runbook in found] == ["one", "two"]
    assert [Path(problem.file).name for problem in problems] == ["bad.yaml"]


def test_a_file_that_cannot_be_read_as_text_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"id: \xff\n")
    found, problems = read_runbooks([tmp_path / "x.yaml"])
    assert (found, [problem.message for problem in problems]) == ([], ["not UTF-8 text."])
