"""`runbookctl doctor`: what is missing or wrong, in plain words, before `serve` is tried. Changes nothing anywhere.

Each check is one function that returns findings; the network checks are skipped with `--offline`.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.options import ConfigOption, JsonOption
from bot.config_file import locate
from bot.errors import ConfigurationError, CountersignError

if TYPE_CHECKING:
    from bot.config import Configuration

SHOWN = 5
SLACK_API = "https://slack.com/api/"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report. verdict: `ok`, `warning` or `error`; fix is empty when ok."""

    name: str
    verdict: str
    message: str
    fix: str = ""


def needed_secrets(found: Configuration) -> list[Check]:
    """Secrets and addresses without which `serve` would be half-guarded or deaf."""
    mode = found.file.slack.mode
    needs = {
        "SLACK_BOT_TOKEN": "the bot cannot post. Fix: install the app from deploy/slack-manifest.yaml, copy the xoxb- token.",
        "PAGERDUTY_WEBHOOK_SECRETS": "webhooks cannot be verified. Fix: copy the secret PagerDuty showed when the webhook "
        "subscription was created; several are separated by commas.",
    }
    of_mode = {
        "socket": (
            "SLACK_APP_TOKEN",
            "Socket Mode cannot connect. Fix: create an app-level token with connections:write.",
        ),
        "http": ("SLACK_SIGNING_SECRET", "requests cannot be verified. Fix: copy it from the app's Basic Information."),
    }
    needs.update([of_mode[mode]])
    checks = [
        Check(name, "ok", "is set") if found.secret(name) else Check(name, "error", *why.split(" Fix: ", 1))
        for name, why in needs.items()
    ]
    optional = {
        "PAGERDUTY_API_TOKEN": "notes, status changes and the poller are off",
        "PAGERDUTY_ROUTING_KEY": "escalations cannot page",
    }
    checks += [
        Check(name, "ok", "is set")
        if found.secret(name)
        else Check(name, "warning", f"is not set: {why}", f"set {name} or {name}_FILE.")
        for name, why in optional.items()
    ]
    if found.secret("PAGERDUTY_API_TOKEN") and not found.address("PAGERDUTY_FROM"):
        fix = "set it to the e-mail address of a PagerDuty user made for the bot."
        checks.append(Check("PAGERDUTY_FROM", "error", "is not set, and notes need it", fix))
    jira = any(service.tickets.jira_project for service in found.catalogue.services)
    if jira and not (found.address("JIRA_URL") and found.address("JIRA_USER") and found.secret("JIRA_TOKEN")):
        message = "services.yaml names Jira projects, but Jira is not configured"
        checks.append(Check("JIRA_URL", "error", message, "set JIRA_URL, JIRA_USER and JIRA_TOKEN."))
    servicenow = any(service.tickets.servicenow for service in found.catalogue.services)
    configured = (
        found.address("SERVICENOW_URL") and found.address("SERVICENOW_USER") and found.secret("SERVICENOW_PASSWORD")
    )
    if servicenow and not configured:
        message = "services.yaml asks for ServiceNow incidents, but ServiceNow is not configured"
        fix = "set SERVICENOW_URL, SERVICENOW_USER and SERVICENOW_PASSWORD."
        checks.append(Check("SERVICENOW_URL", "error", message, fix))
    return checks


def rules(found: Configuration) -> list[Check]:
    """Policy, people and runbooks fit together."""
    from bot.roster import ADAPTERS, FACT_NAMES, OPERATIONS
    from guards.policy import Policy, PolicyError
    from runbooks.lint import Known, lint_one, look_at
    from runbooks.load import BUILTIN, load_catalog

    checks: list[Check] = []
    try:
        policy = Policy.from_mapping(found.policy)
    except PolicyError as error:
        return [Check("policy", "error", f"{error.place}: {error.message}", error.fix)]
    for service in found.catalogue.services:
        if service.environment not in policy.environments:
            message = f"{service.name} runs in {service.environment}, which the policy's matrix does not know"
            checks.append(Check("policy", "error", message, "add the environment to the matrix in policy.yaml."))
    for rule in policy.approvals:
        for group in (*rule.approvers.any_of, *rule.approvers.all_of):
            if found.people.groups.get(group, ()) == ():
                message = f"approvers of {rule.environment} name the group {group}, which is empty or unknown: nobody can approve"
                checks.append(
                    Check("people", "error", message, f"add {group} with members to `groups` in people.yaml.")
                )
    folders = [found.path.parent / folder for folder in found.file.runbooks]
    catalogue = load_catalog([*([BUILTIN] if found.file.builtin_runbooks else []), *folders])
    checks += [Check("runbooks", "error", f"{p.file}:{p.line}: {p.message}", p.fix) for p in catalogue.problems]
    shipped = Known(OPERATIONS, FACT_NAMES, adapters=ADAPTERS)
    yours = replace(shipped, policy=policy)  # only those can be fitted to your policy
    for runbook in catalogue.runbooks.values():
        known = shipped if Path(runbook.source).is_relative_to(BUILTIN) else yours
        checks += [
            Check("runbooks", "error", f"{runbook.id}: {f.message}", f.fix)
            for f in lint_one(look_at(runbook, known))
            if f.severity == "error"
        ]
    if not checks:
        checks.append(Check("rules", "ok", f"policy, people and {len(catalogue.runbooks)} runbooks fit together"))
    return checks


