"""Configuration: all of it or a sentence with file, key and fix (T43)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.config import ADDRESSES, SECRETS, load, read_secret
from bot.errors import ConfigurationError
from tests.fakes.equipment import PEOPLE, POLICY, SERVICES

MAIN: dict[str, Any] = {"slack": {"channel": "C0", "team": "T1"}}


def write(folder: Path, **files: Any) -> Path:
    """The four files; text is written as it is, None is left out."""
    data = {"countersign": MAIN, "services": SERVICES, "policy": POLICY, "people": PEOPLE, **files}
    for name, value in data.items():
        if value is not None:
            text = value if isinstance(value, str) else yaml.safe_dump(value, sort_keys=False)
            (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder / "countersign.yaml"


def test_the_smallest_configuration(tmp_path: Path) -> None:
    found = load(write(tmp_path), {})
    assert found.state_dir == (tmp_path / "state").resolve()
    assert (found.file.slack.mode, found.file.listen.host, found.file.builtin_runbooks) == ("socket", "127.0.0.1", True)
    assert found.catalogue.named("payments") is not None
    assert found.people.by_id("ana") is not None
    assert found.policy["version"] == 1
    assert found.secrets == {}
    assert (found.secret("JIRA_TOKEN"), found.address("JIRA_URL"), found.address("JIRA_URL", "x")) == ("", "", "x")


def test_secrets_come_from_the_environment_and_are_not_printed(tmp_path: Path) -> None:
    environ = {name: f"value-of-{name}" for name in (*SECRETS, *ADDRESSES)}
    found = load(write(tmp_path), environ)
    assert {name: found.secret(name) for name in SECRETS} == {name: environ[name] for name in SECRETS}
    assert {name: found.address(name) for name in ADDRESSES} == {name: environ[name] for name in ADDRESSES}
    assert not any(f"value-of-{name}" in repr(found) + found.model_dump_json() for name in SECRETS)


def test_a_secret_can_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("  xoxb-1\n")
    environ = {"SLACK_BOT_TOKEN_FILE": str(tmp_path / "token")}
    assert load(write(tmp_path), environ).secret("SLACK_BOT_TOKEN") == "xoxb-1"
    assert read_secret({**environ, "SLACK_BOT_TOKEN": "direct"}, "SLACK_BOT_TOKEN") == "direct"


def changed(**keys: Any) -> dict[str, Any]:
    return {"countersign": {**MAIN, **keys}}


SERVICE = SERVICES["services"][0]
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown key": (changed(slak={}), "countersign.yaml: slak"),
    "an unknown key inside": (changed(slack={**MAIN["slack"], "chanel": "C0"}), "countersign.yaml: slack.chanel"),
    "a missing part": ({"countersign": {"state_dir": "s"}}, "countersign.yaml: slack"),
    "an empty channel": (changed(slack={"channel": "", "team": "T1"}), "countersign.yaml: slack.channel"),
    "an unknown mode": (changed(slack={**MAIN["slack"], "mode": "carrier"}), "countersign.yaml: slack.mode"),
    "text for a port": (changed(listen={"port": "http"}), "countersign.yaml: listen.port"),
    "a port too high": (changed(listen={"port": 99999}), "countersign.yaml: listen.port"),
    "no pace": (changed(slack={**MAIN["slack"], "posts_per_second": 0}), "countersign.yaml: slack.posts_per_second"),
    "a worker with a slash": (changed(worker="../w"), "countersign.yaml: worker"),
    "a list at the top": ({"countersign": "- 1\n"}, "countersign.yaml"),
    "nothing at all": ({"countersign": ""}, "countersign.yaml"),
    "T38 a key twice": ({"countersign": "state_dir: a\nstate_dir: b\n"}, "countersign.yaml"),
    "T38 an alias": ({"people": "people: &a []\ngroups: *a\n"}, "people.yaml"),
    "T38 a tag": ({"policy": "version: !!python/object:os.system 1\n"}, "policy.yaml"),
    "not YAML": ({"services": "services: [\n"}, "services.yaml"),
    "a missing file": ({"services": None}, "services.yaml"),
    "a wrong service": ({"services": {"services": [{**SERVICE, "tier": 9}]}}, "services.yaml: services.0.tier"),
    "an unknown service key": (
        {"services": {"services": [{**SERVICE, "enviroment": "x"}]}},
        "services.yaml: services.0.enviroment",
    ),
    "T43 a group with a stranger": ({"people": {**PEOPLE, "groups": {"leads": ["zoe"]}}}, "people.yaml"),
}


@pytest.mark.parametrize(("files", "place"), WRONG.values(), ids=WRONG)
def test_T43_a_mistake_names_file_key_and_fix(tmp_path: Path, files: dict[str, Any], place: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(write(tmp_path, **files), {})
    assert place in caught.value.place
    assert caught.value.message
    assert caught.value.fix
    assert "Traceback" not in str(caught.value)


def test_how_many_more_mistakes_there_are_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"\(2 more\)"):
        load(write(tmp_path, **changed(a=1, b=2, c=3)), {})


def missing(folder: Path) -> str:
    return str(folder / "nothing")


def a_folder(folder: Path) -> str:
    return str(folder)


def binary(folder: Path) -> str:
    (folder / "secret").write_bytes(b"\xff\xfe\x00")
    return str(folder / "secret")


@pytest.mark.parametrize("make", [missing, a_folder, binary])
def test_T43_an_unreadable_secret_file_names_its_variable(tmp_path: Path, make: Callable[[Path], str]) -> None:
    environ = {"SLACK_BOT_TOKEN_FILE": make(tmp_path)}
    with pytest.raises(ConfigurationError) as caught:
        load(write(tmp_path), environ)
    assert caught.value.place == "environment: SLACK_BOT_TOKEN_FILE"
    assert environ["SLACK_BOT_TOKEN_FILE"] in caught.value.message
    assert caught.value.fix


def test_T43_an_empty_secret_file_is_an_error_not_a_missing_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("\n")
    with pytest.raises(ConfigurationError) as caught:
        load(write(tmp_path), {"PAGERDUTY_WEBHOOK_SECRETS_FILE": str(tmp_path / "secret")})
    assert caught.value.place == "environment: PAGERDUTY_WEBHOOK_SECRETS_FILE"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_T43_a_secret_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("x")
    path.chmod(0)
    with pytest.raises(ConfigurationError, match="Permission"):
        load(write(tmp_path), {"SLACK_BOT_TOKEN_FILE": str(path)})
