"""Restart members of a pool in turn, and read their logs before that (mission E1, E4, worked example X6). In the roster.

Plans only; carried out by bot/adapters/supervisor_pool.py. Kind and settings are those of bot/operations/scale.py. Which
members there are comes from the fact `pool`; which of them one act restarts, from the step's waves (bot/stages/plan.py). Must
not plan for a group as a whole: the act names every process, and no names is a refusal, never all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from bot.operations.base import Operation, PlanRequest
from bot.operations.parameters import Parameters, given, settings_of
from bot.operations.scale import ADAPTER, FACT, KIND, MOST, PoolSettings, pool_request, running_processes
from bot.plan import Act
from bot.services import TargetEntry
from guards import exclusive, rate_limit

TOLD = 8  # names of processes that a look tells; a change tells all of them
ROLLING, TAIL = "supervisor.rolling_restart", "supervisor.tail_logs"


class Chosen(Parameters):
    """members: full names (`group:process`) of those to restart, in this order; filled in by `waves`."""

    members: list[str] = Field(min_length=1, max_length=MOST)


class Lines(Parameters):
    """lines: how many of the last log lines of each process, 1 to 50."""

    lines: int = Field(ge=1, le=50)


def members(entry: TargetEntry, facts: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """The processes of the pool that run, in the order of their numbers. Raises ValueError when none does (case T34)."""
    settings = settings_of(PoolSettings, entry.settings)
    running = running_processes(facts, settings)
    if not running:
        raise ValueError(f"nothing of {settings.group} runs, so there is nothing to go through.")
    return tuple(running)


@exclusive(per="target")
def rolling_restart(request: PlanRequest) -> Act:
    """Restart the chosen members, one after the other, and no others."""
    chosen = given(Chosen, request.parameters).members
    running = members(request.entry, request.facts)
    strange = [name for name in chosen if name not in running]
    if strange or len(set(chosen)) < len(chosen):
        raise ValueError(f"{ascii(strange or chosen)[:80]} does not name members that run, each once.")
    shown = f"supervisorctl restart {' '.join(chosen)} ({len(chosen)} of {len(running)} that run)"
    return _act(request, ROLLING, "restart", chosen, running, shown, {}).model_copy(update={"members": tuple(chosen)})


@rate_limit(max=120, per="target", window=3600)
def tail_logs(request: PlanRequest) -> Act:
    """Read the last lines of the log of every member that runs; changes nothing."""
    lines = given(Lines, request.parameters).lines
    running = members(request.entry, request.facts)
    some = " ".join(running[:TOLD]) + (f" and {len(running) - TOLD} more that run" if len(running) > TOLD else "")
    shown = f"supervisorctl tail {some} (last {lines} lines of each)"
    made = _act(request, TAIL, "tail", running, running, shown, {"lines": lines})
    return made.model_copy(update={"idempotent": True, "cancel_safe": True})


def _act(
    request: PlanRequest,
    operation: str,
    verb: str,
    chosen: Sequence[str],
    running: Sequence[str],
    shown: str,
    more: dict[str, Any],
) -> Act:
    """The act; afterwards the same processes run as before, which is what the next wave begins from."""
    settings = settings_of(PoolSettings, request.entry.settings)
    pool = {FACT: {"running": len(running), "names": list(running)}}
    return Act(
        adapter=ADAPTER,
        operation=operation,
        target=request.target,
        request=pool_request(settings, verb, chosen, running) | more,
        shown=shown,
        deadline_seconds=request.deadline_seconds,
        planned_from=pool,
        leaves={} if verb == "tail" else pool,
    )


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name=ROLLING,
        target_kind=KIND,
        read_only=False,
        parameters=Chosen,
        plan=rolling_restart,
        summary="Restart the members of a pool in turn",
        members=members,
    ),
    Operation(
        name=TAIL,
        target_kind=KIND,
        read_only=True,
        parameters=Lines,
        plan=tail_logs,
        summary="Read the end of the logs of a pool",
    ),
)
