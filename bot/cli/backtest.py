"""`runbookctl backtest`: what would a changed policy have said about what was asked in the last weeks? Changes nothing.

Exit 0 when every decision would have been the same, 1 when one would not (or cannot be read), 2 for a policy that is not
taken. How it is decided and what it cannot know stands in bot/backtest.py.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from bot.cli.options import ConfigOption, JsonOption, back, configuration, database_url

if TYPE_CHECKING:
    from bot.backtest import Changed, Comparison
    from bot.config import Configuration
    from guards.policy import Policy
    from runbooks.model import Runbook

MOST_LINES = 20
STYLES = {True: "bold red", False: "yellow"}


def backtest(
    policy: Annotated[Path, typer.Option(help="The changed policy.yaml.")],
    since: Annotated[str, typer.Option(help="How far back: hours, days or weeks.")] = "90d",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide again, with another policy, everything that was decided."""
    found = configuration(config)
    began = datetime.now(UTC) - back(since)
    tested, wanted = asyncio.run(_test(found, policy, began))
    told = report(tested, began, wanted.digest)
    if as_json:
        typer.echo(json.dumps(told))
    else:
        show(Console(highlight=False, soft_wrap=True), told, policy.name)
    raise typer.Exit(1 if told["changed"] or told["unreadable"] else 0)


async def _test(found: Configuration, path: Path, since: datetime) -> tuple[Comparison, Policy]:
    from bot import backtest as core
    from bot.app import make_policy
    from bot.cli.explain import policy_from
    from bot.library import make_library
    from bot.policy_inputs import make_promotions
    from bot.roster import OPERATIONS
    from bot.store.session import Store
    from runbooks.digest import digest

    wanted = policy_from(path)
    before = make_policy(found)
    library = make_library(found, before)
    records = make_promotions(found, before)

    def granted(runbook: Runbook, environment: str) -> bool:
        return records.record(runbook.id, digest(runbook), environment) is not None

    own = core.todays_rules(library.runbooks, OPERATIONS, granted)
    async with await Store.open(database_url(found)) as store:
        return await core.backtest(store, wanted, since, own, before), wanted


def report(tested: Comparison, since: datetime, digest: str) -> dict[str, Any]:
    """Everything the command says, as JSON values; changes with the most important first, then by time."""
    from bot.backtest import as_data
    from bot.conclusions import KINDS, LAXER

    rank = {kind: number for number, kind in enumerate(KINDS)}
    changed: list[Changed] = sorted(tested.changed, key=lambda each: (rank[each.kind], each.decision.id))
    counts = Counter(each.kind for each in changed)
    return {
        "policy": digest[:12],
        "since": since.isoformat(timespec="seconds"),
        "decisions": tested.count,
        "same": tested.count - len(changed) - len(tested.unreadable),
        "changed": len(changed),
        "laxer": sum(each.kind in LAXER for each in changed),
        "in_doubt": sum(bool(each.doubt) for each in changed),
        "gone": tested.gone,
        "counts": {kind: counts[kind] for kind in KINDS if counts[kind]},
        "changes": [as_data(each) for each in changed],
        "unreadable": [{"decision": number, "problem": problem} for number, problem in tested.unreadable],
    }


def show(console: Console, told: dict[str, Any], name: str) -> None:
    """The report for people: equal changes of one runbook step are one line."""
    title = f"{name} (policy {told['policy']}): {told['decisions']} decisions since {told['since'][:10]}, "
    console.print(Text(title + f"{told['same']} the same, {told['changed']} changed", style="bold"))
    if not told["decisions"]:
        console.print("Nothing was decided in that time, so this says nothing about the policy.")
    groups = list(_groups(told["changes"]))
    kind = ""
    for changes in groups[:MOST_LINES]:
        kind = _show_group(console, changes, kind, told["counts"])
    if len(groups) > MOST_LINES:
        console.print(f"\n… and {len(groups) - MOST_LINES} more kinds of change; --json tells all of them.")
    for each in told["unreadable"][:MOST_LINES]:
        console.print(Text(f"decision {each['decision']} cannot be read: {each['problem']}", style="red"))
    if told["gone"]:
        console.print(Text(f"\n{told['gone']} were about runbooks or operations that are gone.", style="dim"))


def _show_group(console: Console, changes: list[dict[str, Any]], above: str, counts: dict[str, int]) -> str:
    from bot.conclusions import LAXER

    first = changes[0]
    kind = str(first["change"])
    if kind != above:
        console.print(Text(f"\n{kind.upper()}: {counts[kind]}", style=STYLES[kind in LAXER]))
    place = f"{first['runbook']}, step {first['step']}, on {first['service']} in {first['environment']}"
    console.print(Text(f"{len(changes):>5} of {place}"))
    console.print(Text(f"        {words(first['before'])}  →  {words(first['after'])}"))
    why = first["after"]["why"] or first["before"]["why"]
    last = changes[-1]
    about = f"last {last['at'][:16].replace('T', ' ')} by {last['actor']}, {last['run'] or last['incident']}"
    console.print(Text("        " + "; ".join(part for part in (about, why) if part), style="dim"))
    if first["doubt"]:
        console.print(Text(f"        in doubt: {first['doubt']}", style="dim"))
    return kind


def _groups(changes: list[dict[str, Any]]) -> Iterable[list[dict[str, Any]]]:
    """Equal changes together, in the order of the kinds, the most frequent first."""
    found: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for each in changes:
        about = (each["runbook"], each["step"], each["service"], each["environment"])
        key = (each["change"], *about, words(each["before"]), words(each["after"]), each["doubt"])
        found.setdefault(key, []).append(each)
    order = list(dict.fromkeys(each["change"] for each in changes))
    return sorted(found.values(), key=lambda group: (order.index(group[0]["change"]), -len(group)))


def words(conclusion: dict[str, Any]) -> str:
    """A conclusion in a few words, as bot.conclusions.Conclusion has them."""
    from bot.conclusions import conclusion_of

    return conclusion_of(conclusion).words
