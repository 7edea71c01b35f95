"""Type-checked only (test_typing.py): the decorators keep signatures under mypy --strict."""

from __future__ import annotations

from typing import assert_type

import guards


@guards.allowed_envs(["staging", "dev"])
@guards.require_role(["operator"])
@guards.require_confirmation(message="Clear cache?", timeout=120)
@guards.require_approval(count=1, any_of=["leads"], timeout="15m", message="Agreed?")
@guards.rate_limit(max=1, window="1h", per="service")
@guards.exclusive(per="target")
@guards.blast_radius(max_targets=1, max_percent=10, min_healthy=2, one_domain=True)
@guards.change_window(days=["mon", "tue"], start="09:00", end="17:00", timezone="Europe/Berlin")
@guards.circuit_breaker(max=3, window="10m", cooldown="30m")
@guards.max_change(percent=50)
@guards.error_budget(max_burned_percent=20)
@guards.cost_cap(per_act=50, per_day=200, ask_above=10, currency="EUR")
@guards.autonomy(ceiling="approve")
def clear_cache(name: str, *, count: int = 1) -> list[str]:
    """Everything stacked."""
    return [name] * count


@guards.forbidden(reason="Never.")
async def drop(table: str) -> int:
    """An async function stays one."""
    return len(table)


class Cache:
    """Methods are guarded too."""

    @guards.exclusive()
    def clear(self, name: str) -> bool:
        """A method."""
        return bool(name)


async def check() -> None:
    """The kept types, and errors where they belong."""
    assert_type(clear_cache("a", count=2), list[str])
    assert_type(await drop("a"), int)
    assert_type(Cache().clear("a"), bool)
    clear_cache(1)  # type: ignore[arg-type]  # reason: must be an error, or warn_unused_ignores complains
    clear_cache("a", cuont=1)  # type: ignore[call-arg]  # reason: as above
    guards.require_confirmation("Sure?")  # type: ignore[call-arg]  # reason: options are keyword-only
    guard: guards.Guard = guards.AllowedEnvs(("dev",))
    assert_type(guards.guards_of(clear_cache), tuple[guards.Guard, ...])
    assert_type(guard.rule, str)
    rules: list[guards.Guard] = [
        guards.Freeze(watched=True),
        guards.InChangeWindow(windows=((("prod",), ()),)),
        guards.ChangeWindow(days=("mon",), start="09:00", end="17:00", timezone="UTC"),
        guards.CircuitBreaker(max=3, window=600, cooldown=1800),
        guards.MaxChange(question=guards.RequireApproval()),
        guards.ErrorBudget(max_burned_percent=20),
        guards.CostCap(currency="EUR"),
        guards.Autonomy(ceiling="auto"),
    ]
    assert_type(guards.decide(rules, guards.Context()), guards.Decision)
    assert_type(guards.increments(6, 12), tuple[int, ...])
