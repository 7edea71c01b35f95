"""Base addresses and ids in paths: what a client may be given."""

from __future__ import annotations

import pytest

from bot.clients.addresses import base_url, is_loopback, path_part
from bot.errors import ConfigurationError, Permanent


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://acme.atlassian.net", "https://acme.atlassian.net"),
        ("https://acme.atlassian.net/", "https://acme.atlassian.net"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080/api/", "http://localhost:8080/api"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_a_base_address_loses_only_its_last_slash(url: str, kept: str) -> None:
    assert base_url(url, "JIRA_URL") == kept


@pytest.mark.parametrize(
    "url",
    [
        "",
        "acme.atlassian.net",
        "http://acme.atlassian.net",
        "http://127.0.0.1.evil.example",
        "https://user:secret@acme.example",
        "https://acme.example?x=1",
        "https://acme.example#x",
        "ftp://acme.example",
        "https://",
    ],
)
def test_an_address_that_could_leak_a_token_names_its_variable_and_the_fix(url: str) -> None:
    with pytest.raises(ConfigurationError, match="JIRA_URL") as caught:
        base_url(url, "JIRA_URL")
    assert "https://host" in caught.value.fix
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "localhost.example", "10.0.0.1", "0.0.0.0", "127.0.0.1.example"])
def test_other_machines(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(("value", "extra"), [("OPS-12", "-"), ("inc_a2b3", "_"), ("Q1", ""), ("a" * 128, "")])
def test_plain_ids_stand_in_paths_as_they_are(value: str, extra: str) -> None:
    assert path_part(value, extra) == value


@pytest.mark.parametrize(
    "value", ["", "-x", "../x", "a/b", "a?b", "a b", "a%2fb", "a\nb", "\u0430bc", "a" * 129, "a-b"]
)
def test_T34_an_id_that_would_change_the_path_is_refused_and_not_repeated(value: str) -> None:
    with pytest.raises(Permanent) as caught:
        path_part(value)
    assert not value.strip("-") or value not in str(caught.value)
