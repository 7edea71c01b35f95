"""`@rate_limit(max=1, window="1h", per="service")`: not more often than this (mission G6).

For anyone's script; policy and runbooks compile their `limits` to the same `RateLimit` object. Counts what is in the
context's history; must not keep any count itself, so a restart of the program resets nothing (case T57).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from guards.chain import Decorator, guarded
from guards.context import Context, PastAct
from guards.decision import Allow, Deny, Verdict
from guards.duration import seconds
from guards.missing import missing
from guards.names import checked_count
from guards.targets import target_keys

SAME_ACTION = ("service", "target", "action")
KINDS = (*SAME_ACTION, "person", "global")


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """Denies `rate_limited` when `max` acts already lie strictly inside the last `window` seconds.

    per: `service`, `target` and `action` count acts of the same action; `person` and `global` count all acts.
    env: the limit is for that environment and counts only acts there; empty is everywhere. action: only for that one.
    Every act counts, whatever its result; an act dated in the future counts too. Raises ValueError, TypeError.
    """

    max: int
    window: float
    per: str
    env: str = ""
    action: str = ""
    rule: ClassVar[str] = "rate_limit"

    def __post_init__(self) -> None:
        checked_count(self.max, "rate_limit: max")
        object.__setattr__(self, "window", seconds(self.window, "rate_limit: window"))
        if self.per not in KINDS:
            raise ValueError(f"rate_limit: per={self.per!r} is not one of {', '.join(KINDS)}")
        if "*" in self.env or "*" in self.action:
            raise ValueError("rate_limit: leave env or action out instead of writing a wildcard")

    def check(self, context: Context) -> Verdict:
        """Deny when a field it needs is missing or the limit is reached; Allow where the limit does not apply."""
        lacking = self._lacking(context)
        if lacking:
            return missing(lacking)
        if (self.env and context.environment != self.env) or (self.action and context.action != self.action):
            return Allow(f"This limit is for {' in '.join(part for part in (self.action, self.env) if part)}.")
        for subject, found in sorted(self._acts(context).items()):
            if len(found) >= self.max:
                return self._reached(subject, found)
        return Allow(f"Fewer than {self.max} in the window.")

    def inputs(self, context: Context) -> Mapping[str, object]:
        """The limit, and how many acts lie in its window for each thing it is counted for."""
        acts = self._acts(context)
        return {
            "max": self.max,
            "window_seconds": self.window,
            "per": self.per,
            "env": self.env,
            "action": self.action,
            "counted": {subject: len(found) for subject, found in sorted(acts.items())},
        }

    def _lacking(self, context: Context) -> str:
        """The first field that is needed and missing, or ''."""
        needed = {
            "environment": (bool(self.env), context.environment),
            "action": (bool(self.action) or self.per in SAME_ACTION, context.action),
            "now": (True, context.now),
            "service": (self.per == "service", context.service),
            "target": (self.per == "target", context.targets),
            "actor": (self.per == "person", context.actor and context.actor.id),
        }
        return next((field for field, (is_needed, value) in needed.items() if is_needed and not value), "")

    def _acts(self, context: Context) -> dict[str, list[PastAct]]:
        """The acts in the window for each thing counted; empty when something needed is missing."""
        if self._lacking(context) or context.now is None:
            return {}
        since = context.now - timedelta(seconds=self.window)
        action = self.action or (context.action if self.per in SAME_ACTION else "")
        recent = [
            act
            for act in context.history
            if act.at > since and self.env in ("", act.environment) and action in ("", act.action)
        ]
        if self.per == "service":
            return {context.service: [act for act in recent if act.service == context.service]}
        if self.per == "target":
            return {key: [act for act in recent if act.target == key] for key in target_keys(context)}
        if self.per == "person" and context.actor is not None:
            return {context.actor.id: [act for act in recent if act.actor == context.actor.id]}
        return {action or "everything": recent}

    def _reached(self, subject: str, found: list[PastAct]) -> Deny:
        frees = sorted(act.at for act in found)[len(found) - self.max] + timedelta(seconds=self.window)
        return Deny(
            code="rate_limited",
            reason=f"{len(found)} of at most {self.max} per {self.per} in {self.window:g} s already ran ({subject}).",
            remedy=f"Wait until {frees.isoformat(timespec='seconds')}, or let a person act by hand.",
        )


def rate_limit(*, max: int, window: float | str, per: str, env: str = "", action: str = "") -> Decorator:  # noqa: A002 - reason: `max=` is the mission's word
    """At most `max` acts per `per` in `window` (seconds or text such as `1h`). Raises ValueError, TypeError."""
    guard = RateLimit(max=max, window=seconds(window, "rate_limit: window"), per=per, env=env, action=action)
    return lambda fn: guarded(fn, guard)
