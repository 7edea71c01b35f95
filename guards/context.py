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
    """One act in the recent past, newest last in Context.history.

    result: `succeeded`, `failed`, `unknown` or `running`. incident: the incident it was for, empty when none. cost: in
    the policy's currency. standing: id of the standing approval that it used up, empty when people were asked.
    """

    action: str
    service: str
    environment: str
    target: str
    actor: str
    at: datetime
    result: str
    incident: str = ""
    cost: float = 0.0
    standing: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """An engaged kill switch.

    level: `all`, `environment`, `service`, `action`, or `monitor` (watch only: what merely reads may still run).
    name: which environment, service or action; empty for `all` and `monitor`.
    """

    level: str
    name: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Period:
    """One occurrence of a freeze, a maintenance or a change window; recurrence is worked out before it comes here.

    kind: `freeze` (no change), `maintenance` (people work on it, automation keeps off) or `change_window` (changes only
    inside one). environments: never empty. services: empty is every service of those environments. start <= t < end.
    """

    kind: str
    name: str
    environments: tuple[str, ...]
    services: tuple[str, ...]
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Calendar:
    """Everything the calendars say about the days around now.

    problems: (environment, what is wrong) for each calendar that could not be read or is too old; such an environment
    counts as frozen (case T56).
    """

    periods: tuple[Period, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Inventory:
    """The live group that the targets belong to (mission G5). total and healthy: members; domains: target key -> failure
    domain. It was observed just before, and what could not be observed is None in the context, never a guess.
    """

    total: int
    healthy: int
    domains: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """A change of size (mission G7): from `current` to `wanted` `unit`s."""

    current: float
    wanted: float
    unit: str = "instances"


@dataclass(frozen=True, slots=True)
class OpenBreaker:
    """A circuit breaker that opened and was not closed since (case T57).

    key: `remediation:<environment>/<service>/<action>`, or `global`. trial_run: the run that was let through to try.
    """

    key: str
    opened_at: datetime
    trial_run: str = ""


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """A person asks to go past the rules that may be broken in an emergency (case T14). until: when that ends."""

    reason: str
    by: str
    until: datetime


class Asker(Protocol):
    """How to put a question to a person. True only for a clear yes; anything else is no."""

    def __call__(self, question: Ask, context: Context) -> bool:
        """Put the question; every way of not answering is False."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """What is asked for. Missing environment, action or actor is never a wildcard: guards that need it refuse.

    risk: `read`, `safe`, `caution` or `forbidden`. targets: `kind:environment/name` keys. holders: target key -> run id
    that holds its lease. run: id of the run this is about. now: timezone-aware UTC. autonomy: the most that the runbook
    lets the bot do by itself: `shadow`, `suggest`, `approve` or `auto`. members: when a target is a group, the keys of exactly
    those of it that this act touches at once; members_in_all: those that the whole plan touches, wave by wave. calendar, inventory, change, cost (of this act),
    budget_burned (share of the error budget that automation used up, 0.2 is a fifth): None when it is not known.
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
    runbook: str = ""
    incident: str = ""
    autonomy: str = ""
    calendar: Calendar | None = None
    breakers: tuple[OpenBreaker, ...] = ()
    inventory: Inventory | None = None
    change: Change | None = None
    cost: float | None = None
    budget_burned: float | None = None
    break_glass: BreakGlass | None = None
    members: tuple[str, ...] = ()
    members_in_all: tuple[str, ...] = ()


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
