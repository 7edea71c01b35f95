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
    say = SAYINGS.get(str(fact.get("kind")))
    if value and say is not None:
        return say(value)
    return said(value) if value else "observed, no values"


def before(value: object, incident_at: object) -> str:
    """`12 min before it`, or `after it began`; `unknown time` when one of the two is no time."""
    then, began = moment(value), moment(incident_at)
    if not then or not began:
        return "unknown time"
    return f"{duration((began - then).total_seconds())} before it" if then <= began else "after it began"


def _http(value: Mapping[str, Any]) -> str:
    if not value.get("status"):
        return f"no answer ({plain(value.get('error') or 'unreachable', 120)})"
    took = f" in {said(value['took_ms'])} ms" if "took_ms" in value else ""
    return f"answers {plain(value['status'], 10)}{took}"


def _supervisor(value: Mapping[str, Any]) -> str:
    since = f" since {utc(value['since'])}" if value.get("since") else ""
    ended = f", exit status {value.get('exit_status')}" if not value.get("pid") else f", pid {value.get('pid')}"
    return f"{plain(value.get('state', 'unknown'), 20)}{since}{plain(ended, 40)}"


def _supervisor_pool(value: Mapping[str, Any]) -> str:
    healthy, total = said(value.get("healthy")), said(value.get("total"))
    return f"{said(value.get('running'))} of {total} run, {healthy} of them healthy"


def _disk(value: Mapping[str, Any]) -> str:
    free = f"{float(value['free_bytes']) / (1 << 30):.1f} GiB free" if "free_bytes" in value else "free space unknown"
    return f"{said(value.get('used_percent'))} % used, {free} at {plain(value.get('path', ''), 60)}"


def _tcp(value: Mapping[str, Any]) -> str:
    took = f" ({said(value['took_ms'])} ms)" if "took_ms" in value else ""
    return f"accepts connections{took}" if value.get("open") else "refuses connections"


SAYINGS = {"http": _http, "supervisor": _supervisor, "supervisor_pool": _supervisor_pool, "disk": _disk, "tcp": _tcp}


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
