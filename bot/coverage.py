"""Coverage: past alerts against today's runbooks, and what nothing covers, the most toil first (mission R8).

Called by `runbookctl coverage`. The matcher is the bot's own; facts of the past are not kept, so a condition on facts counts as
met when nothing in the alert itself contradicts it. Text of alerts is data: it is counted, never followed. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import re2

from bot.past_alerts import Alert
from runbooks.match import THRESHOLD, Index, Ranked, Situation, match
from runbooks.model import Runbook

OFTEN = 2  # seen so often, it could be automatic (mission R8)
LONGEST_NAME = 80
_CHANGING = re2.compile(r"\b[0-9a-fA-F-]*[0-9][0-9a-zA-Z_.:/-]*\b")
_BLANK = re2.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Gap:
    """What no runbook covers. name: of the alert, or its title without numbers. seconds: mean time to its end, None unknown.

    nearest: the runbook that comes closest and why it does not count, empty for none.
    """

    name: str
    alert: str
    times: int
    seconds: float | None
    services: tuple[str, ...]
    last: datetime
    nearest: str = ""

    @property
    def toil(self) -> float:
        """Seconds that people spent on it: times x mean time; 0 when no time is known."""
        return self.times * (self.seconds or 0.0)


@dataclass(frozen=True, slots=True)
class Coverage:
    """alerts: how many were looked at; covered: how many some runbook matches well enough to be offered.

    gaps: the most toil first. matched: runbook id -> how often it came first. never: ids of runbooks that came first for
    nothing and matched nothing. waiting: ids of runbooks that would have matched and wait for an adapter -> how often.
    """

    alerts: int
    covered: int
    gaps: tuple[Gap, ...]
    matched: Mapping[str, int]
    never: tuple[str, ...]
    waiting: Mapping[str, int]


@dataclass(slots=True)
class _Group:
    alert: str
    found: list[Alert] = field(default_factory=list)
    nearest: str = ""


def cover(alerts: Iterable[Alert], runbooks: Mapping[str, Runbook]) -> Coverage:
    """Replay them all. runbooks: id -> runbook; pass the library's own mapping, so that its index is made once."""
    index = Index(runbooks)
    groups: dict[str, _Group] = {}
    matched: Counter[str] = Counter()
    touched: set[str] = set()
    waiting: Counter[str] = Counter()
    count = covered = 0
    for alert in alerts:
        count += 1
        ranked = match(runbooks, alert.about, {}, index)
        fits = sorted((one for one in ranked if _fits(one)), key=lambda one: (-one.score, one.runbook.id))
        touched.update(one.runbook.id for one in fits)
        if fits:
            covered += 1
            matched[fits[0].runbook.id] += 1
            continue
        waiting.update(one.runbook.id for one in ranked if one.obstacle == "waits" and one.score >= THRESHOLD)
        name = name_of(alert.about)
        group = groups.setdefault(name, _Group(alert.about.alert))
        group.found.append(alert)
        group.nearest = group.nearest or _nearest(ranked)
    gaps = sorted(
        (_gap(name, group) for name, group in groups.items()), key=lambda gap: (-gap.toil, -gap.times, gap.name)
    )
    never = tuple(sorted(name for name, runbook in runbooks.items() if name not in touched and not runbook.waits_for))
    return Coverage(count, covered, tuple(gaps), dict(matched.most_common()), never, dict(waiting.most_common()))


def name_of(about: Situation) -> str:
    """What counts as the same trouble: the alert's name, else its title without numbers and ids."""
    text = about.alert or re2.sub(_CHANGING, "#", about.title)
    plain = re2.sub(_BLANK, " ", text).strip()[:LONGEST_NAME]
    return "".join(c if c.isprintable() else "?" for c in plain) or "(no name)"


def _fits(one: Ranked) -> bool:
    """Would have been offered, unless the facts of that time had said no: nobody knows them any more."""
    return one.score >= THRESHOLD and one.obstacle in ("", "unproven")


def _nearest(ranked: Sequence[Ranked]) -> str:
    """The best of those that do not count."""
    best = max(ranked, key=lambda one: one.score, default=None)
    if best is None:
        return ""
    return f"{best.runbook.id}: {best.blocked}" if best.blocked else f"{best.runbook.id}: only {best.score:.0%} sure"


def _gap(name: str, group: _Group) -> Gap:
    known = [alert.seconds for alert in group.found if alert.seconds is not None]
    services = Counter(alert.about.service or "(unknown service)" for alert in group.found)
    return Gap(
        name=name,
        alert=group.alert,
        times=len(group.found),
        seconds=sum(known) / len(known) if known else None,
        services=tuple(service for service, _ in services.most_common()),
        last=max(alert.opened_at for alert in group.found),
        nearest=group.nearest,
    )
