"""Reads target keys (`kind:environment/name`) out of a context, strictly.

Called by the guards that look at targets. An empty list, a wildcard or a key that cannot be read is never "all of them"
(trust cases T10, T34).
"""

from __future__ import annotations

from guards.context import Context


def target_keys(context: Context) -> tuple[str, ...]:
    """The distinct target keys, sorted. Raises TypeError for anything but a tuple of strings: the chain then denies."""
    if not isinstance(context.targets, tuple) or not all(isinstance(key, str) for key in context.targets):
        raise TypeError("targets must be a tuple of strings")
    return tuple(sorted(set(context.targets)))


def environment_of(key: str) -> str:
    """The environment part of a target key, or '' when the key is not `kind:environment/name` or holds a `*`."""
    kind, _, rest = key.partition(":")
    environment, _, name = rest.partition("/")
    if not (kind and environment and name) or "*" in key or not key.isprintable() or " " in key:
        return ""
    return environment
