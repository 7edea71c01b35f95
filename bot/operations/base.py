"""The one Protocol of the operations room and its values. Called by bot/stages/plan.py only; nothing here acts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel

from bot.plan import Act, Target
from bot.services import Service, TargetEntry


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What an operation plans from. parameters: validated by the operation's own model. facts: name -> value.

    undoes: for a rollback, the act that it would undo.
    """

    service: Service
    target: Target
    entry: TargetEntry
    parameters: BaseModel
    facts: Mapping[str, Mapping[str, Any]]
    deadline_seconds: float
    undoes: Act | None = None


class Planner(Protocol):
    """A guard-decorated pure function. Raises ValueError with a plain sentence when the facts do not allow a plan."""

    def __call__(self, request: PlanRequest) -> Act:
        """The one act that would be carried out, in full; plans only, and asks nothing of the world."""
        ...


class Members(Protocol):
    """Who there is to act on, in a group: from the live fact, never from the catalogue alone, and never "all"."""

    def __call__(self, entry: TargetEntry, facts: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
        """Names in a fixed order, at least one. Raises ValueError with a plain sentence when that is not known."""
        ...


@dataclass(frozen=True, slots=True)
class Operation:
    """One entry of the roster.

    name: what runbooks write (`supervisor.restart`). target_kind: kind it accepts, compared before planning (T36).
    parameters: pydantic model of `with` without `target`. read_only: needs no approval by itself.
    members: for an operation that acts on named members of a group (its parameter `members`), who they are: what a step's
    `waves` go through (bot/stages/plan.py). None for one that acts on its target as a whole.
    """

    name: str
    target_kind: str
    read_only: bool
    parameters: type[BaseModel]
    plan: Planner
    summary: str
    members: Members | None = None
