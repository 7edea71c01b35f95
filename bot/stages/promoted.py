"""Promoted: above the lowest environment only a version that was promoted there, and that has not failed since (R5, T41).

One rule of every decision (bot/stages/gate.py), so it is asked before every step and stands in the trace that `explain`
shows. Which version: the digest in the plan. Failures are read from the runs themselves, so a demotion needs no row of its
own and nobody can forget to write it. Must not read files: bot/stages/known.py has the records read again beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from sqlmodel import Session

from bot.incident import Incident
from bot.plan import Plan
from bot.stages.base import Equipment
from bot.store import trials
from bot.store.runs import Run
from bot.store.trials import Setback
from bot.transcript import Entry, EntryKind
from guards.allowed_envs import AllowedEnvs
from guards.chain import Guard
from guards.context import Context
from guards.decision import Allow, Deny, Verdict
from guards.missing import missing
from runbooks.ladder import Ladder
from runbooks.promotion import SHORT, Promotion, not_promoted, promoted
from runbooks.promotion_records import PromotionRecords

REVIEW = timedelta(days=90)
ENDINGS = {"failed": "failed", "rolled_back": "was rolled back", "unknown": "ended with an unknown outcome"}


@dataclass(frozen=True, slots=True)
class Promoted:
    """Denies `not_promoted` for a change above the lowest environment without a record of this very version.

    runbook: its id. digest: of the runbook in the plan, 64 hex characters. records: all there are of this runbook for the
    plan's environment. setback: a run of this version that failed there since it was promoted. undo: takes back what this
    run did, under the record that it began with.
    """

    runbook: str
    digest: str
    records: tuple[Promotion, ...]
    ladder: Ladder
    setback: Setback | None = None
    undo: bool = False
    rule: ClassVar[str] = "promotion"

    def check(self, context: Context) -> Verdict:
        """Reading needs no record, and neither does taking back what was begun: half a change is worse than none."""
        where = context.environment
        if not where:
            return missing("environment")
        if context.risk == "read":
            return Allow("It only reads.")
        if self.undo:
            return Allow("It takes back what this run did.")
        found = promoted(self.runbook, self.digest, where, self.records, self.ladder)
        if isinstance(found, Deny):
            return found
        if found is None:
            return Allow(f"{where} asks for no promotion record.")
        if context.now is None:
            return missing("now")
        if found.when > context.now:
            why = f"The promotion of {self.runbook} to {where} is dated {found.when:%Y-%m-%d %H:%M} UTC, which is still to come."
            return not_promoted(self.runbook, where, why)
        if self.setback is not None:
            return not_promoted(self.runbook, where, demotion(self.runbook, where, self.setback))
        return Allow(f"Promoted to {where} by {found.who} on {found.when:%Y-%m-%d}, evidence {found.evidence_url}")

    def inputs(self, context: Context) -> Mapping[str, object]:
        """The version, what was recorded for it, and what failed since."""
        found = self.setback
        return {
            "runbook": self.runbook,
            "digest": self.digest[:SHORT],
            "environment": context.environment,
            "needs_record": self.ladder.needs_record(context.environment),
            "records": tuple(f"{record.digest[:SHORT]} {record.when:%Y-%m-%d} {record.who}" for record in self.records),
            "failed_since": f"{found.run_id} {found.outcome}" if found else "",
        }


def rule_of(equipment: Equipment, plan: Plan, setback: Setback | None, *, undo: bool) -> Promoted:
    """The rule for one step of a plan. undo: whether the step's rollback is asked about, not the step itself."""
    promotions = equipment.promotions
    records = promotions.of(plan.runbook, plan.environment)
    return Promoted(plan.runbook, plan.runbook_digest, records, promotions.ladder, setback, undo)


def setback_of(session: Session, equipment: Equipment, plan: Plan) -> Setback | None:
    """The run that ended this version's promotion to the plan's environment; None when nothing failed, or nothing ends it."""
    promotions = equipment.promotions
    if not promotions.demotes or not promotions.ladder.needs_record(plan.environment):
        return None
    record = promotions.record(plan.runbook, plan.runbook_digest, plan.environment)
    if record is None:
        return None
    return trials.setback(session, plan.runbook, plan.runbook_digest, plan.environment, record.when)


