"""The emergency off as a guard: denies while any matching stop is engaged (mission G10, case T55).

Compiled into every policy, first of all. Looks only at the stops in the context; engaging and lifting them, with the
row, the file and the signal, is bot/kill_switch.py. Beyond doubt it stops: what it cannot read or match, it denies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from guards.context import Context, Stop
from guards.decision import Allow, Deny, Verdict


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """Denies `kill_switch`. A stop for one environment, service or action also stops what does not say which it is."""

    rule: ClassVar[str] = "kill_switch"

    def check(self, context: Context) -> Verdict:
        """Deny when a stop matches."""
        engaged = [stop for stop in context.stops if _matches(stop, context)]
        if not engaged:
            return Allow("No stop is engaged for this.")
        told = "; ".join(
            sorted(f"{stop.level} {stop.name}".strip() + f" by {stop.by}: {stop.reason}" for stop in engaged)
        )
        return Deny(
            "kill_switch", f"The emergency stop is engaged ({told}).", "Somebody with the role must lift it first."
        )

    def inputs(self, context: Context) -> Mapping[str, object]:
        """Every engaged stop, and what this is about."""
        return {
            "stops": tuple(sorted(f"{stop.level}:{stop.name}" for stop in context.stops)),
            "environment": context.environment,
            "service": context.service,
            "action": context.action,
        }


def _matches(stop: Stop, context: Context) -> bool:
    about = {"environment": context.environment, "service": context.service, "action": context.action}.get(stop.level)
    if not about or not stop.name:  # level all, a level we do not know, or nothing to compare: stop
        return True
    return about.strip().casefold() == stop.name.strip().casefold()
