"""`runbookctl explain`: why a run was allowed, asked about or refused; or what the policy says of a situation in a file.

`explain RUN` reads the decisions as they were recorded (mission G12). `explain --situation FILE` needs no bot and no
database: it is how a policy is tried before it is used. Changes nothing.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.cli.options import ConfigOption, JsonOption, configuration, database_url, is_configured
from bot.errors import ConfigurationError, Permanent

if TYPE_CHECKING:
    from guards.policy import Policy

TITLES = {
    "allow": ("✅ ALLOWED", "bold green"),
    "ask": ("🟠 PEOPLE ARE ASKED", "bold yellow"),
    "deny": ("⛔ REFUSED", "bold red"),
}
RULE_WIDTH = 22


def explain(
    run: Annotated[str, typer.Argument(help="A run (run_…) or an incident (inc_…).")] = "",
    situation: Annotated[
        list[Path] | None, typer.Option(help="A situation to judge; may be given several times.")
    ] = None,
    policy: Annotated[Path | None, typer.Option(help="policy.yaml for --situation; else the configured one.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say for every rule what it said, and what would help."""
    if bool(run) == bool(situation):
        raise typer.BadParameter("give a run, or at least one --situation", param_hint="RUN")
    if run and policy:
        raise typer.BadParameter(
            "a run is told as it was decided; try another policy with backtest", param_hint="--policy"
        )
    told, ranked = (_situations(situation, _policy(policy, config)), []) if situation else _recorded(run, config)
    if as_json:
        typer.echo(json.dumps({"decisions": told, "ranking": ranked}))
        return
    console = Console(highlight=False)
    if ranked:
        show_ranking(console, ranked)
    for number, one in enumerate(told):
        if number:
            console.print()
        show(console, one)


def policy_from(path: Path) -> Policy:
    """The policy in a file. Raises ConfigurationError with its place and how to mend it."""
    from bot.config_file import read_yaml

    return _made(read_yaml(path), path.name)


def _made(found: dict[str, Any], name: str) -> Policy:
    from guards.policy import Policy, PolicyError

    try:
        return Policy.from_mapping(found)
    except PolicyError as error:
        raise ConfigurationError(error.message, place=f"{name}: {error.place}", fix=error.fix) from error


def _policy(path: Path | None, config: str | None) -> Policy:
    if path is not None:
        return policy_from(path)
    if not is_configured(config):
        why = "no policy is named, and there is no countersign.yaml here."
        raise ConfigurationError(
            why, place="--situation", fix="add --policy policy.yaml, or --config countersign.yaml."
        )
    found = configuration(config)
    return _made(dict(found.policy), found.file.policy)


def _situations(paths: list[Path], policy: Policy) -> list[dict[str, Any]]:
    from bot.config import parse
    from bot.config_file import read_yaml
    from bot.explanations import judged
    from bot.situation import Situation
    from guards.recording import decision_data

    told = []
    for path in paths:
        asked = parse(Situation, read_yaml(path), path)
        decision = asked.decide(policy)
        trace = decision_data(decision)
        about = {"about": asked.title or path.name, "file": path.name}
        judgement = judged(decision.outcome, trace)
        told.append(about | judgement | {"policy": decision.policy_digest[:12], "findings": trace})
    return told


def _recorded(subject: str, config: str | None) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The decisions about a run or incident, and for an incident why this runbook and not the others."""
    found = configuration(config)

    async def read() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        from bot.explanations import ranking, told
        from bot.store import decisions
        from bot.store.session import Store

        async with await Store.open(database_url(found)) as store:
            of = decisions.for_incident if subject.startswith("inc_") else decisions.for_run
            rows = await store.read(lambda session: of(session, subject))
            ranked = await store.read(lambda session: ranking(session, subject))
            return [told(decision, decision.actor) | {"findings": decision.findings} for decision in rows], ranked

    told, ranked = asyncio.run(read())
    if not told and not ranked:
        fix = "copy the number from its card, or from `/runbook history`: run_… or inc_…"
        raise Permanent(f"no decision about {subject} is recorded. Fix: {fix}.")
    return told, ranked


def show_ranking(console: Console, ranked: list[dict[str, Any]]) -> None:
    """Why this runbook and not the others, at the last look."""
    console.print(Text("Why this runbook, and not the others", style="bold"))
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=RULE_WIDTH, no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for one in ranked:
        name = Text(f"  {'▸' if one['offered'] else ' '} {one['runbook']}", style="bold" if one["offered"] else "")
        for_it = Text("; ".join(one["reasons"]))
        against = Text(f"not: {one['blocked']}", style="red")
        table.add_row(name, f"{one['score']:.0%}", against if one["blocked"] else for_it)
    console.print(table)
    console.print()


def show(console: Console, told: dict[str, Any]) -> None:
    """One decision for people: what it is, what is in the way and what would help, who is asked, what allows."""
    title, style = TITLES[told["outcome"]]
    codes = f" ({', '.join(told['codes'])})" if told["codes"] else ""
    console.print(Text.assemble((title + codes, style), f"  {told['about']}"))
    when = [f"{told['at'].replace('T', ' ')[:19]} UTC", f"asked by {told['by']}"] if "at" in told else []
    number = told.get("run") or told.get("incident") or told.get("file")
    console.print(Text(", ".join([str(number), *when, f"policy {told['policy']}"]), style="dim"))
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=RULE_WIDTH, no_wrap=True)
    table.add_column(overflow="fold")
    for each in told["refused"]:
        table.add_row(Text(f"  ⛔ {each['rule']}", style="red"), Text(each["reason"]))
        table.add_row("", Text(f"→ {each['remedy']}", style="bold"))
    for each in told["asked"]:
        unless = " (if nothing refused)" if told["outcome"] == "deny" else ""
        table.add_row(Text(f"  🟠 {each['rule']}", style="yellow"), Text(each["reason"] + unless))
        table.add_row("", Text(f"→ {each['who']}", style="bold"))
    for each in told["allowed"]:
        table.add_row(Text(f"  ✓  {each['rule']}", style="dim"), Text(each["reason"], style="dim"))
    console.print(table)
