"""Runbooks by file and by folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import ConfigurationError
from bot.simulation.reading import read_runbooks, sound_runbooks

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


@pytest.mark.parametrize(("name", "said"), [("nowhere", "no such file or folder"), ("", "no runbook (*.yaml) in it")])
def test_what_is_not_there_and_what_holds_none_is_said_with_its_place(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_runbooks([tmp_path / name])
    assert (refused.value.place, said in refused.value.message) == (str(tmp_path / name), True)


def test_where_every_file_has_to_be_sound_the_first_mistake_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD.format("a"))
    assert [runbook.id for runbook in sound_runbooks([tmp_path])] == ["a"]
    (tmp_path / "b.yaml").write_text(GOOD.format("b") + "spell: wrong\n")
    with pytest.raises(ConfigurationError) as refused:
        sound_runbooks([tmp_path])
    assert refused.value.place == f"{tmp_path / 'b.yaml'}:4:1"
    assert str(refused.value).count("Fix: ") == 1
