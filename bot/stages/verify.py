"""Verify: success is proved by fresh, repeated facts; no data is failure (safety rule 11, trust case T58).

Called by bot/flow.py after an act. Every sample is observed after the act finished; `required` of the last `of` samples
must hold before the window closes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bot.facts.base import Fact
from bot.incident import Incident
from bot.plan import Check
from bot.stages.base import Equipment
from bot.stages.enrich import observe
from runbooks.expression import ExpressionError, holds, proof_variables

KEPT = 8
UNTOLD = ("body_head", "names", "ok")  # long, long, and said by the mark beside the line


async def verify(equipment: Equipment, incident: Incident, check: Check, acted_at: datetime) -> dict[str, Any]:
    """Sample until proved or out of time. Returns `{"ok": bool, "evidence": [{"at", "value", "ok"}], "took_seconds"}`."""
    service = equipment.service_of(incident)
    started = equipment.clock()
    samples: list[bool] = []
    evidence: list[dict[str, Any]] = []
    while True:
        facts = await observe(equipment, service, incident, {check.fact})
        good, shown = sample(check, facts, acted_at)
        samples.append(good)
        evidence.append({"at": equipment.clock().isoformat(), "value": equipment.redactor.text(shown), "ok": good})
        took = (equipment.clock() - started).total_seconds()
        if sum(samples[-check.of :]) >= check.required:
            return {"ok": True, "evidence": evidence[-KEPT:], "took_seconds": round(took, 3)}
        if took + check.every_seconds > check.within_seconds:
            return {"ok": False, "evidence": evidence[-KEPT:], "took_seconds": round(took, 3)}
        await equipment.sleep(check.every_seconds)


def sample(check: Check, facts: tuple[Fact, ...], acted_at: datetime) -> tuple[bool, str]:
    """Whether one observation proves it, and what it showed. A gap, an error or old data does not."""
    fact = next((f for f in facts if f.name == check.fact), None)
    if fact is None:
        return False, f"no fact called {check.fact} in the catalogue"
    if fact.gap:
        return False, fact.gap[:200]
    if fact.observed_at <= acted_at:
        return False, "older than the act"
    told = {key: value for key, value in sorted(fact.value.items()) if key not in UNTOLD and value != ""}
    shown = ", ".join(f"{key}={value}" for key, value in told.items())[:200]
    try:
        return holds(check.expect, proof_variables(fact.name, fact.value)), shown
    except ExpressionError as error:
        return False, f"{shown}: {error}"[:300]
