from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from trust import machine

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_the_circumstances_are_told() -> None:
    told = machine.describe(AT, 7, quick=True)
    assert (told["at"], told["seed"], told["quick"]) == ("2026-11-21T12:00:00+00:00", 7, True)
    assert {"commit", "python", "processor", "cores", "load", "uncommitted_files"} <= set(told)


def test_the_processor_by_its_name(tmp_path: Path) -> None:
    told = tmp_path / "cpuinfo"
    told.write_text("vendor_id\t: x\nmodel name\t: Abacus 2000\n")
    assert machine.processor(told) == "Abacus 2000"
    assert machine.processor(tmp_path / "none")
