"""Which hosts and addresses the plain HTTP client may reach (trust case T28). Pure; resolves nothing.

Used by bot/clients/http.py before a request and again for every address a name resolves to; built by bot/app.py from
`http_hosts` of countersign.yaml and the URLs of services.yaml.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from bot.errors import Permanent

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NAT64 = ipaddress.ip_network("64:ff9b::/96")
DEFAULT_PORTS = {"http": 80, "https": 443}


def plain(address: Address) -> Address:
    """The IPv4 address inside a mapped or NAT64 IPv6 address, else the address itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def host_and_port(url: str) -> tuple[str, int]:
    """Lower-case host and port of an http(s) URL. Raises Permanent for any other scheme, user info or a bad port."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Permanent(f"not a usable URL: {error}") from error
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise Permanent("only http:// and https:// URLs with a host are used")
    if parts.username is not None or parts.password is not None:
        raise Permanent("a URL must not carry a user name or password")
    if not url.isascii() or any(ord(character) <= 0x20 or character == "\\" for character in url):
        raise Permanent("a URL must be plain ASCII without spaces, backslashes or control characters")
    return parts.hostname.rstrip(".").lower(), DEFAULT_PORTS[parts.scheme] if port is None else port


@dataclass(frozen=True, slots=True)
class AllowList:
    """Which hosts and addresses may be reached.

    hosts: exact `(host, port)` pairs; networks: networks that a listed *name* may resolve to although they are private.
    """

    hosts: frozenset[tuple[str, int]]
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, entries: Iterable[str]) -> AllowList:
        """Read entries: a URL (`http://127.0.0.1:8080/health`), `host:port`, `host` (ports 80 and 443), or a network
        (`10.0.0.0/8`). Raises Permanent for anything else; there is no wildcard.
        """
        hosts: set[tuple[str, int]] = set()
        networks: list[Network] = []
        for entry in entries:
            if "://" in entry:
                hosts.add(host_and_port(entry))
                continue
            try:
                networks.append(ipaddress.ip_network(entry))
            except ValueError:
                hosts |= _listed(entry)
            else:
                if "/" not in entry:
                    hosts |= _listed(f"[{entry}]" if ":" in entry else entry)
        return cls(frozenset(hosts), tuple(networks))

    def refusal(self, url: str) -> str:
        """Why this URL may not be requested, or '' when its host is listed. Raises Permanent for a malformed URL."""
        host, port = host_and_port(url)
        return "" if (host, port) in self.hosts else f"{host}:{port} is not a listed host"

    def address_refusal(self, host: str, text: str) -> str:
        """Why the address `text` of `host` may not be connected to, or ''.

        Public addresses are fine. An address written as a listed host, loopback for `localhost`, and an address in a
        listed network are fine. Everything else that is private, link-local, multicast or reserved is refused.
        """
        address = plain(ipaddress.ip_address(text.split("%", 1)[0]))
        if host == text or (host == "localhost" and address.is_loopback):
            return ""
        if address.is_multicast or address.is_unspecified:
            return f"{host} resolves to {address}, which is no host"
        if any(address in network for network in self.networks):
            return ""
        if address.is_global:
            return ""
        return f"{host} resolves to the private address {address}, and no listed network holds it"


def _listed(entry: str) -> set[tuple[str, int]]:
    found = {host_and_port(f"{scheme}://{entry}/") for scheme in DEFAULT_PORTS}
    if any("*" in host for host, _ in found):
        raise Permanent(f"{entry!r}: a host list has no wildcards")
    return found
