"""Looking again: which open incidents need a look that they did not have, after a restart and after new runbooks.

Asked by bot/triage.py. An offer that a person took or skipped is theirs: it is left alone. Must not offer anything itself.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlmodel import Session

from bot.facts.base import Fact
from bot.incident import Incident
from bot.stages.base import Equipment
from bot.stages.enrich import values
from bot.stages.match import situation
from bot.store import enrichments, entries, incidents, proposals
from bot.transcript import EntryKind
from runbooks.match import match

MOST = 1000  # incidents that are looked through, the most severe ones
NEEDS_A_LOOK = {EntryKind.OPENED, EntryKind.REOPENED, EntryKind.FINISHED}
LOOKED = {EntryKind.PROPOSED, EntryKind.NO_STEP, EntryKind.SKIPPED, EntryKind.WOULD_HAVE}


def unlooked(session: Session) -> list[Incident]:
    """Open incidents whose next step was not offered yet when the last process ended: it was cut off before the look."""
    found: list[Incident] = []
    for incident in incidents.open_incidents(session, MOST):
        said = [e.kind for e in entries.for_incident(session, incident.id) if e.kind in NEEDS_A_LOOK | LOOKED]
        if said and said[-1] in NEEDS_A_LOOK:
            found.append(incident)
    return found


def concerned(session: Session, equipment: Equipment, renewed: Collection[str]) -> list[Incident]:
    """Open incidents that wait for a person's choice, and whose offer may be another one with the catalogue as it is now.

    renewed: ids of the runbooks that are new, changed or gone. An incident is concerned when one of them is what was
    offered, or when something speaks for one of them.
    """
    index = equipment.index()
    found: list[Incident] = []
    for incident in incidents.open_incidents(session, MOST):
        current = proposals.current(session, incident.id)
        if current is None or current.state not in ("open", "none"):
            continue
        known = enrichments.get(session, incident.id)
        facts = values([Fact.model_validate(fact) for fact in known.facts]) if known else {}
        ranked = match(index.runbooks, situation(incident), facts, index)
        if current.runbook in renewed or any(one.runbook.id in renewed for one in ranked):
            found.append(incident)
    return found
