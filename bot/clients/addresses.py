"""Which base addresses a client may be given, and what an id must look like before it stands in a path.

Called by every client in this room at construction and before each request. Pure; must not resolve or connect.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from bot.errors import ConfigurationError, Permanent


def is_loopback(host: str) -> bool:
    """Whether the host is `localhost` or a loopback address literal."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def base_url(url: str, place: str) -> str:
    """The address without its trailing slash. https, or plain http to this machine only (the sandbox and tests).

    place: the environment variable it came from. Raises ConfigurationError, also for credentials inside the address.
    """
    parts = urlsplit(url)
    fine = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    if not fine or not parts.hostname or parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError(
            "is not an https base address.",
            place=f"environment: {place}",
            fix="write https://host, without user, query or fragment (http is accepted for 127.0.0.1 only).",
        )
    return url.rstrip("/")


def path_part(value: str, extra: str = "") -> str:
    """The value when it is plain: ASCII letters and digits plus `extra`, 1 to 128 characters, first one a letter or digit.

    Raises Permanent otherwise, so that nothing from outside can change which path is called.
    """
    plain = value.isascii() and 0 < len(value) <= 128 and value[0].isalnum()
    if not plain or not all(character.isalnum() or character in extra for character in value):
        raise Permanent("an id with characters that no id has was refused before the request was made")
    return value
