"""`runbookctl freeze`: what holds now, what comes within eight days, and what cannot be read. Changes nothing anywhere.

The same code as `serve` works it out, so a mistake in policy.yaml or a calendar shows here first (mission G4, case T56).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.options import ConfigOption, JsonOption, configuration
from bot.errors import ConfigurationError

if TYPE_CHECKING:
    from bot.calendars import Calendars
    from bot.config import Configuration

MOST_LINES = 200
KINDS = ("freeze", "maintenance", "change_window")


async def read(found: Configuration) -> Calendars:
    """The calendars of the configured policy, read once. Raises ConfigurationError for a policy that is not taken."""
    import aiohttp

    from bot.calendars import allow_list, make_calendars
    from bot.clients.http import HttpClient
    from bot.clients.servicenow import ServiceNowClient
    from bot.policy_inputs import LARGEST_CALENDAR
    from guards.policy import Policy, PolicyError

    try:
        policy = Policy.from_mapping(found.policy)
    except PolicyError as error:
        place = f"{found.file.policy}: {error.place}"
        raise ConfigurationError(error.message, place=place, fix=error.fix) from error
    async with (
        aiohttp.ClientSession() as session,
        HttpClient(allow_list(policy.calendars, found.file.http_hosts), keep=LARGEST_CALENDAR) as http,
    ):
        address = found.address("SERVICENOW_URL")
        user, password = found.address("SERVICENOW_USER"), found.secret("SERVICENOW_PASSWORD")
        calendars = make_calendars(
            policy,
            folder=(found.path.parent / found.file.policy).parent,
            http=http,
            servicenow=ServiceNowClient(session, address, user, password) if address else None,
            services={service.name for service in found.catalogue.services},
            clock=lambda: datetime.now(UTC),
        )
        await calendars.refresh()
        return calendars


def report(calendars: Calendars, now: datetime, environment: str, service: str) -> dict[str, Any]:
    """Everything the command says, as JSON values; times are ISO 8601 in UTC."""
    return {
        "now": now.isoformat(timespec="seconds"),
        "periods": [
            {
                "kind": period.kind,
                "name": period.name,
                "environments": list(period.environments),
                "services": list(period.services),
                "start": period.start.isoformat(),
                "end": period.end.isoformat(),
                "now": period.start <= now < period.end,
            }
            for period in calendars.upcoming(now, environment, service, MOST_LINES, KINDS)
        ],
        "calendars": [
            {
                "name": state.name,
                "read_at": state.read_at.isoformat(timespec="seconds") if state.read_at else None,
                "problem": state.problem,
                "note": state.note,
            }
            for state in calendars.states(now)
        ],
        "problems": [{"environment": where, "problem": what} for where, what in calendars.problems(now)],
    }


def lines(told: dict[str, Any]) -> Iterable[str]:
    """The report for people."""
    for period in told["periods"]:
        start, end = (f"{datetime.fromisoformat(period[edge]):%Y-%m-%d %H:%M}" for edge in ("start", "end"))
        where = ", ".join(period["environments"])
        what = ", ".join(period["services"]) or "every service"
        yield f"{'NOW  ' if period['now'] else 'comes'}  {start} to {end} UTC  {period['kind']:<13}  {period['name']}: {where}, {what}"
    if not told["periods"]:
        yield "Nothing holds now, and nothing begins within eight days."
    for state in told["calendars"]:
        if not state["problem"]:
            yield f"read   calendar {state['name']}" + (
                f", but the last time: {state['note']}" if state["note"] else ""
            )
    for each in told["problems"]:
        yield f"ERROR  {each['environment']} counts as frozen: {each['problem']}"


def freeze(
    config: ConfigOption = None,
    environment: Annotated[str, typer.Option("--environment", help="Only this environment.")] = "",
    service: Annotated[str, typer.Option("--service", help="Only what concerns this service.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Freezes, maintenance and change windows: now and to come. Exit 1 when one of them cannot be read."""
    calendars = asyncio.run(read(configuration(config)))
    told = report(calendars, datetime.now(UTC), environment, service)
    typer.echo(json.dumps(told, indent=1) if as_json else "\n".join(lines(told)))
    raise typer.Exit(1 if told["problems"] else 0)
