"""Past alerts: one value for an incident of the store and for a line of a file from elsewhere (mission R8).

Made for bot/coverage.py. The file has one JSON object per line, so that another monitor's history can be looked at before the
bot has any of its own. Text of alerts is data. Must not judge what covers an alert.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, ConfigDict, Field, ValidationError

from bot.errors import ConfigurationError
from bot.incident import Frozen, Incident, IncidentStatus
from bot.stages.match import situation
from runbooks.match import Situation

MOST_BYTES = 200_000_000
LONGEST_LINE = 200_000
WORDS = {
    "extra_forbidden": ("{key} is not a known key.", "use {keys}."),
    "missing": ("it does not say {key}.", 'write for example "{key}": "2026-11-21T03:00:00Z".'),
}


@dataclass(frozen=True, slots=True)
class Alert:
    """One past alert. seconds: from its opening to its end, None while it is open or when nobody knows."""

    about: Situation
    opened_at: datetime
    seconds: float | None


class Line(Frozen):
    """One line of a file. title or alert must be there; times have a zone; resolved_at: None while it is open."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    opened_at: AwareDatetime
    title: str = ""
    alert: str = ""
    severity: str = ""
    service: str = ""
    environment: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    details: dict[str, str] = Field(default_factory=dict)
    resolved_at: AwareDatetime | None = None


def of_incident(incident: Incident) -> Alert:
    """A stored incident as a past alert. Its last change is its end when it is resolved."""
    over = incident.status is IncidentStatus.RESOLVED
    seconds = max((incident.updated_at - incident.opened_at).total_seconds(), 0.0) if over else None
    return Alert(situation(incident), incident.opened_at, seconds)


def read_file(path: Path) -> Iterator[Alert]:
    """Past alerts from a file, one JSON object a line. Raises ConfigurationError with file and line for what is none."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigurationError("it is larger than 200 MB.", place=str(path), fix="split it.")
        with path.open("rb") as lines:
            for number, line in enumerate(iter(lambda: lines.readline(LONGEST_LINE + 1), b""), 1):
                if line.strip():
                    yield _alert(line, f"{path}:{number}")
    except OSError as error:
        raise ConfigurationError(
            f"cannot be read ({error.strerror}).", place=str(path), fix="correct the path or its permissions."
        ) from error


def _alert(text: bytes, place: str) -> Alert:
    def wrong(what: str, fix: str) -> ConfigurationError:
        return ConfigurationError(what, place=place, fix=fix)

    if len(text) > LONGEST_LINE:
        raise wrong("the line is longer than 200 kB.", "leave out what is not about the alert.")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise wrong("this is not JSON.", "write one JSON object per line.") from error
    if not isinstance(data, dict):
        raise wrong(
            "this is not an object.", 'write for example {"title": "...", "opened_at": "2026-11-21T03:00:00Z"}.'
        )
    if "alert_name" in data and "alert" not in data:
        data["alert"] = data.pop("alert_name")  # as an incident calls it
    line = _line(data, wrong)
    if not line.title and not line.alert:
        raise wrong("it has neither title nor alert.", "say what the alert was.")
    took = None
    if line.resolved_at is not None:
        took = max((line.resolved_at - line.opened_at).total_seconds(), 0.0)
    about = Situation(
        title=line.title,
        severity=line.severity,
        service=line.service,
        environment=line.environment,
        alert=line.alert,
        labels=line.labels,
        details=line.details,
    )
    return Alert(about, line.opened_at, took)


def _line(data: dict[str, Any], wrong: Callable[[str, str], ConfigurationError]) -> Line:
    try:
        return Line.model_validate_json(json.dumps(data))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        message, fix = WORDS.get(first["type"], ("{key}: {said}.", "correct the value, or leave it out."))
        told = {"key": ascii(key)[1:-1][:80], "keys": ", ".join(Line.model_fields), "said": first["msg"]}
        raise wrong(message.format(**told), fix.format(**told)) from error
