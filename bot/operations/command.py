"""Command operation: run one listed program with literal arguments, without a shell (mission R2, E2; trust rule 1).

Plans only; carried out by bot/adapters/command.py. Kind `command_host`, settings {allowed_programs: {name: absolute
path}, cwd, env, names}. The program's path comes from the catalogue; a runbook can only choose among the listed names. An
argument `{deployment}` stands for what `names` says, so that one runbook serves every service and nobody types what is acted on.
"""

from __future__ import annotations

import shlex

import re2
from pydantic import Field

from bot.operations.base import Operation, PlanRequest
from bot.operations.parameters import (
    Parameters,
    TargetSettings,
    clean_text,
    folder_path,
    given,
    one_name,
    settings_of,
)
from bot.plan import Act
from guards import exclusive

KIND = "command_host"
ADAPTER = "command"
NAMED = re2.compile(r"\A\{([a-z][a-z0-9_]{0,40})\}\z")


class HostSettings(TargetSettings):
    """allowed_programs: name as runbooks write it -> absolute path; cwd: absolute folder; env: added variables.

    names: what this service's own things are called, `deployment: payments-api`; each names exactly one thing.
    """

    allowed_programs: dict[str, str] = Field(min_length=1)
    cwd: str = "/"
    env: dict[str, str] = Field(default_factory=dict)
    names: dict[str, str] = Field(default_factory=dict)


class Command(Parameters):
    """argv: program name and its arguments, each one whole element."""

    argv: list[str] = Field(min_length=1, max_length=64)


@exclusive(per="target")
def run(request: PlanRequest) -> Act:
    """Run one listed program."""
    settings = settings_of(HostSettings, request.entry.settings)
    argv = [_named(settings, argument) for argument in given(Command, request.parameters).argv]
    path = settings.allowed_programs.get(argv[0])
    if path is None:
        listed = ", ".join(sorted(settings.allowed_programs))
        raise ValueError(f"{argv[0]!r} is not a program that may be run here ({listed}).")
    folder_path(path, "the program's path")
    if settings.cwd != "/":
        folder_path(settings.cwd, "cwd")
    for position, argument in enumerate(argv[1:], start=1):
        clean_text(argument, f"argument {position}")
        if argument.startswith("@"):
            raise ValueError(f"argument {position} starts with @, which many programs read as a file name (T33).")
    return Act(
        adapter=ADAPTER,
        operation="command.run",
        target=request.target,
        request={"argv": [path, *argv[1:]], "cwd": settings.cwd, "env": dict(settings.env)},
        shown=shlex.join([*(f"{name}={value}" for name, value in settings.env.items()), path, *argv[1:]]),
        deadline_seconds=request.deadline_seconds,
    )


def _named(settings: HostSettings, argument: str) -> str:
    """The argument itself, or for a whole `{name}` what the catalogue calls that. Raises ValueError when it does not say."""
    found = NAMED.match(argument)
    if found is None:
        return argument
    name = found.group(1)
    if name not in settings.names:
        raise ValueError(f"services.yaml does not say under `names` of this host what its {name} is called.")
    return one_name(settings.names[name], f"services.yaml: names.{name}")


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="command.run",
        target_kind=KIND,
        read_only=False,
        parameters=Command,
        plan=run,
        summary="Run one listed program",
    ),
)
