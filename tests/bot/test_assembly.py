"""Assembly: every part from the configuration, the allow-list from the catalogue, and secrets that are known to redaction."""

from __future__ import annotations

import string
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot import assembly
from bot.assembly import Clients, make_adapters, make_clients, make_facts, make_sources, new_id, redaction_key
from bot.config import Configuration, load
from bot.errors import ConfigurationError
from bot.roster import ADAPTERS, FACT_KINDS
from bot.store.session import Store
from tests.fakes.installation import NEEDED, NOWHERE, write_installation


def found(folder: Path, **environ: str) -> Configuration:
    return load(write_installation(folder), {**NEEDED, **NOWHERE, **environ})


@pytest.fixture
async def clients(tmp_path: Path) -> AsyncIterator[Clients]:
    made = make_clients(found(tmp_path))
    yield made
    await made.close()


async def test_all_adapters_and_facts_of_the_roster_exist(clients: Clients, tmp_path: Path) -> None:
    store = await Store.open(f"sqlite+aiosqlite:///{tmp_path / 'a.db'}")
    adapters = make_adapters(found(tmp_path), clients)
    facts = make_facts(store, clients)
    await store.close()
    assert tuple(sorted(adapters)) == tuple(sorted(ADAPTERS))
    assert set(facts) == FACT_KINDS
    assert all(name == source.kind for name, source in facts.items())


def test_an_adapter_that_is_missing_or_too_many_stops_the_program() -> None:
    with pytest.raises(ValueError, match="disk"):
        assembly._all_of("adapters", ("command", "disk"), {"command": None})  # type: ignore[dict-item]  # reason: a double
    with pytest.raises(ValueError, match="magic"):
        assembly._all_of("adapters", ("command",), {"command": None, "magic": None})  # type: ignore[dict-item]  # reason: a double


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, {"pagerduty"}),
        ({"GITHUB_WEBHOOK_SECRETS": "g"}, {"pagerduty", "github"}),
        ({"GITHUB_WEBHOOK_SECRETS": "g", "PAGERDUTY_WEBHOOK_SECRETS": ""}, {"github"}),
    ],
)
def test_T16_a_source_without_a_secret_does_not_exist(
    tmp_path: Path, environ: dict[str, str], wanted: set[str]
) -> None:
    assert set(make_sources(found(tmp_path, **environ))) == wanted


@pytest.mark.parametrize("value", ["", " ", ",", " , ,"])
def test_T43_no_secret_at_all_refuses_to_start(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigurationError, match="PAGERDUTY_WEBHOOK_SECRETS"):
        make_sources(found(tmp_path, PAGERDUTY_WEBHOOK_SECRETS=value))


def test_T20_several_secrets_while_one_is_rotated(tmp_path: Path) -> None:
    import hashlib
    import hmac
    from datetime import UTC, datetime

    source = make_sources(found(tmp_path, PAGERDUTY_WEBHOOK_SECRETS="old, new"))["pagerduty"]
    for secret, fine in (("old", True), ("new", True), ("older", False), ("old, new", False), ("", False)):
        signature = hmac.new(secret.encode(), b"{}", hashlib.sha256).hexdigest()
        headers = {"X-PagerDuty-Signature": f"v1={signature}"}
        assert source.verified(headers, b"{}", datetime.now(UTC)) is fine


async def test_T28_only_hosts_of_the_catalogue_and_the_configuration_may_be_asked(clients: Clients) -> None:
    from bot.errors import CountersignError

    for address in ("http://169.254.169.254/latest/meta-data", "http://example.com/", "http://[::1]:80/"):
        with pytest.raises(CountersignError):
            await clients.http.request("GET", address, deadline=1.0)


def test_T46_every_secret_and_each_part_of_a_list_is_known_to_redaction(tmp_path: Path) -> None:
    values = assembly.redaction_secrets(found(tmp_path, PAGERDUTY_WEBHOOK_SECRETS="first-one,second-one"))
    assert {"first-one", "second-one", NEEDED["JIRA_TOKEN"], NEEDED["SLACK_BOT_TOKEN"]} <= set(values)
    assert "" not in values


def test_T46_passwords_of_targets_are_known_to_redaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_installation(tmp_path)
    path = tmp_path / "services.yaml"
    data: dict[str, Any] = yaml.safe_load(path.read_text())
    data["services"][0]["targets"][0]["settings"]["password_env"] = "PAYMENTS_PASSWORD"
    path.write_text(yaml.safe_dump(data))
    monkeypatch.setenv("PAYMENTS_PASSWORD", "correct-horse")
    assert "correct-horse" in assembly.redaction_secrets(load(file, NEEDED))


def test_the_redaction_key_is_made_once_and_is_only_ours(tmp_path: Path) -> None:
    first = redaction_key(tmp_path)
    assert (len(first), redaction_key(tmp_path)) == (32, first)
    assert (tmp_path / "redaction.key").stat().st_mode & 0o777 == 0o600


def test_ids_cannot_be_guessed_and_are_plain() -> None:
    made = {new_id("run") for _ in range(1000)}
    assert len(made) == 1000
    for one in made:
        prefix, _, rest = one.partition("_")
        assert (prefix, len(rest)) == ("run", 16)
        assert set(rest) <= set(string.ascii_lowercase + "234567")


def test_now_has_a_zone() -> None:
    assert assembly.utc_now().utcoffset() is not None
