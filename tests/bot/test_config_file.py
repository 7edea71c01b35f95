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


NOT_READ: dict[str, tuple[bytes | None, str]] = {
    "not there": (None, "cannot be read (No such file or directory). Fix: create it"),
    "not text": (
        b"state_dir: a\nworker: \xff\n",
        "cannot be read (line 2 is not UTF-8 text). Fix: save the file as UTF-8.",
    ),
    "endless": (b" " * (256 * 1024 + 1), "larger than 256 KiB."),
}


@pytest.mark.parametrize(("content", "said"), NOT_READ.values(), ids=NOT_READ)
def test_what_cannot_be_read_is_said_once_with_a_fix(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "countersign.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError) as refused:
        read_yaml(path)
    assert said in str(refused.value)
    assert str(refused.value).count(str(path)) == 1


def test_a_device_without_an_end_is_read_no_further_than_a_file_may_be() -> None:
    with pytest.raises(ConfigurationError, match=r"larger than 256 KiB"):
        read_yaml(Path("/dev/zero"))
