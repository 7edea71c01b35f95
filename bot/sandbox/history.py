"""The past of the sandbox: what happened to payments before the visitor came, so that a summary has something to compare.

Called by bot/sandbox/workspace.py once, before the bot first starts; the bot finds it like its own memory. The only
module of the sandbox that uses one of the bot's rooms (the store): a past cannot be sent by webhook.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from sqlmodel import Session

from bot.incident import Incident, IncidentStatus, Severity
from bot.store import incidents
from bot.store.session import Store

DATABASE = "countersign.db"


def past_incidents(now: datetime, channel: str, title: str, alert_name: str) -> tuple[Incident, ...]:
    """Two resolved incidents of payments with the same alert, nine and twenty-three days ago."""
    told = ((9, 11, "restart-service: restarted by Ben Osei"), (23, 37, "restart-service: restarted by Cora Lind"))
    return tuple(
        Incident(
            id=f"inc_sandboxpast{days:04d}",
            source="pagerduty",
            external_id=f"QPAST{days:04d}",
            title=title,
            status=IncidentStatus.RESOLVED,
            severity=Severity.ERROR,
            service="payments",
            environment="prod",
            opened_at=now - timedelta(days=days),
            updated_at=now - timedelta(days=days) + timedelta(minutes=minutes),
            alert_name=alert_name,
            details={"resolved_by": fixed},
            assignees=("Ben Osei",),
            channel=channel,
            service_label="payments",
        )
        for days, minutes, fixed in told
    )


async def write_past(state_dir: Path, past: tuple[Incident, ...]) -> None:
    """Put it into the bot's database, which is made when it is not there yet."""
    async with await Store.open(f"sqlite+aiosqlite:///{state_dir / DATABASE}") as store:

        def write(session: Session) -> None:
            for incident in past:
                incidents.save(session, incident)

        await store.write(write)
