"""`runbookctl match`: which runbooks fit an alert, how well and why, and why the others do not (mission R6).

The bot's own matcher with the facts that are given; nothing is observed and nothing is touched. Exit 0 when a runbook would
be offered, or would be if its facts say so; 1 when none; 2 for usage or configuration.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.cli.installation import CRITICAL, Installation, check_facts, installation, place_of, typed
from bot.cli.options import (
    AlertOption,
    ConfigOption,
    EnvironmentOption,
    FactOption,
    FactsOption,
    JsonOption,
    RunbooksOption,
    ServiceOption,
    SeverityOption,
    SymptomOption,
)
from bot.errors import ConfigurationError

if TYPE_CHECKING:
    from bot.simulation.alert import Delivery
    from runbooks.match import Ranked
    from runbooks.shelf import Reading
    from runbooks.situation import Situation

Facts = Mapping[str, Mapping[str, Any]]
VERDICTS = {
    "offered": ("WOULD BE OFFERED", "bold green"),
    "needs_facts": ("FITS, BUT A FACT DECIDES", "bold yellow"),
    "suggested": ("ONLY A SUGGESTION", "bold yellow"),
    "blocked": ("FITS, BUT NOT HERE AND NOW", "bold red"),
    "no_match": ("NOTHING SPEAKS FOR", "dim"),
}
MOST = 30  # of those that nothing speaks for; `--all` and `--json` show every one
MOST_GIVEN = 200  # labels or log lines on the command line
UNNAMED = "(no title)"


def match(
    service: ServiceOption = "",
    symptom: SymptomOption = "",
    alert: AlertOption = None,
    alert_name: Annotated[str, typer.Option(help="Name of the alert, such as ServiceDown.")] = "",
    label: Annotated[list[str] | None, typer.Option(help="A label: app=shop; several times.")] = None,
    log_line: Annotated[list[str] | None, typer.Option(help="A line of its log; several times.")] = None,
    severity: SeverityOption = CRITICAL,
    environment: EnvironmentOption = "",
    fact: FactOption = None,
    facts: FactsOption = None,
    runbooks: RunbooksOption = None,
    every: Annotated[bool, typer.Option("--all", help="Name every runbook that nothing speaks for.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which runbooks fit an alert and why, and why the others do not; touch nothing."""
    from bot.simulation.given import given_facts
    from runbooks.match import explain

    labels, lines = _labels(label or []), tuple(log_line or ())
    if alert is not None and (symptom or alert_name):
        raise typer.BadParameter("the file says title and name; give one or the other", param_hint="--alert")
    if alert is None and not (symptom or alert_name or labels or lines):
        raise typer.BadParameter("give --symptom, --alert, --alert-name, --label or --log-line", param_hint="--symptom")
    given = given_facts(facts, fact or [])
    found = installation(config, runbooks, environment, given)
    delivery = _delivery(alert, symptom, alert_name, severity)
    situation = _situation(found, delivery, given, service, environment, labels, lines)
    ranked = explain(found.library.runbooks, situation, given, found.library.index)
    readings = found.library.shelf.read_also((situation.title, situation.alert, *situation.details.values(), *lines))
    if as_json:
        pages = [{"id": r.entry.id, "title": r.entry.title, "words": list(r.words)} for r in readings]
        told = _told(found, situation, given, ranked) | {"read_also": pages}
        typer.echo(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        _show(Console(highlight=False), found, situation, given, ranked, every=every)
        _show_pages(Console(highlight=False), readings)
    raise typer.Exit(0 if {"offered", "needs_facts"} & {verdict_of(one) for one in ranked} else 1)


def verdict_of(one: Ranked) -> str:
    """Which part of the answer a runbook belongs to."""
    from runbooks.match import THRESHOLD

    if one.obstacle == "nothing" or (one.blocked and one.score == 0):
        return "no_match"
    if one.obstacle == "unproven" and one.score >= THRESHOLD:
        return "needs_facts"
    if one.blocked:
        return "blocked"
    return "offered" if one.score >= THRESHOLD else "suggested"


def _delivery(alert: Path | None, symptom: str, alert_name: str, severity: str) -> Delivery:
    from bot.simulation.alert import delivery_from

    return delivery_from(alert) if alert is not None else typed(symptom or alert_name or UNNAMED, severity, alert_name)


def _situation(
    found: Installation,
    delivery: Delivery,
    given: Facts,
    name: str,
    environment: str,
    labels: dict[str, str],
    lines: tuple[str, ...],
) -> Situation:
    """What the matcher sees; service and environment come from the catalogue, never from the alert's text."""
    from bot.simulation.alert import GivenAlerts
    from bot.simulation.still import AT
    from runbooks.situation import Situation

    service = place_of(found, delivery, name, environment)[0] if name or not delivery.plain else None
    if name:
        check_facts(found, service, given)
    signal = GivenAlerts().read({}, delivery.body, delivery.at or AT)
    if signal is None:
        raise ConfigurationError("opens no incident.", place="--alert", fix="give an `incident.triggered` event.")
    return Situation(
        title="" if signal.title == UNNAMED else signal.title,
        severity=signal.severity.value,
        service=service.name if service else "",
        environment=service.environment if service else "",
        alert=signal.alert_name,
        labels=signal.labels | labels,
        details=signal.details,
        log_lines=lines,
    )


def _labels(texts: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts[:MOST_GIVEN]:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise typer.BadParameter(f"{text[:60]!r} is not a label; write app=shop", param_hint="--label")
        found[key.strip()] = value
    return found


def _told(found: Installation, situation: Situation, given: Facts, ranked: Sequence[Ranked]) -> dict[str, Any]:
    return {
        "installation": found.name,
        "situation": situation.variables() | {"log_lines": list(situation.log_lines)},
        "facts": given,
        "runbooks": [
            {
                "id": one.runbook.id,
                "title": one.runbook.title,
                "verdict": verdict_of(one),
                "score": one.score,
                "reasons": list(one.reasons),
                "blocked": one.blocked,
                "obstacle": one.obstacle,
            }
            for one in ranked
        ],
    }


def _show(
    console: Console,
    found: Installation,
    situation: Situation,
    given: Facts,
    ranked: Sequence[Ranked],
    *,
    every: bool,
) -> None:
    where = f"{situation.service} in {situation.environment}" if situation.service else "no service of the catalogue"
    console.print(Text(f"{_plain(situation.title or situation.alert or 'an alert')} ({situation.severity})", "bold"))
    more = f", {len(lines)} log line{'s' if len(lines) > 1 else ''}" if (lines := situation.log_lines) else ""
    facts = ", ".join(given) or "none given"
    count = f"{len(ranked)} runbook{'' if len(ranked) == 1 else 's'}"
    console.print(Text(f"{where}{more}; facts: {facts}; {count} of {found.name}", "dim"))
    for verdict, (title, style) in VERDICTS.items():
        these = [one for one in ranked if verdict_of(one) == verdict]
        if not these:
            continue
        console.print(Text(f"\n{title} ({len(these)})", style))
        shown = these if every or verdict != "no_match" else these[:MOST]
        console.print(_brief(shown) if verdict == "no_match" else _full(shown, given))
        if len(shown) < len(these):
            console.print(Text(f"  … and {len(these) - len(shown)} more; --all names them", "dim"))


def _show_pages(console: Console, readings: Sequence[Reading]) -> None:
    if not readings:
        return
    console.print(Text(f"\nREAD ALSO ({len(readings)})", "bold"))
    table = Table.grid(padding=(0, 2, 0, 0))
    for reading in readings:
        about = f"{reading.entry.kind}, it has the words {', '.join(reading.words)}"
        table.add_row(f"  {reading.entry.id}.md", Text(_plain(f"{reading.entry.title} ({about})")))
    console.print(table)


def _full(ranked: Sequence[Ranked], given: Facts) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True, min_width=6)
    table.add_column(overflow="fold")
    for one in ranked:
        table.add_row(f"{one.score:.0%}", Text.assemble((one.runbook.id, "bold"), f"  {one.runbook.title}"))
        for reason in one.reasons:
            table.add_row("+", Text(_plain(reason)))
        if one.blocked:
            table.add_row("−", Text(_plain(one.blocked), "red"))  # noqa: RUF001  # a minus sign, to match the plus
        if one.obstacle == "unproven":
            from runbooks.evidence import asked_for

            missing = [path for path in asked_for(one.runbook.match.when) if not _known(path, given)]
            hint = " ".join(f"--fact {path}=…" for path in missing)
            table.add_row("→", Text(f"say what is observed: {hint}" if hint else "give the facts it asks for", "bold"))
    return table


def _brief(ranked: Sequence[Ranked]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, min_width=6)
    table.add_column(overflow="fold")
    for one in ranked:
        table.add_row(Text(f"  {one.runbook.id}"), Text(_plain(one.blocked.removeprefix("nothing fits: ")), "dim"))
    return table


def _known(path: str, given: Facts) -> bool:
    value: Any = given
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return False
        value = value[name]
    return True


def _plain(text: str) -> str:
    """Text from outside on one line, without what a terminal would obey (C4)."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
