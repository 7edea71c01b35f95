"""Who asks for what, where and when: everything a guard may look at, as one frozen value.

Made by bot/stages/gate.py from the catalogue, the signed payload and the store, or by a script with `guards.use(...)`.
Standard library only. Must not look anything up: a guard sees only what is in here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

from guards.decision import Ask


@dataclass(frozen=True, slots=True)
class Actor:
    """A person (or the bot) who asks. id: directory id; roles come from people.yaml, never from text."""

    id: str
    name: str = ""
    roles: frozenset[str] = frozenset()
    is_bot: bool = False


@dataclass(frozen=True, slots=True)
class PastAct:
    """One act in the recent past, newest last in Context.history. result: `succeeded`, `failed`, `unknown`, `running`."""

    action: str
    service: str
    environment: str
    target: str
    actor: str
    at: datetime
    result: str


@dataclass(frozen=True, slots=True)
class Stop:
    """An engaged kill switch. level: `all`, `environment`, `service` or `action`; name: which one, empty for all."""

    level: str
    name: str
    reason: str
    by: str


class Asker(Protocol):
    """How to put a question to a person. True only for a clear yes; anything else is no."""

    def __call__(self, question: Ask, context: Context) -> bool:
        """Put the question; every way of not answering is False."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """What is asked for. Missing environment, action or actor is never a wildcard: guards that need it refuse.

    risk: `read`, `safe`, `caution` or `forbidden`. targets: `kind:environment/name` keys. holders: target key -> run id
    that holds its lease. run: id of the run this is about. now: timezone-aware UTC.
    """

    action: str = ""
    environment: str = ""
    now: datetime | None = None
    actor: Actor | None = None
    service: str = ""
    tier: int | None = None
    risk: str = ""
    targets: tuple[str, ...] = ()
    run: str = ""
    scopes: tuple[str, ...] = ()
    history: tuple[PastAct, ...] = ()
    holders: Mapping[str, str] = field(default_factory=dict)
    stops: tuple[Stop, ...] = ()
    ask: Asker | None = None


_current: ContextVar[Context | None] = ContextVar("guards_context", default=None)


def current() -> Context | None:
    """The context in force here, or None outside `use` (then every guarded call refuses)."""
    return _current.get()


@contextmanager
def use(context: Context | None = None, /, **changes: object) -> Iterator[Context]:
    """Run a block in a context: `with guards.use(environment="staging", ask=guards.terminal.ask): ...`.

    changes: fields of Context; `now` defaults to the present UTC time. Raises TypeError for an unknown field.
    """
    base = context or Context()
    if base.now is None and "now" not in changes:
        changes["now"] = datetime.now(UTC)
    made = replace(base, **changes)  # type: ignore[arg-type]  # reason: replace checks the names, guards the values
    token = _current.set(made)
    try:
        yield made
    finally:
        _current.reset(token)
