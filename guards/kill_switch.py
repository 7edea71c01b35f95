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

MONITOR = "monitor"
"""The level that only watches: what merely reads may still run."""


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """Denies `kill_switch`, or `monitor_only` when nothing but the level `monitor` stops it.

    A stop for one environment, service or action also stops what does not say which it is.
    """

    rule: ClassVar[str] = "kill_switch"

    def check(self, context: Context) -> Verdict:
        """Deny when a stop matches."""
        engaged = [stop for stop in context.stops if _matches(stop, context)]
        if not engaged:
            return Allow("No stop is engaged for this.")
        told = "; ".join(
            sorted(f"{stop.level} {stop.name}".strip() + f" by {stop.by}: {stop.reason}" for stop in engaged)
        )
        if all(stop.level == MONITOR for stop in engaged):
            return Deny(
                "monitor_only", f"Everything is only watched ({told}).", "Somebody must end the watching first."
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
            "risk": context.risk,
        }


def _matches(stop: Stop, context: Context) -> bool:
    if stop.level == MONITOR:
        return context.risk != "read"
    about = {"environment": context.environment, "service": context.service, "action": context.action}.get(stop.level)
    said, named = (about or "").strip().casefold(), stop.name.strip().casefold()
    return not said or not named or said == named  # a level without such a field, or nothing to compare: stop
