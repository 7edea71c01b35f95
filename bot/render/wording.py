"""How times, durations and facts are said. Called as jinja2 filters by bot/render/renderer.py. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bot.render.safe_text import plain

SHOWN_VALUES = 6


def moment(value: object) -> datetime | None:
    """A UTC time from a datetime or ISO 8601 text; None when it is neither."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def utc(value: object) -> str:
    """`14:02:07Z`."""
    at = moment(value)
    return at.strftime("%H:%M:%SZ") if at else "unknown time"


def utc_date(value: object) -> str:
    """`2026-11-21 14:02:07Z`, for records that are read on another day."""
    at = moment(value)
    return at.strftime("%Y-%m-%d %H:%M:%SZ") if at else "unknown time"


def slack_time(value: object) -> str:
    """Slack's date token: the reader's own time zone, UTC as the fallback. Only for our own timestamps (apis.md 1.7)."""
    at = moment(value)
    return f"<!date^{int(at.timestamp())}^{{time_secs}}|{utc(at)}>" if at else "unknown time"


def duration(value: object) -> str:
    """Seconds (or a timedelta) as people say it: `0.4 s`, `12 s`, `3 min 12 s`, `2 h 5 min`, `3 d 4 h`."""
    seconds = _seconds(value)
    if seconds is None:
        return "unknown time"
    if seconds < 10 and seconds != int(seconds):
        return f"{seconds:.1f} s"
    whole = int(seconds)
    for size, name, below, below_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size} {name} {rest} {below_name}" if rest else f"{whole // size} {name}"
    return f"{whole} s"


def _seconds(value: object) -> float | None:
    total = getattr(value, "total_seconds", None)
    if callable(total):
        return max(float(total()), 0.0)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return max(float(value), 0.0)
    return None


def ago(value: object, now: object) -> str:
    """How long ago, as a duration; `unknown time` when one of the two is no time."""
    then, here = moment(value), moment(now)
    return duration((here - then).total_seconds()) if then and here else "unknown time"


def observed(fact: Mapping[str, Any]) -> str:
    """The value of one fact in a few words, or why there is none. Untrusted: pass it through `mrkdwn`."""
    if fact.get("gap"):
        return f"no data ({plain(fact['gap'], 160)})"
    value = fact.get("value") or {}
    return said(value) if value else "observed, no values"


def said(value: object) -> str:
    """One value in a few words."""
    if value is True:
        return "yes"
    if value is False:
        return "no"
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        parts = [f"{plain(name, 40)} {plain(item, 60)}" for name, item in list(value.items())[:SHOWN_VALUES]]
        return ", ".join([*parts, f"… {len(value) - SHOWN_VALUES} more"] if len(value) > SHOWN_VALUES else parts)
    if isinstance(value, (list, tuple)):
        return ", ".join(plain(item, 40) for item in value[:4]) or "none"
    return plain(value, 80)


def counted(number: int, word: str, plural: str = "") -> str:
    """`1 target`, `3 targets`."""
    return f"{number} {word if number == 1 else plural or word + 's'}"