def granted(equipment: Equipment, plan: Plan) -> bool:
    """Whether a record puts the plan's environment into the scopes of its version (docs/promotion.md)."""
    return put_into_scopes(equipment.promotions, plan.runbook, plan.runbook_digest, plan.environment)


def put_into_scopes(records: PromotionRecords, runbook: str, digest: str, environment: str) -> bool:
    """Whether a record names this version for this environment, where records are asked for: elsewhere the rule looks at
    none, so that nothing would end it, and the scopes alone count.
    """
    return records.ladder.needs_record(environment) and records.record(runbook, digest, environment) is not None


def with_environment(rules: Iterable[Guard], environment: str) -> list[Guard]:
    """The same rules, `allowed_envs` with one environment more: what a record adds to what an operation was made for (X3).

    Nothing else of an operation gives way to a record: its questions, limits and hard blocks stay.
    """
    return [
        AllowedEnvs(envs=(*rule.envs, environment))
        if isinstance(rule, AllowedEnvs) and environment not in rule.envs
        else rule
        for rule in rules
    ]


def to_review(
    session: Session, digest_of: Callable[[str], str], records: PromotionRecords, now: datetime
) -> dict[str, Setback]:
    """Runbook id -> the run after which somebody has to look at it again: its version failed within 90 days (mission R8).

    It is off the list when the runbook is changed, or promoted anew after the failure. digest_of: see `trials.setbacks`.
    """
    found = trials.setbacks(session, digest_of, now - REVIEW)
    looked_at = {}
    for name, setback in found.items():
        record = records.record(name, digest_of(name), setback.environment)
        looked_at[name] = record is not None and record.when > setback.at
    return {name: setback for name, setback in found.items() if not looked_at[name]}


def demoted(
    session: Session, equipment: Equipment, environment: str, digest_of: Callable[[str], str]
) -> dict[str, str]:
    """Runbook id -> why its promotion to this environment ended, for what is offered there; the rule itself decides."""
    promotions = equipment.promotions
    if not promotions.demotes or not environment or not promotions.ladder.needs_record(environment):
        return {}
    found: dict[str, str] = {}
    for name, setback in trials.setbacks(session, digest_of, equipment.clock() - REVIEW, environment).items():
        record = promotions.record(name, digest_of(name), environment)
        if record is not None and record.when < setback.at:
            found[name] = demotion(name, environment, setback).rstrip(".")
    return found


def in_words(setback: Setback) -> str:
    """`run_x failed in prod on 2026-11-21`."""
    ended = ENDINGS.get(setback.outcome, setback.outcome)
    return f"{setback.run_id} {ended} in {setback.environment} on {setback.at:%Y-%m-%d}"


def demotion(runbook: str, environment: str, setback: Setback) -> str:
    """Why a promotion no longer counts, as a sentence."""
    ended = ENDINGS.get(setback.outcome, setback.outcome)
    return f"The promotion of {runbook} to {environment} ended on {setback.at:%Y-%m-%d %H:%M} UTC, when {setback.run_id} {ended}."


def tell(session: Session, equipment: Equipment, run: Run, incident: Incident) -> None:
    """A run left it to people: where that ends a promotion, the thread says so, once for each version and record.

    Called when the run is closed, in the same transaction, after its automation event was written.
    """
    plan = run.plan
    found = setback_of(session, equipment, plan)
    if found is None or found.run_id != run.id or all(step.read_only for step in plan.steps):
        return
    data = {"runbook": plan.runbook, "environment": plan.environment, "version": plan.runbook_digest[:SHORT]}
    entry = Entry(incident_id=incident.id, run_id=run.id, kind=EntryKind.DEMOTED, at=found.at, actor="bot", data=data)
    equipment.record(session, incident, entry)
