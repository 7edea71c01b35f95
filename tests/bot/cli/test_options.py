"""Where commands find the configuration, the state folder and the database."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.cli.options import back, configuration, database_url, is_configured, state_dir
from bot.errors import ConfigurationError


def test_the_given_file_wins_over_the_environment(installation: Path) -> None:
    assert configuration(None).path == installation / "countersign.yaml"
    with pytest.raises(ConfigurationError):
        configuration(str(installation / "other.yaml"))


def test_the_database_is_in_the_state_folder_unless_told(installation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert database_url(configuration(None)) == f"sqlite+aiosqlite:///{installation / 'state' / 'countersign.db'}"
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg://a@b/c")
    assert database_url(configuration(None)) == "postgresql+psycopg://a@b/c"


def test_T55_the_state_folder_is_known_while_everything_else_is_broken(installation: Path) -> None:
    assert state_dir(None) == configuration(None).state_dir
    (installation / "people.yaml").write_text("people: [")
    with (installation / "countersign.yaml").open("a") as file:
        file.write("\nnonsense: 1\n")
    assert state_dir(None) == installation / "state"


def test_a_state_folder_that_is_no_text(installation: Path) -> None:
    (installation / "countersign.yaml").write_text("state_dir: [a]\n")
    with pytest.raises(ConfigurationError) as caught:
        state_dir(None)
    assert caught.value.place == "countersign.yaml: state_dir"


def test_what_is_named_is_a_configuration_also_when_its_file_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COUNTERSIGN_CONFIG", raising=False)
    assert (is_configured(None), is_configured("gone.yaml")) == (False, True)
    monkeypatch.setenv("COUNTERSIGN_CONFIG", "gone.yaml")
    assert is_configured(None)
    monkeypatch.delenv("COUNTERSIGN_CONFIG")
    (tmp_path / "countersign.yaml").write_text("")
    assert is_configured(None)


@pytest.mark.parametrize(("since", "hours"), [("12h", 12), ("90d", 2160), ("4w", 672)])
def test_how_far_back(since: str, hours: int) -> None:
    assert back(since) == timedelta(hours=hours)
