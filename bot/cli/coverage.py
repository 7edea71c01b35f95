"""`runbookctl coverage`: which past alerts no runbook covers, by toil; which runbooks never match; which failed (mission R8).

From the bot's own incidents, or from a file with one JSON object per line, which needs neither bot nor configuration. Exit 0;
2 for a file that cannot be read, with the line. Changes nothing.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.cli.options import ConfigOption, JsonOption, back, configuration, database_url, is_configured
from bot.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.coverage import Coverage, Gap
    from bot.past_alerts import Alert
    from bot.store.trials import Setback
    from runbooks.model import Runbook

PAGE = 1_000
SHOWN = 20


def coverage(
    since: Annotated[str, typer.Option(help="How far back: 12h, 90d, 4w.")] = "90d",
    alerts: Annotated[
        Path | None, typer.Option(help="A file of past alerts, one JSON object a line; else the bot's incidents.")
    ] = None,
    runbooks: Annotated[
        list[Path] | None, typer.Option(help="Folders of runbooks; else the configured ones, or the shipped catalogue.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replay past alerts through the matcher, and list what no runbook covers."""
    from bot.coverage import cover
    from bot.past_alerts import read_file

    start = datetime.now(UTC) - back(since)
    failed: Mapping[str, Setback] = {}
    if alerts is not None:
        known = _runbooks(runbooks, config, needed=False)
        found = [one for one in read_file(alerts) if one.opened_at >= start]
    else:
        known = _runbooks(runbooks, config, needed=True)
        found, failed = asyncio.run(_stored(config, start, known))
    covered = cover(found, known)
    if as_json:
        typer.echo(json.dumps(as_data(covered, failed, start)))
    else:
        show(Console(highlight=False), covered, failed, known, since)


def _runbooks(folders: list[Path] | None, config: str | None, *, needed: bool) -> Mapping[str, Runbook]:
    """Raises ConfigurationError with the first mistake in a folder."""
    from runbooks.load import BUILTIN, load_catalog

    if folders is None and (needed or is_configured(config)):
        from bot.app import make_policy
        from bot.library import make_library

        given = configuration(config)
        return make_library(given, make_policy(given)).runbooks
    found = load_catalog(folders or [BUILTIN])
    if found.problems:
        first = found.problems[0]
        raise ConfigurationError(first.message, place=f"{first.file}:{first.line}", fix=first.fix)
    return found.runbooks


async def _stored(
    config: str | None, start: datetime, runbooks: Mapping[str, Runbook]
) -> tuple[list[Alert], dict[str, Setback]]:
    from bot.app import make_policy
    from bot.past_alerts import of_incident
    from bot.policy_inputs import make_promotions
    from bot.stages.promoted import to_review
    from bot.store import alert_history
    from bot.store.session import Store
    from runbooks.digest import digest

    found: list[Alert] = []
    after: tuple[datetime, str] | None = None
    settings = configuration(config)
    async with await Store.open(database_url(settings)) as store:
        while True:
            page = await store.read(partial(alert_history.page, since=start, after=after, limit=PAGE))
            found += [of_incident(one) for one in page if one.source != "slack"]  # asked for by name: that is no alert
            if len(page) < PAGE:
                break
            after = (page[-1].opened_at, page[-1].id)
        records, now = make_promotions(settings, make_policy(settings)), datetime.now(UTC)

        def version(name: str) -> str:
            return digest(runbooks[name]) if name in runbooks else ""

        return found, await store.read(lambda s: to_review(s, version, records, now))


def as_data(covered: Coverage, failed: Mapping[str, Setback], start: datetime) -> dict[str, Any]:
    """Everything the command says, as JSON values; times in seconds."""
    return {
        "since": start.isoformat(timespec="seconds"),
        "alerts": covered.alerts,
        "covered": covered.covered,
        "gaps": [
            {
                "name": gap.name,
                "alert": gap.alert,
                "times": gap.times,
                "mean_seconds": gap.seconds,
                "toil_seconds": gap.toil,
                "services": list(gap.services),
                "last": gap.last.isoformat(timespec="seconds"),
                "nearest": gap.nearest,
                "propose": propose(gap),
            }
            for gap in covered.gaps
        ],
        "matched": dict(covered.matched),
        "never_matched": list(covered.never),
        "waiting": dict(covered.waiting),
        "review": {
            name: {
                "run": one.run_id,
                "environment": one.environment,
                "at": one.at.isoformat(timespec="seconds"),
                "outcome": one.outcome,
            }
            for name, one in failed.items()
        },
    }


def propose(gap: Gap) -> str:
    """How to begin a runbook for what was seen twice; empty when it was seen once."""
    import shlex

    from bot.coverage import OFTEN

    if gap.times < OFTEN:
        return ""
    flag = ("--alert", gap.alert) if gap.alert else ("--symptom", " ".join(gap.name.replace("#", " ").split()))
    return shlex.join(("runbookctl", "new", *flag))


def show(
    console: Console, covered: Coverage, failed: Mapping[str, Setback], runbooks: Mapping[str, Runbook], since: str
) -> None:
    """The report for people."""
    from bot.render.wording import duration

    if not covered.alerts:
        console.print(f"There are no alerts of the last {since} to look at.")
        return
    share = f" ({covered.covered / covered.alerts:.0%})" if covered.alerts else ""
    console.print(
        Text(f"{covered.covered} of {covered.alerts} alerts of the last {since} have a runbook{share}.", style="bold")
    )
    if covered.gaps:
        table = Table(title="No runbook for", title_justify="left", expand=False)
        table.add_column("Alert", overflow="fold", max_width=38)
        table.add_column("Times", justify="right")
        table.add_column("Each", justify="right", no_wrap=True)
        table.add_column("Toil", justify="right", no_wrap=True)
        table.add_column("Services", overflow="fold", max_width=24)
        for gap in covered.gaps[:SHOWN]:
            each = "?" if gap.seconds is None else duration(gap.seconds)
            toil = "?" if gap.seconds is None else duration(gap.toil)
            more = f" and {len(gap.services) - 3} more" if len(gap.services) > 3 else ""
            told = (gap.name, str(gap.times), each, toil, ", ".join(gap.services[:3]) + more)
            table.add_row(*map(Text, told))
        console.print(table)
        if len(covered.gaps) > SHOWN:
            console.print(f"and {len(covered.gaps) - SHOWN} more; --json has them all")
        _proposals(console, covered)
    _list(
        console, "Would fit, and wait for an adapter", [f"{name} ({times}x)" for name, times in covered.waiting.items()]
    )
    _list(console, "Never matched", list(covered.never))
    if failed:
        console.print(Text("To be looked at again, because the fix failed:", style="bold"))
        for name, one in sorted(failed.items()):
            owner = runbooks[name].owner or "nobody"
            ended = one.outcome.replace("_", " ")
            console.print(
                Text(
                    f"  {name} (owner {owner}): {one.run_id} {ended} in {one.environment}, {one.at:%Y-%m-%d %H:%M} UTC"
                )
            )


def _proposals(console: Console, covered: Coverage) -> None:
    often = [gap for gap in covered.gaps if propose(gap)][:SHOWN]
    if not often:
        return
    console.print(Text("Seen more than once, could be automatic:", style="bold"))
    for gap in often:
        console.print(Text(f"  {propose(gap)}"), soft_wrap=True)
        if gap.nearest:
            console.print(Text(f"    nearest: {gap.nearest}", style="dim"))


def _list(console: Console, title: str, names: list[str]) -> None:
    if names:
        console.print(Text.assemble((f"{title}: ", "bold"), ", ".join(names)))
