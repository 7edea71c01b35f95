"""`runbookctl kill` and `runbookctl resume`: the emergency stop from the terminal, with Slack and the database down (T55).

`kill` writes the switch file and needs nothing else; `resume` removes it and the row, with a name and a reason.
"""

from __future__ import annotations

import asyncio
import getpass
import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from bot.cli.options import ConfigOption, JsonOption, configuration, database_url, state_dir
from bot.stop_file import LEVELS, engage_file

Level = Annotated[str, typer.Option(help="all, environment, service, action, or monitor (watch only)")]
Name = Annotated[str, typer.Option(help="Which environment, service or action; empty for all.")]
SWITCH_FILE = "kill_switch"


def _check(level: str, name: str) -> None:
    if level not in LEVELS:
        raise typer.BadParameter(f"{level!r} is not one of {', '.join(LEVELS)}", param_hint="--level")
    if (level in ("all", "monitor")) == bool(name):
        raise typer.BadParameter("needed for every level but `all` and `monitor`", param_hint="--name")


def kill(
    reason: Annotated[str, typer.Option(help="Why; shown to everybody.")],
    level: Level = "all",
    name: Name = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Emergency stop: no new step starts within a second; survives restarts."""
    _check(level, name)
    path = state_dir(config) / SWITCH_FILE
    engage_file(path, level, name, reason, f"cli:{getpass.getuser()}")
    text = f"Emergency stop engaged for {name or level}. Lift it with `runbookctl resume`."
    typer.echo(json.dumps({"engaged": True, "level": level, "name": name, "file": str(path)}) if as_json else text)


def resume(
    reason: Annotated[str, typer.Option(help="Why it is safe again; recorded.")],
    person: Annotated[str, typer.Option("--as", help="Your id in people.yaml; needs the operator role.")],
    level: Level = "all",
    name: Name = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Lift the emergency stop: an operator with a reason."""
    _check(level, name)
    from bot.kill_switch import KillSwitch
    from bot.store.session import Store
    from guards.decision import Deny
    from guards.policy import Policy

    found = configuration(config)
    who = found.people.by_id(person)
    policy = Policy.from_mapping(found.policy)
    allowed = policy.may_operate(frozenset(who.roles) if who else frozenset())
    if who is None or isinstance(allowed, Deny):
        typer.echo(f"refused: {person} may not lift the emergency stop; people.yaml must give them the operator role.")
        raise typer.Exit(1)

    async def lift() -> bool:
        store = await Store.open(database_url(found))
        try:
            switch = KillSwitch(store, found.state_dir / SWITCH_FILE, lambda: datetime.now(UTC))
            return await switch.lift(level, name, reason, f"cli:{person}")
        finally:
            await store.close()

    lifted = asyncio.run(lift())
    text = f"Emergency stop lifted for {name or level}." if lifted else "No such emergency stop is engaged."
    typer.echo(json.dumps({"lifted": lifted}) if as_json else text)
    raise typer.Exit(0 if lifted else 1)
