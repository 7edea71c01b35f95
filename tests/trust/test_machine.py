from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from trust import machine

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_the_circumstances_are_told() -> None:
    told = machine.describe(AT, 7, [Path(machine.__file__)], quick=True)
    assert (told["at"], told["seed"], told["quick"]) == ("2026-11-21T12:00:00+00:00", 7, True)
    assert {"commit", "python", "processor", "cores", "load", "uncommitted_files", "source"} <= set(told)


def test_the_processor_by_its_name(tmp_path: Path) -> None:
    told = tmp_path / "cpuinfo"
    told.write_text("vendor_id\t: x\nmodel name\t: Abacus 2000\n")
    assert machine.processor(told) == "Abacus 2000"
    assert machine.processor(tmp_path / "none")


def test_the_source_is_what_stands_in_the_files_and_how_they_are_called(tmp_path: Path) -> None:
    one, two = tmp_path / "a.py", tmp_path / "b.py"
    one.write_text("x = 1\n")
    two.write_text("x = 1\n")
    before = machine.source([one], tmp_path)
    assert machine.source([one], tmp_path) == before
    assert machine.source([two], tmp_path) != before
    assert machine.source([one, two], tmp_path) == machine.source([two, one], tmp_path) != before
    one.write_text("x = 2\n")
    assert machine.source([one], tmp_path) != before


def test_imports_are_followed_wherever_they_stand(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    texts = {
        "first.py": "import os\nfrom room import second\n",
        "room/__init__.py": "",
        "room/second.py": "def later():\n    import third.deep\n    from fourth import name\n",
        "fourth.py": "from first import again\n",
        "fifth.py": "",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    found = {str(file.relative_to(tmp_path)) for file in machine.imported(tmp_path / "first.py", tmp_path)}
    assert found == {"first.py", "room/__init__.py", "room/second.py", "fourth.py"}
