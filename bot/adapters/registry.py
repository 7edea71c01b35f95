"""What the catalogue says about a target, re-read at the moment of acting (mission E5, trust case T36).

Given to every adapter. An act carries resolved settings of its own; they are compared with the catalogue's, so that a
plan made from another entry, or before the entry changed, is refused. Must not touch the network or a file.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from bot.plan import Act, Target
from bot.services import Catalogue, TargetEntry
from guards.decision import Deny


class Registry:
    """Looks targets up by kind, environment and name."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._entries: dict[str, list[TargetEntry]] = {}
        for service in catalogue.services:
            for entry in service.targets:
                found = self._entries.setdefault(service.resolve(entry).key, [])
                if entry not in found:
                    found.append(entry)

    def entry(self, target: Target) -> TargetEntry | None:
        """The one entry behind a target; None when there is none or when two services describe it differently."""
        found = self._entries.get(target.key, [])
        return found[0] if len(found) == 1 else None

    def settings(self, act: Act, kind: str) -> dict[str, Any] | Deny:
        """The catalogue's settings of the act's target, or a Deny when its kind differs or it is not there."""
        if act.target.kind != kind:
            return Deny(
                "wrong_kind",
                f"{act.target.key} is of kind {act.target.kind}, and {act.operation} works on {kind}.",
                f"Choose a target of kind {kind}.",
            )
        entry = self.entry(act.target)
        if entry is None:
            return gone(act.target)
        return dict(entry.settings)

    def differs(self, act: Act, kind: str, keys: Collection[str]) -> Deny | None:
        """A Deny when any of these keys of the act's request is not what the catalogue says now."""
        settings = self.settings(act, kind)
        if isinstance(settings, Deny):
            return settings
        for key in keys:
            wanted, planned = settings.get(key), act.request.get(key)
            if wanted != planned and not (wanted is None and not planned):
                return Deny(
                    "target_changed",
                    f"{act.target.key}: {key} in the plan is not what services.yaml says.",
                    "Make a new plan from the present catalogue.",
                )
        return None


def gone(target: Target) -> Deny:
    """The refusal for a target that the catalogue does not hold, or holds twice."""
    return Deny(
        "unknown_target",
        f"{target.key} is not exactly one target of the catalogue.",
        "Add it to services.yaml once, or choose a listed target.",
    )
