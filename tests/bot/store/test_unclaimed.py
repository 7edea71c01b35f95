"""Which incidents wait unclaimed: by state, severity, age and what was told, the most severe and oldest first."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from bot.incident import Severity
from bot.store import incidents, proposals
from bot.store.proposals import Proposal
from bot.store.unclaimed import called_since, unclaimed
from tests.fakes.equipment import START, alert
from tests.fakes.scene import scene

LATER = START + timedelta(hours=1)


async def test_only_severe_open_ones_without_a_step_count_in_order(tmp_path: Path) -> None:
    async with scene(tmp_path) as made:
        severities = [Severity.ERROR, Severity.CRITICAL, Severity.WARNING, Severity.CRITICAL]
        for number, severity in enumerate(severities):
            await made.fold(alert(key=f"E{number}", incident=f"P{number}", severity=severity))
        found = await made.read(lambda s: incidents.open_incidents(s, 10))
        for incident in found:
            state = "open" if incident.external_id == "P3" else "none"
            proposal = Proposal(
                f"prop_{incident.id}", incident.id, "", "", "why", state, None, 0.0, ["Known: x"], created_at=START
            )
            await made.write(lambda s, p=proposal: proposals.save(s, p))  # type: ignore[misc]  # reason: bound in the loop
        waiting = await made.read(lambda s: unclaimed(s, (0, 1), LATER, 10))
        assert [one.incident.external_id for one in waiting] == ["P1", "P0"]
        assert (waiting[0].why, waiting[0].known) == ("why", ("Known: x",))
        assert len(await made.read(lambda s: unclaimed(s, (0, 1), LATER, 1))) == 1
        assert await made.read(lambda s: unclaimed(s, (0, 1), START - timedelta(hours=1), 10)) == []
        assert await made.read(lambda s: unclaimed(s, (0, 1), LATER, 0)) == []
        assert await made.read(lambda s: called_since(s, START - timedelta(days=1))) == 0
