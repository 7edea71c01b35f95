"""Passwords of targets: read by the name of their variable at the moment they are needed, and kept nowhere.

Called by the supervisor and Redis adapters and by the supervisor fact; services.yaml and plans hold only the name. Must
not log or keep what it reads.
"""

from __future__ import annotations

from collections.abc import Callable

from bot.errors import Permanent

Secrets = Callable[[str], str]
"""Variable name -> its value, '' when it is not set."""


def password(secrets: Secrets, variable: str, whose: str) -> str:
    """The password in that variable, '' when no variable is named. whose: for the error, as in `Redis'`.

    Raises Permanent when a variable is named and not set: a login without its password would be tried as nobody.
    """
    if not variable:
        return ""
    found = secrets(variable)
    if not found:
        raise Permanent(f"the variable {variable} for {whose} password is not set")
    return found