def promotions(found: Configuration) -> list[Check]:
    """The ladder makes sense, every record can be read, and what is meant for an environment is promoted there."""
    from bot.app import make_policy
    from bot.policy_inputs import make_promotions
    from runbooks.digest import digest
    from runbooks.load import BUILTIN, load_catalog
    from runbooks.promotion import scopes

    try:
        policy = make_policy(found)
    except ConfigurationError:
        return []  # `rules` tells it
    try:
        records = make_promotions(found, policy)
    except ConfigurationError as error:
        return [Check("promotion", "error", f"{error.place}: {error.message}", error.fix)]
    checks = [Check("promotion", "error", f"{p.file}:{p.line}: {p.message}", p.fix) for p in records.problems]
    folders = [found.path.parent / folder for folder in found.file.runbooks]
    runbooks = load_catalog([*([BUILTIN] if found.file.builtin_runbooks else []), *folders]).runbooks.values()
    promoted = 0
    for place in sorted({service.environment for service in found.catalogue.services}):
        meant = [runbook for runbook in runbooks if place in scopes(runbook)]
        if not meant or not records.ladder.needs_record(place):
            continue
        missing = [runbook.id for runbook in meant if records.record(runbook.id, digest(runbook), place) is None]
        promoted += len(meant) - len(missing)
        if missing:
            told = ", ".join(missing[:SHOWN]) + (f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else "")
            message = (
                f"{len(missing)} of {len(meant)} runbooks for {place} are not promoted there and are refused: {told}"
            )
            fix = f"runbookctl promote --action {missing[0]} --env {place} --evidence-url URL says what is missing."
            checks.append(Check("promotion", "warning", message, fix))
    return checks or [Check("promotion", "ok", f"{promoted} promotions are in force, and none is missing")]


def state(found: Configuration) -> list[Check]:
    """The state folder can be written and has room."""
    folder = found.state_dir
    existing = folder if folder.exists() else folder.parent
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        return [Check("state_dir", "error", f"{folder} cannot be written", "correct its owner or choose another.")]
    free = shutil.disk_usage(existing).free // (1 << 20)
    if free < 500:
        return [Check("state_dir", "warning", f"only {free} MiB free at {folder}", "make room: no room, no act.")]
    return [Check("state_dir", "ok", f"{folder}, {free} MiB free")]


async def _reach(name: str, ask: Callable[[], Awaitable[str]], fix: str) -> Check:
    try:
        return Check(name, "ok", await asyncio.wait_for(ask(), 10))
    except TimeoutError:
        return Check(name, "error", "no answer within ten seconds", fix)
    except (CountersignError, OSError) as error:
        return Check(name, "error", str(error), fix)


async def network(found: Configuration) -> list[Check]:
    """Slack and PagerDuty accept the tokens."""
    from bot.clients.pagerduty import PagerDutyClient
    from bot.clients.slack import SlackClient

    checks: list[Check] = []
    if found.secret("SLACK_BOT_TOKEN"):
        slack = SlackClient(found.secret("SLACK_BOT_TOKEN"), found.address("SLACK_API_URL", SLACK_API))

        async def ask_slack() -> str:
            answer = await slack.identity()
            team = answer.team
            if team != found.file.slack.team:
                place, fix = "countersign.yaml: slack.team", f"write {team}, or use the token of the other workspace."
                raise ConfigurationError(f"the token belongs to workspace {team}.", place=place, fix=fix)
            return f"token accepted for workspace {team}"

        checks.append(await _reach("Slack", ask_slack, "check SLACK_BOT_TOKEN and that the app is installed."))
        await slack.close()
    if found.secret("PAGERDUTY_API_TOKEN"):
        pagerduty = PagerDutyClient(
            api_token=found.secret("PAGERDUTY_API_TOKEN"),
            from_email=found.address("PAGERDUTY_FROM"),
            api_url=found.address("PAGERDUTY_API_URL", "https://api.pagerduty.com"),
            events_url=found.address("PAGERDUTY_EVENTS_URL", "https://events.pagerduty.com"),
            routing_key=found.secret("PAGERDUTY_ROUTING_KEY"),
        )

        async def ask_pagerduty() -> str:
            return f"token accepted, {len(await pagerduty.open_incidents())} open incidents"

        checks.append(await _reach("PagerDuty", ask_pagerduty, "check PAGERDUTY_API_TOKEN and PAGERDUTY_API_URL."))
        await pagerduty.close()
    return checks


def examine(given: str | None, *, offline: bool) -> list[Check]:
    """Every check; a configuration that cannot be loaded is one error and the end."""
    from bot.config import load

    try:
        found = load(locate(os.environ, given), os.environ)
    except ConfigurationError as error:
        return [Check(error.place, "error", error.message, error.fix)]
    checks = [Check("configuration", "ok", f"{found.path.name}, services, policy and people can be read")]
    checks += needed_secrets(found) + rules(found) + promotions(found) + state(found)
    if not offline:
        checks += asyncio.run(network(found))
    return checks


def doctor(
    config: ConfigOption = None,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask Slack and PagerDuty.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what is missing or wrong, and how to mend it. Exit 2 when `serve` would not start or not work."""
    checks = examine(config, offline=offline)
    errors = sum(check.verdict == "error" for check in checks)
    if as_json:
        typer.echo(json.dumps({"errors": errors, "checks": [asdict(check) for check in checks]}, indent=1))
    else:
        marks = {"ok": "ok     ", "warning": "warning", "error": "ERROR  "}
        for check in checks:
            typer.echo(f"{marks[check.verdict]}  {check.name}: {check.message}")
            if check.fix:
                typer.echo(f"         fix: {check.fix}")
        typer.echo("Ready: `runbookctl serve`." if not errors else f"{errors} to mend before `runbookctl serve`.")
    raise typer.Exit(2 if errors else 0)
