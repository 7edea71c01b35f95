"""Which hosts and addresses may be reached: exact hosts, no wildcard, and no way round through names."""

from __future__ import annotations

import pytest

from bot.clients.allow_list import AllowList, host_and_port
from bot.errors import Permanent


@pytest.mark.parametrize(
    ("entry", "hosts"),
    [
        ("http://127.0.0.1:8080/health", {("127.0.0.1", 8080)}),
        ("https://API.Example.com./x", {("api.example.com", 443)}),
        ("api.example.com", {("api.example.com", 80), ("api.example.com", 443)}),
        ("api.example.com:9000", {("api.example.com", 9000)}),
        ("::1", {("::1", 80), ("::1", 443)}),
    ],
)
def test_entries_are_exact_hosts_with_ports(entry: str, hosts: set[tuple[str, int]]) -> None:
    assert AllowList.of([entry]).hosts == frozenset(hosts)


@pytest.mark.parametrize("entry", ["*.example.com", "*", "*.example.com:443", "user@host", "ftp://host", "a b"])
def test_T28_wildcards_and_oddities_are_no_entries(entry: str) -> None:
    with pytest.raises(Permanent):
        AllowList.of([entry])


def test_T28_a_star_in_a_url_stands_for_nothing() -> None:
    assert AllowList.of(["https://*.example.com"]).refusal("https://a.example.com/") != ""


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com@evil.example/",
        "http://evil.example\\@api.example.com/",
        "http://api.example.com:99999/",
        "http://api.example.com/ x",
        "http://\u0430pi.example.com/",
        "file:///etc/passwd",
        "http:///x",
    ],
)
def test_T28_urls_that_two_readers_read_differently_are_refused(url: str) -> None:
    with pytest.raises(Permanent):
        host_and_port(url)


def test_T28_only_the_listed_host_and_port_is_no_refusal() -> None:
    allow = AllowList.of(["http://api.example.com:8080/base"])
    assert allow.refusal("http://API.example.com:8080/other") == ""
    assert "not a listed host" in allow.refusal("http://api.example.com/other")
    assert "not a listed host" in allow.refusal("http://api.example.com.evil.example:8080/")


@pytest.mark.parametrize(
    ("host", "address", "fine"),
    [
        ("api.example.com", "93.184.215.14", True),
        ("api.example.com", "127.0.0.1", False),
        ("api.example.com", "169.254.169.254", False),
        ("api.example.com", "::ffff:10.0.0.1", False),
        ("api.example.com", "64:ff9b::7f00:1", False),
        ("api.example.com", "fe80::1%eth0", False),
        ("api.example.com", "224.0.0.1", False),
        ("api.example.com", "0.0.0.0", False),
        ("api.example.com", "10.20.2.3", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("localhost", "127.0.0.1", True),
        ("localhost", "10.20.9.9", True),
        ("localhost", "192.168.0.1", False),
    ],
)
def test_T28_a_name_may_not_lead_to_a_private_address_unless_its_network_is_listed(
    host: str, address: str, fine: bool
) -> None:
    allow = AllowList.of(["api.example.com", "localhost", "127.0.0.1:80", "10.20.0.0/16"])
    assert (allow.address_refusal(host, address) == "") is fine
