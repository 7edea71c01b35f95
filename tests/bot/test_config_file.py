"""The configuration file as text: found where people expect it, and what cannot be read is said with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config_file import locate, read_yaml
from bot.errors import ConfigurationError


def test_where_the_file_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert locate({}, None) == tmp_path.resolve() / "countersign.yaml"
    assert locate({"COUNTERSIGN_CONFIG": "/etc/c.yaml"}, None) == Path("/etc/c.yaml")
    assert locate({"COUNTERSIGN_CONFIG": "/etc/c.yaml"}, "/other.yaml") == Path("/other.yaml")


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "countersign.yaml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_yaml(path)
