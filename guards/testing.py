"""For tests of guarded code: askers that answer by themselves, and a complete context that stands still.

The only place in the project with an automatic yes (houses.md 4.4). Must not be imported by anything but tests;
`import guards` does not load it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from guards.context import Actor, Context
from guards.decision import Ask

NOON = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
"""The time in every `frozen` context unless another is given."""


def answer_yes(question: Ask, context: Context) -> bool:
    """An asker that always says yes."""
    return True


def answer_no(question: Ask, context: Context) -> bool:
    """An asker that always says no."""
    return False


def frozen(**changes: object) -> Context:
    """A complete context in dev at a fixed time, with these fields changed; nobody to ask unless `ask` is given.

    targets and scopes follow the environment unless they are given. Raises TypeError for an unknown field.
    """
    environment = changes.get("environment", "dev")
    base = Context(
        action="demo.restart",
        environment="dev",
        now=NOON,
        actor=Actor(id="tester", name="Tester", roles=frozenset({"responder"})),
        service="demo",
        tier=3,
        risk="safe",
        targets=(f"demo:{environment}/demo",),
        run="run_test",
        scopes=(str(environment),),
    )
    return replace(base, **changes)  # type: ignore[arg-type]  # reason: replace checks the names, guards the values
