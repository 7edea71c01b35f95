"""Reads target keys (`kind:environment/name`) out of a context, strictly.

Called by the guards that look at targets. An empty list, a wildcard or a key that cannot be read is never "all of them"
(trust cases T10, T34).
"""

from __future__ import annotations

from guards.context import Context


def target_keys(context: Context) -> tuple[str, ...]:
    """The distinct target keys, sorted. Raises TypeError for anything but a tuple of strings: the chain then denies."""
    return _distinct(context.targets, "targets")


def touched_at_once(context: Context) -> tuple[str, ...]:
    """What this act touches: the members of a group where they are named, else the targets. Raises TypeError."""
    return _distinct(context.members, "members") or target_keys(context)


def touched_in_all(context: Context) -> tuple[str, ...]:
    """What the whole plan touches, this act included: members where they are named, else the targets. Raises TypeError."""
    members = _distinct(context.members_in_all, "members_in_all") + _distinct(context.members, "members")
    return tuple(sorted(set(members))) or target_keys(context)


def _distinct(keys: object, what: str) -> tuple[str, ...]:
    if not isinstance(keys, tuple) or not all(isinstance(key, str) for key in keys):
        raise TypeError(f"{what} must be a tuple of strings")
    return tuple(sorted(set(keys)))


def environment_of(key: str) -> str:
    """The environment part of a target key, or '' when the key is not `kind:environment/name` or holds a `*`."""
    kind, _, rest = key.partition(":")
    environment, _, name = rest.partition("/")
    if not (kind and environment and name) or "*" in key or not key.isprintable() or " " in key:
        return ""
    return environment
