"""`@blast_radius(max_targets=1)`: how much one run may touch (mission G5, trust rule 15, cases T10 and T37).

For anyone's script; policy's `blast_radius` and a runbook's `safety.blast_radius` compile to the same `BlastRadius`
object (docs/policy.md, blast_radius). Counts the targets of the context, which were resolved from live inventory before;
no targets is a refusal, never "all", and an inventory that is not known is never a large one. Where an act touches members of
a group in waves, `max_targets` counts all that the plan touches, and the limits on the group those of this wave.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from guards.amounts import checked_optional
from guards.chain import Decorator, guarded
from guards.context import Context, Inventory
from guards.decision import Allow, Deny, Verdict
from guards.missing import missing
from guards.names import checked_count
from guards.targets import touched_at_once, touched_in_all


@dataclass(frozen=True, slots=True, kw_only=True)
class BlastRadius:
    """Denies `blast_radius`; allows what merely reads. Raises ValueError, TypeError.

    max_targets: distinct targets (members of a group, where they are named) at most. max_percent: at most this percentage of all members of the group.
    min_healthy: so many healthy members must be left without the targets. one_domain: all targets lie in one failure
    domain. The last three need the inventory; None and False are no such limit.
    """

    max_targets: int = 1
    max_percent: float | None = None
    min_healthy: int | None = None
    one_domain: bool = False
    rule: ClassVar[str] = "blast_radius"

    def __post_init__(self) -> None:
        checked_count(self.max_targets, "blast_radius: max_targets")
        checked_optional(self.max_percent, "blast_radius: max_percent")
        if checked_optional(self.min_healthy, "blast_radius: min_healthy") is not None:
            _whole(self.min_healthy, "blast_radius: min_healthy")
        if not isinstance(self.one_domain, bool):
            raise TypeError(f"blast_radius: one_domain={self.one_domain!r} is neither True nor False")

    def check(self, context: Context) -> Verdict:
        """Deny without targets, with too many, and when the inventory does not say what is needed."""
        if context.risk == "read":
            return Allow("It only reads.")
        if not context.targets:
            return missing("target")
        in_all, at_once = touched_in_all(context), touched_at_once(context)
        if len(in_all) > self.max_targets:
            return _too_much(f"{len(in_all)} targets are more than the {self.max_targets} that one run may touch")
        if self.max_percent is not None or self.min_healthy is not None or self.one_domain:
            if context.inventory is None:
                return missing("inventory")
            wrong = self._wrong(at_once, context.inventory)
            if wrong:
                return _too_much(wrong)
        return Allow(f"{len(in_all)} of at most {self.max_targets} targets.")

    def inputs(self, context: Context) -> Mapping[str, object]:
        """The targets, the inventory, and how much may be touched."""
        keys, inventory = touched_at_once(context), context.inventory
        in_waves = {"in_all": touched_in_all(context)} if context.members else {}
        return {
            "targets": keys,
            **in_waves,
            "total": inventory.total if inventory else None,
            "healthy": inventory.healthy if inventory else None,
            "domains": tuple(inventory.domains.get(key, "") for key in keys) if inventory else (),
            "max_targets": self.max_targets,
            "max_percent": self.max_percent,
            "min_healthy": self.min_healthy,
            "one_domain": self.one_domain,
        }

    def _wrong(self, keys: tuple[str, ...], inventory: Inventory) -> str:
        """Which limit on the group the targets pass, or ''. Raises TypeError for an inventory without whole numbers."""
        count = len(keys)
        total = _whole(inventory.total, "blast_radius: total")
        healthy = _whole(inventory.healthy, "blast_radius: healthy")
        if self.max_percent is not None and count * 100 > self.max_percent * total:
            return f"{count} of {total} members are more than {self.max_percent:g} percent"
        if self.min_healthy is not None and healthy - count < self.min_healthy:
            return f"{healthy - count} healthy members would be left, at least {self.min_healthy} must be"
        if self.one_domain:
            domains = {inventory.domains.get(key, "") for key in keys}
            if "" in domains:
                return "It is not known in which failure domain a target lies"
            if len(domains) > 1:
                return f"The targets lie in {len(domains)} failure domains"
        return ""


def blast_radius(
    *,
    max_targets: int = 1,
    max_percent: float | None = None,
    min_healthy: int | None = None,
    one_domain: bool = False,
) -> Decorator:
    """At most this many distinct targets, and this much of the inventory. Raises ValueError, TypeError."""
    guard = BlastRadius(
        max_targets=max_targets, max_percent=max_percent, min_healthy=min_healthy, one_domain=one_domain
    )
    return lambda fn: guarded(fn, guard)


def _too_much(why: str) -> Deny:
    return Deny("blast_radius", f"{why}.", "Name fewer targets, or have the limit reviewed.")


def _whole(value: object, what: str) -> int:
    """The whole number. Raises TypeError for anything else (True is not 1)."""
    if type(value) is not int:
        raise TypeError(f"{what}: {value!r} is not a whole number")
    return value
