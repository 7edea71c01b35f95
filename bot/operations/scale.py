"""Scale a pool of workers under supervisor, and take that back (mission G7, worked example X5). Listed in the roster.

Plans only; carried out by bot/adapters/supervisor_pool.py; bot/operations/rolling.py shares its settings and its request. Kind
`supervisor_pool`, settings {url, group, pattern, first?, most, unit_cost?, username?, password_env?}. Needs the fact `pool`
(kind `supervisor_pool`): how many run, and which. Must not plan for a group as a whole: the act names every process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import re2
from pydantic import Field

from bot.operations.base import Operation, PlanRequest
from bot.operations.parameters import NoParameters, Parameters, TargetSettings, given, settings_of
from bot.operations.supervisor import PROGRAM, supervisor_url
from bot.plan import Act, Resize
from guards import exclusive

KIND = "supervisor_pool"
ADAPTER = "supervisor_pool"
FACT = "pool"
MOST = 100
SCALE, SCALE_BACK = "supervisor.scale", "supervisor.scale_back"
GROUP = re2.compile(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\z")
# `payments-workers:worker_{number:02d}`: one number, plain or filled with zeros, as numprocs and process_name make them
PATTERN = re2.compile(r"\A([A-Za-z0-9][A-Za-z0-9._:-]{0,100})\{number(?::0([1-4])d)?\}([A-Za-z0-9._-]{0,20})\z")


class PoolSettings(TargetSettings):
    """A group of like processes. first: number of the first one; most: how many there are, running or not.

    unit_cost: what one more process costs, in the policy's currency.
    """

    url: str
    group: str
    pattern: str
    most: int = Field(ge=1, le=MOST)
    first: int = Field(default=0, ge=0, le=9999)
    unit_cost: float = Field(default=0.0, ge=0)
    username: str = ""
    password_env: str = Field(default="", pattern=r"\A([A-Z][A-Z0-9_]{0,63})?\z")


class Size(Parameters):
    """wanted: how many processes are to run, 1 to 100."""

    wanted: int = Field(ge=1, le=MOST)


def process_names(settings: PoolSettings) -> tuple[str, ...]:
    """Every process of the pool in the order of their numbers. Raises ValueError for settings that do not name them."""
    found = PATTERN.match(settings.pattern)
    if not GROUP.match(settings.group) or settings.group.lower() == "all" or found is None:
        raise ValueError("services.yaml: this pool needs a group and a pattern like `group:worker_{number:02d}`.")
    before, width, after = found.group(1), int(found.group(2) or 0), found.group(3)
    names = tuple(
        f"{before}{number:0{width}d}{after}" for number in range(settings.first, settings.first + settings.most)
    )
    if not all(PROGRAM.match(name) and name.startswith(f"{settings.group}:") for name in names):
        raise ValueError(f"services.yaml: the pattern of this pool does not name processes of {settings.group}.")
    return names


@exclusive(per="target")
def scale(request: PlanRequest) -> Act:
    """Start the first processes that do not run, or stop the last that do, until `wanted` run."""
    wanted = given(Size, request.parameters).wanted
    settings = settings_of(PoolSettings, request.entry.settings)
    names = process_names(settings)
    running = running_processes(request.facts, settings)
    current = len(running)
    if wanted > settings.most:
        raise ValueError(f"{settings.group} has {settings.most} processes in all, so {wanted} cannot run.")
    if wanted == current:
        raise ValueError(f"{settings.group} runs {current} already, so nothing would change.")
    if not current:
        raise ValueError(f"nothing of {settings.group} runs; that is an outage and no matter of size.")
    if wanted > current:
        verb, chosen = "start", [name for name in names if name not in running][: wanted - current]
        left = [name for name in names if name in running or name in chosen]
    else:
        verb, chosen = "stop", running[: wanted - 1 : -1]
        left = running[:wanted]
    return _act(request, settings, SCALE, verb, chosen, running, left)


@exclusive(per="target")
def scale_back(request: PlanRequest) -> Act:
    """Rollback of a scale: stop exactly what it started, last first, or start exactly what it stopped."""
    given(NoParameters, request.parameters)
    undone = request.undoes
    if undone is None or undone.operation != SCALE or undone.target != request.target:
        raise ValueError("there is no scale of this pool to undo; it is only a rollback of one.")
    settings = settings_of(PoolSettings, request.entry.settings)
    verb = "stop" if undone.request["verb"] == "start" else "start"
    chosen = list(reversed(undone.request["names"]))
    return _act(
        request, settings, SCALE_BACK, verb, chosen, undone.leaves[FACT]["names"], undone.planned_from[FACT]["names"]
    )


def running_processes(facts: Mapping[str, Mapping[str, Any]], settings: PoolSettings) -> list[str]:
    """The processes that run, in the order of their numbers, by the fact; anything odd about it is a ValueError."""
    names = process_names(settings)
    fact = facts.get(FACT)
    if not fact:
        raise ValueError(f"how many of {settings.group} run is not known: there is no fact {FACT}.")
    told = fact.get("names")
    if not isinstance(told, list | tuple) or fact.get("running") != len(set(told)):
        raise ValueError(f"the fact {FACT} does not say which processes run.")
    strange = sorted(str(name) for name in set(told) - set(names))
    if strange:
        raise ValueError(f"the fact {FACT} speaks of {strange[0]}, which is not in this pool.")
    return [name for name in names if name in told]


def pool_request(settings: PoolSettings, verb: str, names: Sequence[str], running: Sequence[str]) -> dict[str, Any]:
    """What the adapter is asked for. verb: start, stop, restart or tail; names: of the processes; running: those that run."""
    return {
        "url": supervisor_url(settings.url),
        "group": settings.group,
        "verb": verb,
        "names": list(names),
        "running": list(running),
        "username": settings.username,
        "password_env": settings.password_env,
    }


def _act(
    request: PlanRequest,
    settings: PoolSettings,
    operation: str,
    verb: str,
    chosen: list[str],
    before: list[str],
    after: list[str],
) -> Act:
    resize = Resize(current=len(before), wanted=len(after), unit="processes")
    return Act(
        adapter=ADAPTER,
        operation=operation,
        target=request.target,
        request=pool_request(settings, verb, chosen, before),
        shown=f"supervisorctl {verb} {' '.join(chosen)} ({resize.current} to {resize.wanted})",
        deadline_seconds=request.deadline_seconds,
        idempotent=True,
        resize=resize,
        cost=round(max(0, resize.wanted - resize.current) * settings.unit_cost, 6),
        planned_from={FACT: {"running": resize.current, "names": before}},
        leaves={FACT: {"running": resize.wanted, "names": after}},
    )


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name=SCALE,
        target_kind=KIND,
        read_only=False,
        parameters=Size,
        plan=scale,
        summary="Run more or fewer processes of a pool",
    ),
    Operation(
        name=SCALE_BACK,
        target_kind=KIND,
        read_only=False,
        parameters=NoParameters,
        plan=scale_back,
        summary="Take a change of size back",
    ),
)
