"""Doctor: says what is wrong in plain words, changes nothing, and exits 2 when `serve` would not work."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from runbooks.load import BUILTIN
from tests.bot.cli.conftest import Command
from tests.fakes.installation import NEEDED


def test_the_sandbox_configuration_is_fine(runbookctl: Command, installation: Path) -> None:
    before = sorted(path.name for path in installation.iterdir())
    told = runbookctl("doctor", "--offline")
    assert (told.code, "ERROR" in told.out) == (0, False), told.out
    assert "Ready" in told.out
    assert sorted(path.name for path in installation.iterdir()) == before


def test_json_is_one_object_with_every_check(runbookctl: Command, installation: Path) -> None:
    told = runbookctl("doctor", "--offline", "--json")
    report = json.loads(told.out)
    assert report["errors"] == 0
    assert {check["verdict"] for check in report["checks"]} == {"ok"}
    assert not any(value in told.out for value in ("xoxb-1", "s3cret"))


@pytest.mark.parametrize("name", ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "PAGERDUTY_WEBHOOK_SECRETS", "PAGERDUTY_FROM"])
def test_T43_a_secret_that_is_needed_is_named(
    runbookctl: Command, installation: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(name)
    told = runbookctl("doctor", "--offline")
    assert told.code == 2
    assert f"ERROR    {name}" in told.out
    assert "fix:" in told.out


@pytest.mark.parametrize(("name", "prefix"), [("JIRA_TOKEN", "JIRA"), ("SERVICENOW_PASSWORD", "SERVICENOW")])
def test_a_ticket_system_that_services_name_must_be_configured(
    runbookctl: Command, installation: Path, monkeypatch: pytest.MonkeyPatch, name: str, prefix: str
) -> None:
    monkeypatch.delenv(name)
    told = runbookctl("doctor", "--offline")
    assert told.code == 2
    assert f"{prefix}_URL" in told.out


@pytest.mark.parametrize("name", ["PAGERDUTY_ROUTING_KEY", "PAGERDUTY_API_TOKEN"])
def test_what_only_limits_the_bot_is_a_warning(
    runbookctl: Command, installation: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(name)
    told = runbookctl("doctor", "--offline")
    assert told.code == 0
    assert f"warning  {name}" in told.out


def test_http_mode_needs_another_secret(runbookctl: Command, installation: Path) -> None:
    edit(installation, "countersign", lambda data: {**data, "slack": {**data["slack"], "mode": "http"}})
    told = runbookctl("doctor", "--offline")
    assert told.code == 2
    assert "SLACK_SIGNING_SECRET" in told.out
    assert "SLACK_APP_TOKEN" not in told.out


def edit(folder: Path, name: str, change: Callable[[dict], dict]) -> None:  # type: ignore[type-arg]  # reason: any YAML
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(change(yaml.safe_load(path.read_text())), sort_keys=False))


WRONG: dict[str, tuple[str, Callable[[dict], dict], str]] = {  # type: ignore[type-arg]  # reason: any YAML
    "T43 an unknown key": ("countersign", lambda d: {**d, "slak": 1}, "countersign.yaml: slak"),
    "T43 nobody can approve": ("people", lambda d: {**d, "groups": {"sre": []}}, "payments-oncall"),
    "T43 no approvers": (
        "policy",
        lambda d: {**d, "approvals": {**d["approvals"], "prod": {"count": 1, "any_of": [], "timeout": "1m"}}},
        "policy",
    ),
    "T43 no matrix": ("policy", lambda d: {key: value for key, value in d.items() if key != "matrix"}, "matrix"),
    "an environment the policy does not know": (
        "policy",
        lambda d: {**d, "matrix": {k: v for k, v in d["matrix"].items() if k != "staging"}},
        "staging",
    ),
}


@pytest.mark.parametrize(("name", "change", "said"), WRONG.values(), ids=WRONG)
def test_T43_what_does_not_fit_is_an_error(
    runbookctl: Command,
    installation: Path,
    name: str,
    change: Callable[[dict], dict],  # type: ignore[type-arg]  # reason: any YAML
    said: str,
) -> None:
    edit(installation, name, change)
    told = runbookctl("doctor", "--offline")
    assert told.code == 2
    assert said in told.out
    assert "fix:" in told.out


def test_a_runbook_with_a_mistake_is_named_with_its_line(runbookctl: Command, installation: Path) -> None:
    (installation / "runbooks" / "bad.yaml").write_text("id: bad\ntitle: Bad\nsurprise: 1\n")
    told = runbookctl("doctor", "--offline")
    assert told.code == 2
    assert "bad.yaml:3" in told.out


def test_a_runbook_of_yours_that_claims_more_than_policy_gives_is_an_error(
    runbookctl: Command, installation: Path
) -> None:
    shipped = (BUILTIN / "services" / "restart-service.yaml").read_text(encoding="utf-8")
    mine = shipped.replace("id: restart-service", "id: mine").replace("max_targets: 1", "max_targets: 40")
    (installation / "runbooks" / "mine.yaml").write_text(mine)
    told = runbookctl("doctor", "--offline")
    assert told.code == 2
    assert "mine: it may touch 40 targets" in told.out


def test_a_state_folder_that_cannot_be_written(runbookctl: Command, installation: Path) -> None:
    (installation / "state").write_text("a file, not a folder")
    told = runbookctl("doctor", "--offline")
    assert told.code == 2
    assert "state_dir" in told.out


def test_with_the_network_an_address_that_does_not_answer_is_an_error(
    runbookctl: Command, installation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SLACK_API_URL", "PAGERDUTY_API_URL", "PAGERDUTY_EVENTS_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    told = runbookctl("doctor")
    assert told.code == 2
    assert "ERROR    Slack" in told.out
    assert "ERROR    PagerDuty" in told.out
    assert not any(NEEDED[name] in told.out for name in ("SLACK_BOT_TOKEN", "PAGERDUTY_API_TOKEN"))


def test_T41_what_is_not_promoted_is_a_warning_and_a_bad_record_an_error(
    runbookctl: Command, installation: Path
) -> None:
    records = installation / "runbooks" / "promotions"
    (records / "restart-service.prod.yaml").unlink()
    told = runbookctl("doctor", "--offline")
    assert told.code == 0
    assert "runbooks for prod are not promoted there and are refused: restart-service" in told.out
    assert "runbookctl promote --action restart-service --env prod" in told.out
    (records / "restart-service.prod.yaml").write_text("id: restart-service\n", encoding="utf-8")
    told = runbookctl("doctor", "--offline", "--json")
    wrong = [check for check in json.loads(told.out)["checks"] if check["verdict"] == "error"]
    assert (told.code, [check["name"] for check in wrong]) == (2, ["promotion"])
    assert "restart-service.prod.yaml:1" in wrong[0]["message"]


def test_T41_a_ladder_that_makes_no_sense_is_an_error(runbookctl: Command, installation: Path) -> None:
    file = installation / "countersign.yaml"
    written = yaml.safe_load(file.read_text(encoding="utf-8"))
    for ladder, words in [
        (["prod", "dev"], "not in order"),
        (["dev", "moon"], "moon"),
        (["dev", "dev"], "not in order"),
    ]:
        written["promotion"] = {"ladder": ladder}
        file.write_text(yaml.safe_dump(written), encoding="utf-8")
        told = runbookctl("doctor", "--offline")
        assert told.code == 2
        assert words in told.out
