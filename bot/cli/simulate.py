"""`runbookctl simulate`: what the bot would make of an alert, up to the question it asks; nothing is touched (docs/simulate.md).

Exit 0 when it was simulated, whatever came out; 1 when it is not what `--expect` says; 2 for usage or configuration.
"""

from __future__ import annotations

import asyncio
import difflib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.files import replace
from bot.cli.installation import CRITICAL, Installation, check_facts, installation, person_of, place_of, typed
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
    from bot.services import Catalogue, Person
    from bot.simulation.alert import Delivery
    from bot.simulation.rehearsal import Rehearsal
    from bot.stages.base import Equipment

Facts = Mapping[str, Mapping[str, Any]]
FIX = "name a file in a folder that exists and that you may write to."


def simulate(
    service: ServiceOption = "",
    symptom: SymptomOption = "",
    alert: AlertOption = None,
    severity: SeverityOption = CRITICAL,
    environment: EnvironmentOption = "",
    fact: FactOption = None,
    facts: FactsOption = None,
    runbook: Annotated[
        str, typer.Option(help="Ask for this runbook by name, not for what is offered.", metavar="ID")
    ] = "",
    as_: Annotated[str, typer.Option("--as", help="Who asks; else the first who may.", metavar="PERSON")] = "",
    now: Annotated[str, typer.Option(help="When, such as 2026-11-18T10:00:00Z, or `now`.", metavar="TIME")] = "",
    runbooks: RunbooksOption = None,
    config: ConfigOption = None,
    html: Annotated[Path | None, typer.Option(help="Write a picture of the cards.", metavar="FILE")] = None,
    expect: Annotated[Path | None, typer.Option(help="Compare with this golden text.", metavar="FILE")] = None,
    write: Annotated[bool, typer.Option("--write", help="With --expect: write the golden text anew.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the cards, the plan, what every guard says, who is asked and what would be written; touch nothing."""
    if bool(symptom) == bool(alert):
        raise typer.BadParameter("give --symptom or --alert", param_hint="--symptom")
    if write and expect is None:
        raise typer.BadParameter("name the file with --expect", param_hint="--write")
    from bot.simulation.alert import delivery_from
    from bot.simulation.given import given_facts

    delivery = delivery_from(alert) if alert is not None else typed(symptom, severity)
    given = given_facts(facts, fact or [])
    found = installation(config, runbooks, environment, given)
    about, catalogue = place_of(found, delivery, service, environment)
    check_facts(found, about, given)
    asker = person_of(found, as_)
    if expect is not None and not now and not found.is_example and delivery.at is None:
        raise typer.BadParameter("say a moment, so that it is the same tomorrow", param_hint="--now")
    at = _moment(now, delivery, fixed=found.is_example)
    text, data, picture = asyncio.run(_rehearsed(found, catalogue, delivery, given, asker, runbook, at))
    if html is not None:
        replace(html, picture, fix=FIX)
    if expect is not None:
        _compare(expect, text, write=write)
    elif as_json:
        typer.echo(json.dumps(data, indent=1, ensure_ascii=False))
    else:
        typer.echo(text, nl=False)


def _moment(text: str, delivery: Delivery, *, fixed: bool) -> datetime:
    """When it happens. fixed: without a time of its own always the same, as in the example; else this moment."""
    from bot.simulation.alert import sensible
    from bot.simulation.still import AT

    if not text and (delivery.at is not None or fixed):
        return delivery.at or AT
    if text in ("", "now"):
        return datetime.now(UTC)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or not sensible(at):
        raise typer.BadParameter("write a time with its zone, such as 2026-11-18T10:00:00Z", param_hint="--now")
    return at.astimezone(UTC)


async def _rehearsed(
    found: Installation,
    catalogue: Catalogue,
    delivery: Delivery,
    given: Facts,
    asker: Person | None,
    runbook: str,
    at: datetime,
) -> tuple[str, dict[str, Any], str]:
    """The text, the same as JSON values, and the picture."""
    from bot.simulation.alert import SOURCE, GivenAlerts
    from bot.simulation.picture import picture
    from bot.simulation.rehearsal import rehearse
    from bot.simulation.still import still
    from bot.simulation.told import told
    from bot.simulation.values import values

    async with still(
        catalogue=catalogue,
        people=found.people,
        policy=found.policy,
        library=found.library,
        facts=given,
        sources={SOURCE: GivenAlerts()},
        team=found.team,
        promotions=found.promotions,
        now=at,
    ) as here:
        rehearsal = await rehearse(here, delivery, asker=asker, runbook=runbook)
        about = _about(rehearsal, at)
        notes = _notes(found, rehearsal, here.equipment, given)
        text = told(here.equipment, rehearsal, about=about, notes=notes)
        report = told(here.equipment, rehearsal, about=about, notes=notes, cards=False)
        return text, values(here.equipment, rehearsal), picture(here.equipment, rehearsal, about, report)


def _about(rehearsal: Rehearsal, at: datetime) -> str:
    incident = rehearsal.incident
    where = f"{incident.service or 'an unknown service'} in {incident.environment or 'an unknown environment'}"
    return f"Simulated: an alert about {where} at {at:%Y-%m-%d %H:%M:%S}Z. Nothing was touched."


def _notes(found: Installation, rehearsal: Rehearsal, equipment: Equipment, given: Facts) -> list[str]:
    """What a reader must know to trust what follows."""
    service = equipment.service_of(rehearsal.incident)
    missing = [name for name in (service.facts if service is not None else {}) if name not in given]
    notes = [f"Catalogue, policy and people: {found.name}."]
    if missing:
        notes.append(f"Facts that were not given and so are gaps: {', '.join(missing)}.")
    if found.imports:
        notes.append(
            f"Imported calendars ({found.imports}) were not read: a freeze that only they know is not seen here."
        )
    return notes


def _compare(path: Path, text: str, *, write: bool) -> None:
    """Exit 1 with the difference when the golden text says otherwise."""
    if write:
        replace(path, text, fix=FIX)
        typer.echo(f"{path}: written, {len(text.splitlines())} lines")
        return
    try:
        golden = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = f"cannot be read ({getattr(error, 'strerror', None) or 'it is not UTF-8 text'})."
        raise ConfigurationError(why, place=str(path), fix="make it with --write.") from error
    if golden == text:
        typer.echo(f"{path}: as expected")
        return
    for line in difflib.unified_diff(golden.splitlines(), text.splitlines(), str(path), "simulated now", lineterm=""):
        typer.echo(line)
    typer.echo(
        f"{path}: it is no longer as expected. When it should be like this, run the same with --write.", err=True
    )
    raise typer.Exit(1)
