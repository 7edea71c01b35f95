"""The alert of a simulation: a PagerDuty v3 delivery as it comes over the wire, or a plain one as people write it.

Called by bot/cli/simulate.py. What is made here is the body of a delivery; the bot's own ingest reads it, with the real
PagerDuty source where it is one. Must not send or receive anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, ValidationError

from bot.errors import ConfigurationError
from bot.incident import Frozen, IncidentStatus, ServiceReference, Severity, Signal, SignalKind
from bot.services import Catalogue, Service
from bot.simulation.still import AT
from bot.sources.base import Unreadable
from bot.sources.pagerduty import PagerDutySource
from bot.sources.signature import key_of, parse, part

SOURCE = "pagerduty"
PLAIN_SERVICE_ID = "SIMULATED"
KEY = "simulated-event"
YEARS = (2000, 2100)
LARGEST = 512 * 1024  # bytes, as of a delivery (bot/ingress.py)
EXAMPLE = '{"title": "elevated 5xx", "severity": "critical"}'


class PlainAlert(Frozen):
    """An alert as people write it. Everything in it is text of the alert: it never names a service or an environment."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    title: str = Field(min_length=1, max_length=1000)
    severity: Severity = Severity.ERROR
    alert_name: str = Field(default="", max_length=64)
    labels: dict[str, str] = Field(default_factory=dict, max_length=50)
    details: dict[str, str | int | float | bool] = Field(default_factory=dict, max_length=50)


@dataclass(frozen=True, slots=True)
class Delivery:
    """body: the raw bytes. plain: whether it is a PlainAlert. at: when it happened by its own word, None when it says nothing."""

    body: bytes
    plain: bool
    at: datetime | None = None


class GivenAlerts:
    """The `pagerduty` source of a simulation: deliveries are read by the real one, plain alerts here."""

    name = SOURCE

    def __init__(self, stale_after: float = 600.0) -> None:
        self._real = PagerDutySource((), stale_after)

    def verified(self, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
        """Never: nothing comes in from outside."""
        return False

    def key(self, headers: Mapping[str, str], body: bytes) -> str:
        """The sender's id of the event. Raises Unreadable."""
        data = parse(body)
        return key_of(part(data, "event").get("id")) if "event" in data else KEY

    def read(self, headers: Mapping[str, str], body: bytes, received_at: datetime) -> Signal | None:
        """As the real source reads it; a plain alert becomes the signal that its fields say. Raises Unreadable."""
        data = parse(body)
        if "event" in data:
            return self._real.read(headers, body, received_at)
        alert = PlainAlert.model_validate(data)
        return Signal(
            source=SOURCE,
            key=KEY,
            kind=SignalKind.ALERT,
            occurred_at=received_at,
            external_id="SIMULATED1",
            title=alert.title,
            severity=alert.severity,
            status=IncidentStatus.TRIGGERED,
            service=ServiceReference(id=PLAIN_SERVICE_ID),
            alert_name=alert.alert_name,
            labels=alert.labels,
            details={name: str(value) for name, value in alert.details.items()},
        )


def plain_delivery(alert: PlainAlert) -> Delivery:
    """The delivery of an alert that was given on the command line."""
    return Delivery(alert.model_dump_json().encode(), plain=True)


def delivery_from(path: Path) -> Delivery:
    """The delivery in a file. Raises ConfigurationError with the key that is wrong and what to write."""
    fix = f"write a PagerDuty v3 delivery, or a plain alert such as {EXAMPLE}."
    try:
        with path.open("rb") as file:
            body = file.read(LARGEST + 1)
    except OSError as error:
        why = f"cannot be read ({error.strerror})."
        raise ConfigurationError(why, place=str(path), fix="name a file that can be read.") from error
    if len(body) > LARGEST:
        raise ConfigurationError(f"is larger than {LARGEST // 1024} KiB.", place=str(path), fix=fix)
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"is not JSON ({str(error)[:100]}).", place=str(path), fix=fix) from error
    if not isinstance(data, dict):
        raise ConfigurationError("is not a JSON object.", place=str(path), fix=fix)
    return _read(data, body, path, fix) if "event" in data else plain_delivery(_plain(data, path, fix))


def _plain(data: Mapping[str, Any], path: Path, fix: str) -> PlainAlert:
    try:
        return PlainAlert.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(one) for one in first["loc"]) or "(top level)"
        raise ConfigurationError(f"{first['msg']}.", place=f"{path}: {key}", fix=fix) from error


def _read(data: Mapping[str, Any], body: bytes, path: Path, fix: str) -> Delivery:
    """Look whether the bot would make an incident of it, before everything else is set up."""
    said = part(data, "event").get("occurred_at")
    try:
        at = datetime.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        at = None
    at = at if at is not None and sensible(at) else None
    try:
        signal = GivenAlerts().read({}, body, at or AT)
    except Unreadable as error:
        raise ConfigurationError(f"the bot would put it into quarantine: {error}.", place=str(path), fix=fix) from error
    kind = part(data, "event").get("event_type")
    if signal is None or signal.kind in (SignalKind.NOTE, SignalKind.OTHER, SignalKind.RESOLVED):
        why = f"the event {str(kind)[:60]!r} opens no incident."
        raise ConfigurationError(why, place=f"{path}: event.event_type", fix="give an `incident.triggered` event.")
    return Delivery(body, plain=False, at=at)


def sensible(at: datetime) -> bool:
    """Whether a moment has a time zone and is one of ours, so that windows around it can be worked out."""
    return at.tzinfo is not None and YEARS[0] <= at.year < YEARS[1]


def reference_of(delivery: Delivery) -> str:
    """The sender's id of the service that the alert is about."""
    if delivery.plain:
        return PLAIN_SERVICE_ID
    signal = GivenAlerts().read({}, delivery.body, delivery.at or AT)
    return signal.service.id if signal is not None else ""


def about(catalogue: Catalogue, service: Service, reference: str) -> Catalogue:
    """The catalogue in which that sender's id means that service, as `--service` says, and no other."""

    def named(one: Service) -> Service:
        ids = tuple(i for i in one.match.pagerduty if i != reference)
        ids = (reference, *ids) if one is service and reference else ids
        return one.model_copy(update={"match": one.match.model_copy(update={"pagerduty": ids})})

    return Catalogue(services=tuple(named(one) for one in catalogue.services))
