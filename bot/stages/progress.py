"""Progress: what a running act says, shown by editing the run's card; never a stream of posts (design.md section 8).

Given to adapters by bot/stages/execute.py. Bounded: one line, at most one store write per interval. Must not raise: what
cannot be told of an act would otherwise pass for the end of the act.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session

from bot.adapters.base import Progress
from bot.errors import CountersignError
from bot.incident import Incident
from bot.stages.base import Equipment
from bot.store import runs
from bot.store.record import card_changed
from bot.store.runs import Run
from bot.telemetry import log

INTERVAL = timedelta(seconds=1)
LONGEST = 200


def reporter(equipment: Equipment, run: Run, incident: Incident) -> Progress:
    """A callback that keeps the latest line beside the run and asks for the card to be shown again."""
    last: list[datetime] = []

    async def report(line: str) -> None:
        now = equipment.clock()
        if last and now - last[0] < INTERVAL:
            return
        last[:] = [now]
        text = equipment.redactor.text(line.strip())[:LONGEST]

        def write(session: Session) -> None:
            runs.set_note(session, run.id, text)
            card_changed(session, incident, run.id, equipment.routes(incident))

        try:
            await equipment.store.write(write)
        except CountersignError as error:  # a full disk or a locked database: the act goes on, and so does its record
            log().warning("the progress of an act could not be shown", run=run.id, error=str(error))
            return
        equipment.wake()

    return report
