"""The installation that something is simulated in: the configured one, or the example where there is no configuration.

Used by bot/cli/simulate.py and bot/cli/match.py. Reads the files and nothing else: no secret, no address, no database. What
is wrong is told as usage or configuration, with a fix.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from bot.cli.options import is_configured
from bot.errors import ConfigurationError

if TYPE_CHECKING:
    from bot.services import Catalogue, People, Person, Service
    from bot.simulation.alert import Delivery
    from guards.policy import Policy
    from runbooks.load import Library
    from runbooks.promotion_records import PromotionRecords

Facts = Mapping[str, Mapping[str, Any]]
CRITICAL = "critical"
LONGEST_TITLE, LONGEST_NAME = 1000, 64


@dataclass(frozen=True, slots=True)
class Installation:
    """Where something is simulated. name: for people. imports: how many calendars it imports, which are not read here."""

    name: str
    catalogue: Catalogue
    people: People
    policy: Policy
    library: Library
    team: str
    promotions: PromotionRecords | None = None
    imports: int = 0

    @property
    def is_example(self) -> bool:
        """Whether it is the example, of which nothing is promoted and nothing changes with time."""
        return self.promotions is None


def installation(config: str | None, runbooks: list[Path] | None, environment: str, given: Facts) -> Installation:
    """The configured installation, and the example where there is no configuration."""
    from bot.config import load
    from bot.config_file import locate
    from bot.simulation import examples
    from runbooks.load import BUILTIN, Library

    own = _library(runbooks) if runbooks else None
    if not is_configured(config):
        library = own or Library([BUILTIN])
        try:
            place = examples.service(
                library.runbooks.values(), environment=environment or examples.ENVIRONMENT, facts=given
            )
        except ValueError as error:
            raise typer.BadParameter(
                "an environment is a short name such as staging", param_hint="--environment"
            ) from error
        return Installation(
            "the example installation",
            examples.catalogue(place),
            examples.people(),
            examples.policy(),
            library,
            examples.TEAM,
        )
    from bot.app import make_policy
    from bot.library import make_library
    from bot.policy_inputs import make_promotions

    found = load(locate(os.environ, config), {})  # an empty environment: secrets are not read
    policy = make_policy(found)
    return Installation(
        str(found.path.name),
        found.catalogue,
        found.people,
        policy,
        own or make_library(found, policy),
        found.file.slack.team,
        make_promotions(found, policy),
        len(policy.calendars),
    )


def _library(paths: list[Path]) -> Library:
    from bot.simulation.reading import sound_runbooks
    from bot.simulation.still import Given
    from runbooks.shelf import load_shelf

    found = sound_runbooks(paths)
    return Given({one.id: one for one in found}, load_shelf(paths))


def typed(title: str, severity: str, alert_name: str = "") -> Delivery:
    """The alert that a person wrote on the command line. Raises typer.BadParameter for what is no alert."""
    from bot.incident import Severity
    from bot.simulation.alert import PlainAlert, plain_delivery

    words = [one.value for one in Severity]
    if severity not in words:
        raise typer.BadParameter(f"write one of {', '.join(words)}", param_hint="--severity")
    if not title.strip() or len(title) > LONGEST_TITLE:
        raise typer.BadParameter(f"write 1 to {LONGEST_TITLE} characters", param_hint="--symptom")
    if len(alert_name) > LONGEST_NAME:
        raise typer.BadParameter(f"write at most {LONGEST_NAME} characters", param_hint="--alert-name")
    return plain_delivery(PlainAlert(title=title.strip(), severity=Severity(severity), alert_name=alert_name))


def place_of(found: Installation, delivery: Delivery, name: str, environment: str) -> tuple[Service | None, Catalogue]:
    """The service that the alert is about, and the catalogue in which the alert's own id says so."""
    from bot.incident import ServiceReference
    from bot.simulation.alert import SOURCE, about, reference_of

    reference = reference_of(delivery)
    if not name:
        if delivery.plain:
            raise typer.BadParameter(f"say which service it is about: {_names(found)}", param_hint="--service")
        return found.catalogue.by_reference(SOURCE, ServiceReference(id=reference), {}), found.catalogue
    service = found.catalogue.named(name, environment or None)
    if service is None:
        several = [one.environment for one in found.catalogue.by_name.get(name, ())]
        if several and not environment:
            raise typer.BadParameter(f"{name} is in {', '.join(several)}: say which", param_hint="--environment")
        place = f" in {environment}" if environment else ""
        raise typer.BadParameter(f"{found.name} has no {name}{place}; it has {_names(found)}", param_hint="--service")
    if not reference:
        why = "names no service, so --service cannot say what it means."
        raise ConfigurationError(why, place="--alert: event.data.service.id", fix="write the id that PagerDuty sends.")
    return service, about(found.catalogue, service, reference)


def _names(found: Installation) -> str:
    names = [f"{one.name} ({one.environment})" for one in found.catalogue.services]
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def check_facts(found: Installation, service: Service | None, given: Facts) -> None:
    """A fact that services.yaml does not observe would never be there: then it must not decide anything here."""
    known = service.facts if service is not None else {}
    for name in given:
        if name not in known:
            names = ", ".join(known) or "none"
            where = f"{service.name} in {service.environment}" if service else "a service the catalogue does not know"
            raise ConfigurationError(
                f"{found.name} does not say how {name} is observed for {where}.",
                place="--fact",
                fix=f"give one of {names}, or add {name} under `facts` in services.yaml.",
            )


def person_of(found: Installation, name: str) -> Person | None:
    """Who asks: that person, or the first who has a role that may; None when nobody has one. Raises typer.BadParameter."""
    people = found.people
    if not name:
        return next((one for one in people.people if set(one.roles) & set(found.policy.requesters)), None)
    some = people.called(name)
    if len(some) != 1:
        known = ", ".join(one.id for one in people.people[:10])
        raise typer.BadParameter(
            f"{name} is {'nobody' if not some else 'not one person'} in people.yaml; there are {known}",
            param_hint="--as",
        )
    return some[0]
