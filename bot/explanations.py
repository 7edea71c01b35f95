"""Why something was allowed, asked about or refused, from the decisions as they were recorded (mission G12).

`Explanations` is a base of bot/answers.py, for chat; the functions are also used by `runbookctl explain`. What is told is
what was decided then: nothing is decided again. Must not decide or change anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session

from bot.render.wording import duration
from bot.services import Person
from bot.stages.base import Equipment
from bot.stages.reply import Reply, refused
from bot.store import decisions, proposals, runs
from bot.store.decisions import RecordedDecision
from bot.store.runs import Run

SHOWN = 4
RANKED = 5
ORDER = {"deny": 0, "ask": 1, "allow": 2}
HOW = "Look it up on the card of the run, or in its summary: it begins with run_ or inc_."


class Explanations:
    """The question why."""

    def __init__(self, equipment: Equipment) -> None:
        self._equipment = equipment

    async def explain(self, subject: str, person: Person) -> Reply:
        """The decisions about a run (`run_…`) or the newest about an incident (`inc_…`), the most important first.

        Of a run that did not succeed also how it ended: not every refusal is one of the guards. Of an incident also why
        this runbook and not the others.
        """
        of = decisions.for_incident if subject.startswith("inc_") else decisions.for_run

        def read(session: Session) -> tuple[list[RecordedDecision], Run | None, list[dict[str, Any]]]:
            return of(session, subject), runs.get(session, subject), ranking(session, subject)

        found, run, ranked_then = await self._equipment.store.read(read)
        ended = ended_badly(run)
        if not found and not ended and not ranked_then:
            return refused("nothing_recorded", f"No decision about {subject} is recorded.", HOW)
        newest = sorted(found, key=lambda decision: decision.id, reverse=True)
        ranked = sorted(newest, key=lambda decision: ORDER.get(decision.outcome, 0))
        return Reply(
            True,
            "explain",
            {
                "subject": subject,
                "decisions": [told(decision, self._by(decision, person)) for decision in ranked[:SHOWN]],
                "more": len(ranked) - len(ranked[:SHOWN]),
                "ended": ended,
                "ranking": ranked_then[:RANKED],
            },
        )

    def _by(self, decision: RecordedDecision, person: Person) -> str:
        asker = self._equipment.people.by_id(decision.actor)
        return "you" if decision.actor == person.id else asker.name if asker else decision.actor


def ranking(session: Session, incident_id: str) -> list[dict[str, Any]]:
    """Why this runbook and not the others, as it was at the last look: runbook, score, reasons, blocked, and whether offered."""
    last = proposals.current(session, incident_id)
    return [{**one, "offered": one.get("runbook") == last.runbook} for one in last.alternatives] if last else []


def ended_badly(run: Run | None) -> dict[str, str]:
    """Outcome and reason of a run that ended otherwise than it was meant to; empty for every other."""
    if run is None or run.state != "closed" or run.outcome == "succeeded":
        return {}
    return {"outcome": run.outcome, "reason": run.note}


def told(decision: RecordedDecision, by: str) -> dict[str, Any]:
    """One recorded decision for people. by: who asked, as it is to be said. codes and questions may name one twice."""
    phase = "when it was asked for" if decision.phase == "asked" else "before the step"
    return {
        "about": f"{decision.runbook}, step {decision.step_id}, on {decision.service} in {decision.environment}, {phase}",
        "at": decision.at.isoformat(timespec="seconds"),
        "run": decision.run_id,
        "incident": decision.incident_id,
        "by": by,
        **judged(decision.outcome, decision.findings),
        "policy": decision.policy_digest[:12],
    }


def judged(outcome: str, findings: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """outcome, codes, questions, and what every rule said: refused [{rule, code, reason, remedy}], asked [{rule, reason,
    who}], allowed [{rule, reason}], the last with one entry per rule. findings: of guards/recording.py.
    """
    refused_by = [f for f in findings if f["verdict"] == "deny"]
    asked_by = [f for f in findings if f["verdict"] == "ask"]
    return {
        "outcome": outcome,
        "codes": list(dict.fromkeys(f["code"] for f in refused_by)),
        "questions": list(dict.fromkeys(f["kind"] for f in asked_by)),
        "refused": [{name: f[name] for name in ("rule", "code", "reason", "remedy")} for f in refused_by],
        "asked": _asked(asked_by),
        "allowed": _allowed([f for f in findings if f["verdict"] == "allow"]),
    }


def _asked(findings: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """Each question once, with the rules that ask it."""
    found: dict[tuple[str, str], list[str]] = {}
    for finding in findings:
        found.setdefault((str(finding["reason"]), _who(finding)), []).append(str(finding["rule"]))
    return [
        {"rule": ", ".join(dict.fromkeys(rules)), "reason": reason, "who": who}
        for (reason, who), rules in found.items()
    ]


def _who(finding: dict[str, Any]) -> str:
    ends = f"within {duration(finding['seconds'])}"
    if finding["kind"] != "approval":
        return f"the person who asks, {ends}"
    any_of, all_of = finding.get("any_of") or [], finding.get("all_of") or []
    groups = " or ".join(any_of) or ("" if all_of else "the environment's approvers")
    each = f"each of {', '.join(all_of)}" if all_of else ""
    return f"{finding.get('count', 1)} of {', and '.join(part for part in (groups, each) if part)}, {ends}"


def _allowed(findings: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """One line per rule, however many limits there are."""
    found: dict[str, list[str]] = {}
    for finding in findings:
        found.setdefault(str(finding["rule"]), []).append(str(finding["reason"]))
    lines = []
    for rule, reasons in sorted(found.items()):
        more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
        lines.append({"rule": rule, "reason": f"{reasons[0]}{more}"})
    return lines
