from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from trust import machine

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_the_circumstances_are_told() -> None:
    told = machine.describe(AT, 7, ("trust",), quick=True)
    assert (told["at"], told["seed"], told["quick"]) == ("2026-11-21T12:00:00+00:00", 7, True)
    assert {"commit", "python", "processor", "cores", "load", "uncommitted_files", "source"} <= set(told)


def test_the_processor_by_its_name(tmp_path: Path) -> None:
    told = tmp_path / "cpuinfo"
    told.write_text("vendor_id\t: x\nmodel name\t: Abacus 2000\n")
    assert machine.processor(told) == "Abacus 2000"
    assert machine.processor(tmp_path / "none")


def test_the_source_is_what_stands_in_the_folders_and_nothing_else(tmp_path: Path) -> None:
    for name in ("guards", "bot"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.py").write_text("x = 1\n")
    before = machine.source(("guards",), tmp_path)
    (tmp_path / "bot" / "a.py").write_text("x = 2\n")
    (tmp_path / "guards" / "a.pyc").write_text("x = 2\n")
    assert machine.source(("guards",), tmp_path) == before
    assert machine.source(("guards", "bot"), tmp_path) != before
    assert machine.source(("guards/a.*",), tmp_path) == before, "a pattern finds the same file"
    (tmp_path / "guards" / "a.py").write_text("x = 3\n")
    assert machine.source(("guards",), tmp_path) != before
