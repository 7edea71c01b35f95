"""What the linter is told of the world: which operations and facts exist, the policy, the promotions, the day.

Made by `runbookctl lint`, by tests, and by whoever lints one runbook. Values only; must not look anything up itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Protocol

from pydantic import BaseModel

from guards.policy import Policy
from runbooks.ladder import Ladder
from runbooks.promotion import Promotion
from runbooks.sense import LOWER_ENVIRONMENTS


class KnownOperation(Protocol):
    """What the linter looks at in an operation of the roster (bot.operations.base.Operation fits)."""

    @property
    def target_kind(self) -> str:
        """Kind of target it accepts."""

    @property
    def read_only(self) -> bool:
        """Whether it changes nothing."""

    @property
    def parameters(self) -> type[BaseModel] | None:
        """Model of what it is given beside its target; None when that is not known."""

    @property
    def members(self) -> object | None:
        """Who it acts on, for one that acts on members of a group; None for one that acts on its target as a whole."""


Operations = Mapping[str, KnownOperation]
USUAL = Ladder(lowest="dev", without_record=LOWER_ENVIRONMENTS)
"""Where a runbook may be tried when no policy says so."""


@dataclass(frozen=True, slots=True)
class Known:
    """operations: name -> operation. facts: names that services can observe. adapters: names that exist here.

    What is None or empty is not known, and the rule that needs it says nothing. policy: to compare runbooks with.
    promotions: every record; ladder: where none is needed. today: for reviews; reviewed: source of a runbook -> day of its last change. secret: whether
    one line of text holds a secret.
    """

    operations: Operations
    facts: Collection[str]
    adapters: Collection[str] = ()
    policy: Policy | None = None
    promotions: tuple[Promotion, ...] | None = None
    ladder: Ladder = USUAL
    today: date | None = None
    reviewed: Mapping[str, date] = field(default_factory=lambda: MappingProxyType({}))
    secret: Callable[[str], bool] | None = None
