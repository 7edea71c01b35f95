"""An installation as the sandbox writes it, and `runbookctl` called in this process as a terminal would call it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.cli import main
from bot.config import ADDRESSES, SECRETS
from tests.fakes.installation import NEEDED, write_installation


@dataclass(frozen=True)
class Told:
    """What the command said and how it ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Told]


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a configuration that is fine; COUNTERSIGN_CONFIG names it, and every secret is set."""
    file = write_installation(tmp_path)
    for name in (*SECRETS, *ADDRESSES):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COUNTERSIGN_CONFIG", str(file))
    return tmp_path


@pytest.fixture
def runbookctl(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Call it with words; the exit code is what a shell would see."""

    def call(*words: str) -> Told:
        monkeypatch.setattr(sys, "argv", ["runbookctl", *words])
        monkeypatch.setitem(os.environ, "COLUMNS", "200")
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return Told(int(ended.value.code or 0), told.out, told.err)

    return call
