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
@guards.blast_radius(max_targets=1)
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
