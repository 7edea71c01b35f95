"""What was seen in one round, by people, by vendors and at the machine: values without any connection to the workspace.

Written by bot/sandbox/gameday/watch.py, read by score.py. Seconds count from the first trouble of the round. Must not
judge: a sight is what was there, not whether that was right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Place = Literal["summary", "offer", "no_step", "card", "thread", "page", "status"]


@dataclass(frozen=True, slots=True)
class Sight:
    """A text that was first seen at `at` seconds. place: where; an edited message is a new sight of the same place."""

    at: float
    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody alone was told after they did something. wanted: the expression or reason code that had to come.

    said: everything they were told meanwhile, newest last; came: whether the wanted was among it.
    """

    who: str
    did: str
    wanted: str
    came: bool
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WorldSeen:
    """What the machine says. health, orders: service -> status, 0 for no answer; starts: service -> starts in this round.

    workers: how many run; renewed: how many of them are other processes than at the beginning; hanging: processes that are stopped; disk: share of the area in use, None without one; lost: kept files that are gone.
    version: of the stable track, that answered a customer; canary: its state; both empty without a deployment.
    """

    health: Mapping[str, int] = field(default_factory=dict)
    orders: Mapping[str, int] = field(default_factory=dict)
    starts: Mapping[str, int] = field(default_factory=dict)
    workers: int = 0
    workers_before: int = 0
    renewed: int = 0
    hanging: tuple[str, ...] = ()
    disk: float | None = None
    lost: tuple[str, ...] = ()
    version: str = ""
    canary: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """One round as it was seen.

    incident: its id at PagerDuty. sights: in the order in which they came. records: place -> its lines, oldest first.
    unseen: incidents of this round without a summary; summaries: how many messages are about the incident; messages: how
    many are about any incident of this round. title: of the
    runbook that had to be offered, as people read it. audit: what `audit verify` says, empty while it was not asked.
    """

    incident: str = ""
    sights: tuple[Sight, ...] = ()
    records: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    answers: tuple[Answer, ...] = ()
    world: WorldSeen = WorldSeen()
    unseen: tuple[str, ...] = ()
    summaries: int = 0
    messages: int = 0
    title: str = ""
    status: str = ""
    audit: str = ""
    refused_at: float | None = None
    """When the first refusal was told or written."""
    missed: tuple[str, ...] = ()
    """Lines of the script that could not be played, such as a button that never came."""

    def of(self, place: Place) -> list[Sight]:
        """The sights of one place."""
        return [sight for sight in self.sights if sight.place == place]
