"""Unclaimed: a severe incident that no runbook fits and nobody took is put to people, with what is known (I3, N4, X7).

Called by bot/reconciler.py again and again. Whoever acknowledged it is on it already and is left alone. A storm calls people
a few times and not hundreds of times: ordinary paging is the monitor's business (mission T4). Must not run anything.
"""

from __future__ import annotations

from datetime import timedelta

from sqlmodel import Session

from bot.stages import paging
from bot.stages.base import Equipment
from bot.store import unclaimed

SEVERE = (0, 1)  # critical and error, as bot/store/incidents.py ranks them
MOST = 5  # calls in the window below
WINDOW = timedelta(minutes=10)
LONGEST_REASON = 700
MOST_KNOWN = 6


async def call_people(equipment: Equipment, after: float) -> int:
    """Call people to what waited for so many seconds; how many incidents were told of. after: 0 switches it off."""
    if after <= 0:
        return 0
    now = equipment.clock()
    limit = now - timedelta(seconds=after)
    if not await equipment.store.read(lambda session: unclaimed.unclaimed(session, SEVERE, limit, 1)):
        return 0

    def call(session: Session) -> int:
        left = MOST - unclaimed.called_since(session, now - WINDOW)
        found = unclaimed.unclaimed(session, SEVERE, limit, max(left, 0))
        for one in found:
            paging.escalate(session, equipment, one.incident, reason(one, after))
        return len(found)

    called = await equipment.store.write(call)
    if called:
        equipment.wake()
    return called


def reason(one: unclaimed.Unclaimed, after: float) -> str:
    """Why people are called, and what is known, in few words."""
    waited = f"{after / 60:g} minutes" if after >= 60 else f"{after:g} seconds"
    known = "".join(f"; {word[:1].lower()}{word[1:]}" for word in one.known[:MOST_KNOWN])
    return f"nobody took this within {waited}, and there is no safe step: {one.why.rstrip('.')}{known}."[
        :LONGEST_REASON
    ]
