"""`@rate_limit(max=1, window="1h", per="service")`: not more often than this (mission G6).

For anyone's script; policy and runbooks compile their `limits` to the same `RateLimit` object. Counts what is in the
context's history; must not keep any count itself, so a restart of the program resets nothing (case T57).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, cast

from guards.chain import Decorator, guarded
from guards.context import Actor, Context, PastAct
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
    env: the limit is for that environment and counts only acts there; empty is everywhere. action, service: likewise.
    Every act counts, whatever its result; an act dated in the future counts too. Where the limit does not apply it
    needs nothing and answers at once, because a policy may have hundreds. Raises ValueError, TypeError.
    """

    max: int
    window: float
    per: str
    env: str = ""
    action: str = ""
    service: str = ""
    rule: ClassVar[str] = "rate_limit"
    _elsewhere: Allow = field(init=False, repr=False, compare=False)
    _limit: Mapping[str, object] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        checked_count(self.max, "rate_limit: max")
        object.__setattr__(self, "window", seconds(self.window, "rate_limit: window"))
        if self.per not in KINDS:
            raise ValueError(f"rate_limit: per={self.per!r} is not one of {', '.join(KINDS)}")
        if any("*" in name for name in (self.env, self.action, self.service)):
            raise ValueError("rate_limit: leave env, action or service out instead of writing a wildcard")
        about = " in ".join(part for part in (self.action, self.service, self.env) if part)
        limit = {name: getattr(self, name) for name in ("max", "per", "env", "action", "service")}
        object.__setattr__(self, "_elsewhere", Allow(f"This limit is for {about}."))
        object.__setattr__(self, "_limit", {**limit, "window_seconds": self.window, "counted": {}})

    def check(self, context: Context) -> Verdict:
        """Deny when a field it needs is missing or the limit is reached; Allow where the limit does not apply."""
        return self.examine(context)[0]

    def inputs(self, context: Context) -> Mapping[str, object]:
        """The limit, and how many acts lie in its window for each thing it is counted for."""
        return self.examine(context)[1]

    def examine(self, context: Context) -> tuple[Verdict, Mapping[str, object]]:
        """Both answers from one count."""
        if (
            (self.env and context.environment and context.environment != self.env)
            or (self.action and context.action and context.action != self.action)
            or (self.service and context.service and context.service != self.service)
        ):
            return self._elsewhere, self._limit
        lacking = self._lacking(context)
        if lacking:
            return missing(lacking), self._limit
        acts = sorted(self._acts(context).items())
        seen = {**self._limit, "counted": {subject: len(found) for subject, found in acts}}
        for subject, found in acts:
            if len(found) >= self.max:
                return self._reached(subject, found), seen
        return Allow(f"Fewer than {self.max} in the window."), seen

    def _lacking(self, context: Context) -> str:
        """The first field that is needed and missing, or ''."""
        if self.env and not context.environment:
            return "environment"
        if (self.action or self.per in SAME_ACTION) and not context.action:
            return "action"
        if context.now is None:
            return "now"
        if (self.service or self.per == "service") and not context.service:
            return "service"
        if self.per == "target" and not context.targets:
            return "target"
        return "actor" if self.per == "person" and not (context.actor and context.actor.id) else ""

    def _acts(self, context: Context) -> dict[str, list[PastAct]]:
        """The acts in the window for each thing counted. The context holds everything that is needed."""
        since = cast("datetime", context.now) - timedelta(seconds=self.window)
        action = self.action or (context.action if self.per in SAME_ACTION else "")
        service = self.service or (context.service if self.per == "service" else "")
        recent = [
            act
            for act in context.history
            if act.at > since
            and self.env in ("", act.environment)
            and action in ("", act.action)
            and service in ("", act.service)
        ]
        if self.per == "target":
            return {key: [act for act in recent if act.target == key] for key in target_keys(context)}
        if self.per == "person":
            person = cast("Actor", context.actor).id
            return {person: [act for act in recent if act.actor == person]}
        return {context.service if self.per == "service" else action or service or "everything": recent}

    def _reached(self, subject: str, found: list[PastAct]) -> Deny:
        frees = sorted(act.at for act in found)[len(found) - self.max] + timedelta(seconds=self.window)
        return Deny(
            code="rate_limited",
            reason=f"{len(found)} of at most {self.max} per {self.per} in {self.window:g} s already ran ({subject}).",
            remedy=f"Wait until {frees.isoformat(timespec='seconds')}, or let a person act by hand.",
        )


def rate_limit(
    *,
    max: int,  # noqa: A002 - reason: `max=` is the mission's word
    window: float | str,
    per: str,
    env: str = "",
    action: str = "",
    service: str = "",
) -> Decorator:
    """At most `max` acts per `per` in `window` (seconds or text such as `1h`). Raises ValueError, TypeError."""
    length = seconds(window, "rate_limit: window")
    guard = RateLimit(max=max, window=length, per=per, env=env, action=action, service=service)
    return lambda fn: guarded(fn, guard)
