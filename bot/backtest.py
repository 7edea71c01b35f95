"""What a changed policy would have said about what was really asked: recorded decisions, decided once more (mission G12).

Used by `runbookctl backtest` and bench/backtest.py. Each decision is looked at by itself, with its recorded context and the
past as it was at that moment (bot/store/history.py); nobody knows what would have come after another answer.

* Freezes, maintenance and windows are those the new policy declares. Imported calendars are as they were read then, for
  as long as the new policy imports them; what a new one would have held is not known.
* What the promotion rule said is kept as it was recorded.
* Rules of runbooks and operations are asked again, as they are today. For each changed decision it is checked that they
  say what is recorded, and that the policy of that time, when it is still the configured one, comes to the recorded
  answer: if not, the change has a `doubt`. Where the runbook or operation is gone, the recorded verdicts of rules that no
  policy makes are kept.

Must not change anything, nor decide itself: `Policy.decide` does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

import guards
from bot.conclusions import Conclusion, change_of, kept, recorded
from bot.operations.base import Operation
from bot.past_calendars import PastCalendars
from bot.stages.promoted import Promoted, with_environment
from bot.store import history
from bot.store.decisions import RecordedDecision
from bot.store.history import Past, Written
from bot.store.session import Store
from guards.allowed_envs import AllowedEnvs
from guards.blast_radius import BlastRadius
from guards.chain import Guard, findings
from guards.context import Context
from guards.duration import LONGEST
from guards.policy import Policy
from guards.rate_limit import RateLimit
from guards.recording import from_data, plain, with_history
from guards.require_approval import RequireApproval
from runbooks.model import Runbook, Safety

PAGE = 1_000
PROMOTION = Promoted.rule
LONGEST_WINDOW = timedelta(seconds=LONGEST)

OWN_CHANGED = "the rules of its runbook or operation do not say today what they said then"
GONE = "its runbook or operation is gone; of its rules the recorded verdicts are kept"
NOT_REPRODUCED = "the policy of that time does not come to the recorded answer any more"

OwnRules = Callable[[RecordedDecision], tuple[Guard, ...] | None]


@dataclass(frozen=True, slots=True)
class Changed:
    """One decision that would have been another. decision: without its context and findings. kind: of bot.conclusions.KINDS. doubt: why it may be for another reason than the policy, empty for none."""

    decision: RecordedDecision
    kind: str
    before: Conclusion
    after: Conclusion
    doubt: str = ""


@dataclass(slots=True)
class Comparison:
    """What came of it. unreadable: (number, why) of decisions that this program cannot read. gone: how many were about
    runbooks or operations that are not there any more.
    """

    count: int = 0
    changed: list[Changed] = field(default_factory=list)
    unreadable: list[tuple[int, str]] = field(default_factory=list)
    gone: int = 0


def rules_of(
    operation: Operation, safety: Safety | None, environment: str, *, granted: bool = False
) -> tuple[Guard, ...]:
    """The rules of an operation and of a runbook's step, as bot/stages/gate.py puts them together, without `promotion`.

    granted: a promotion record adds the environment.
    """
    own = guards.guards_of(operation.plan)
    chain: list[Guard] = with_environment(own, environment) if granted else [*own]
    if safety is not None:
        scopes = tuple(dict.fromkeys((*safety.scopes, environment))) if granted else tuple(safety.scopes)
        chain += [AllowedEnvs(envs=scopes), BlastRadius(max_targets=safety.blast_radius.max_targets)]
        chain += [
            RateLimit(max=limit.max, window=limit.window, per=limit.per, env=limit.env)
            for limit in safety.limits
            if limit.env in ("", environment)
        ]
        chain += [RequireApproval()] if safety.requires_approval else []
    return tuple(chain)


def todays_rules(
    runbooks: Mapping[str, Runbook],
    operations: Mapping[str, Operation],
    granted: Callable[[Runbook, str], bool] = lambda _runbook, _environment: False,
) -> OwnRules:
    """Finds the rules of a decision's runbook step and operation; None when one of them is not there any more.

    granted: (runbook, environment) -> whether a promotion record puts that environment into its scopes today.
    """
    made: dict[tuple[str, str, str, str], tuple[Guard, ...] | None] = {}

    def find(about: tuple[str, str, str, str]) -> tuple[Guard, ...] | None:
        runbook, step_id, action, environment = about
        steps = {step.id: step for step in runbooks[runbook].steps} if runbook in runbooks else {}
        whole, _, number = step_id.rpartition("-")
        step = steps.get(step_id) or (steps.get(whole) if number.isdigit() else None)  # `grow-2` is an increment
        if step is None or action not in operations:
            return None
        return rules_of(operations[action], step.safety, environment, granted=granted(runbooks[runbook], environment))

    def own(decision: RecordedDecision) -> tuple[Guard, ...] | None:
        about = (decision.runbook, decision.step_id, decision.action, decision.environment)
        if about not in made:
            made[about] = find(about)
        return made[about]

    return own


class Backtest:
    """Decides again, page by page. Pure.

    policy: the new one. before: the configured one. past: acts since the first decision minus the longest window.
    """

    def __init__(self, policy: Policy, past: Past, own_rules: OwnRules, before: Policy | None = None) -> None:
        self._policy, self._before = policy, before
        self._past, self._own_rules = past, own_rules
        self._window = policy.longest_window()
        self._calendars = PastCalendars(policy)
        self.comparison = Comparison()

    def add(self, page: Sequence[Written]) -> None:
        """Decide about each of them once more."""
        for written in page:
            self.comparison.count += 1
            try:
                changed = self._again(written)
            except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:  # of another version
                self.comparison.unreadable.append((written.decision.id, f"{type(error).__name__}: {error}"))
            else:
                if changed is not None:
                    self.comparison.changed.append(changed)

    def context(self, written: Written) -> Context:
        """What the guards saw, with the new policy's calendar in place of the old one's.

        Raises ValueError and what else a record of another shape brings about.
        """
        decision = written.decision
        data, imported = self._calendars.parted(written.context)
        calendar = self._calendars.at(decision.at, imported)
        acts = self._history(decision, self._window)
        return replace(_context(data, decision), calendar=calendar, history=acts)

    def _again(self, written: Written) -> Changed | None:
        decision = written.decision
        own = self._own_rules(decision)
        more = kept(json.loads(written.findings)) if own is None else own
        if own is not None and decision.outcome == "deny":  # perhaps for want of a promotion record
            own = more = (*own, *kept(_about_promotion(written)))
        self.comparison.gone += own is None
        context = self.context(written)
        decided = self._policy.decide(context, more)
        if decided.outcome == decision.outcome == "allow":
            return None
        said = json.loads(written.findings)
        before, after = recorded(decision.outcome, said), Conclusion.of(decided)
        kind = change_of(before, after)
        if not kind:
            return None
        doubt = GONE if own is None else self._doubt(written, context, own, said, before)
        return Changed(decision, kind, before, after, doubt)

    def _doubt(
        self, written: Written, context: Context, own: tuple[Guard, ...], said: list[dict[str, Any]], before: Conclusion
    ) -> str:
        decision = written.decision
        if self._before is not None and self._before.digest == decision.policy_digest:
            acts = self._history(decision, decision.looked_back)
            then = with_history(_context(json.loads(written.context), decision), acts)
            again = Conclusion.of(self._before.decide(then, own))
            return NOT_REPRODUCED if change_of(before, again) else ""
        found = [(finding["rule"], finding["inputs"]) for finding in said]
        today = [(finding.rule, plain(finding.inputs)) for finding in findings(own, context)]
        return "" if all(each in found for each in today) else OWN_CHANGED

    def _history(self, decision: RecordedDecision, window: float) -> tuple[guards.PastAct, ...]:
        since = decision.at - timedelta(seconds=max(window, decision.looked_back))
        run = decision.run_id if decision.phase == "act" else ""
        return self._past.at(decision.at, since, except_run=run, incident=decision.incident_id)


def _about_promotion(written: Written) -> list[dict[str, Any]]:
    return [finding for finding in json.loads(written.findings) if finding["rule"] == PROMOTION]


def _context(data: dict[str, Any], decision: RecordedDecision) -> Context:
    """The recorded context, before the run got its number when it was only asked for."""
    if decision.phase == "asked":
        data.pop("run", None)
    return from_data(data)


async def backtest(
    store: Store,
    policy: Policy,
    since: datetime,
    own_rules: OwnRules,
    before: Policy | None = None,
    *,
    page: int = PAGE,
    progress: Callable[[int], object] | None = None,
) -> Comparison:
    """Every decision since an instant, decided once more; `page` of them are in memory at a time.

    progress: is told how many were decided so far, after every page. Raises Transient when the database cannot be read.
    """
    past = Past(await store.read(lambda session: history.lived(session, since - LONGEST_WINDOW, since)))
    test = Backtest(policy, past, own_rules, before)
    after = 0

    def read(session: Session) -> list[Written]:
        return history.written(session, since, after, page)

    while some := await store.read(read):
        after = some[-1].decision.id
        test.add(some)
        if progress is not None:
            progress(test.comparison.count)
    return test.comparison


def as_data(changed: Changed) -> dict[str, Any]:
    """One changed decision as JSON values."""
    decision = changed.decision
    return {
        "change": changed.kind,
        "decision": decision.id,
        "at": decision.at.isoformat(timespec="seconds"),
        "run": decision.run_id,
        "incident": decision.incident_id,
        "runbook": decision.runbook,
        "step": decision.step_id,
        "service": decision.service,
        "environment": decision.environment,
        "phase": decision.phase,
        "actor": decision.actor,
        "policy_then": decision.policy_digest[:12],
        "before": changed.before.data(),
        "after": changed.after.data(),
        "doubt": changed.doubt,
    }
