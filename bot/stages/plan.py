"""Plan: a runbook's steps and fresh facts become a frozen plan with exact acts. Nothing here acts.

Called for the preview in the summary, when a person asks for the step, and again before the first act to see that
nothing changed (trust case T09). A plan that cannot be made is a Deny with a reason code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from bot.incident import Incident
from bot.operations.base import PlanRequest
from bot.plan import Act, Check, OutputPattern, Plan, PlanStep
from bot.services import Service, TargetEntry
from bot.stages.base import Equipment
from bot.stages.expectation import after, precheck_of, proof_of
from bot.stages.gate import plan_with
from bot.stages.waves import first_only, named, unreadable, waves_of
from guards.decision import Deny
from guards.max_change import increments
from runbooks.digest import digest as runbook_digest
from runbooks.model import MEMBERS, SIZE, Runbook, Step
from runbooks.parameters import ParameterError, bind, validate

PLAN_LIFETIME = timedelta(minutes=15)  # trust rule 5 and case T08: fifteen minutes in production
MOST_INCREMENTS = 10  # more than that nobody reads on a card


def make_plan(
    equipment: Equipment,
    *,
    incident: Incident | None,
    service: Service,
    runbook: Runbook,
    steps: Sequence[Step],
    given: Mapping[str, Any],
    facts: Mapping[str, Mapping[str, Any]],
    requester: str,
    why: str,
    created_at: datetime,
    expires_at: datetime | None = None,
    break_glass: str = "",
) -> Plan | Deny:
    """The plan, or why there is none. given: parameters a person chose; targets default to the only one of their kind."""
    if runbook.waits_for:
        reason = f"{runbook.id} waits for {', '.join(runbook.waits_for)}, which this bot does not have."
        return Deny("waits_for_adapter", reason, "Do it by hand, or choose another runbook.")
    parameters = _targets(runbook, service, given)
    if isinstance(parameters, Deny):
        return parameters
    try:
        checked = validate(runbook, parameters)
    except ParameterError as error:
        return Deny("bad_parameter", str(error), "Give a value that the runbook's parameter allows.")
    planned: list[PlanStep] = []
    for step in steps:
        made = _plan_steps(equipment, service, step, checked, facts)
        if isinstance(made, Deny):
            return made
        planned += made
    return Plan(
        incident_id=incident.id if incident else "",
        runbook=runbook.id,
        runbook_title=runbook.title,
        runbook_digest=digest_of(runbook),
        policy_digest=equipment.policy.digest,
        service=service.name,
        environment=service.environment,
        tier=service.tier,
        requester=requester,
        steps=tuple(planned),
        parameters=dict(checked),
        why=why,
        break_glass=break_glass,
        created_at=created_at,
        expires_at=expires_at or created_at + PLAN_LIFETIME,
    )


_digests: dict[str, tuple[Runbook, str]] = {}  # runbook id -> the very object that was digested, and its digest


def digest_of(runbook: Runbook) -> str:
    """The runbook's digest, made once per loaded runbook: it is frozen, and a plan is made at every click and step."""
    known, digest = _digests.get(runbook.id, (None, ""))
    if known is not runbook:
        digest = runbook_digest(runbook)
        _digests[runbook.id] = (runbook, digest)
    return digest


def _targets(runbook: Runbook, service: Service, given: Mapping[str, Any]) -> dict[str, Any] | Deny:
    """Fill target parameters from the catalogue: exactly one of the kind, or it must be named."""
    filled = dict(given)
    for name, parameter in runbook.params.items():
        if parameter.type != "target":
            continue
        entry = service.target(parameter.kind, filled.get(name))
        if entry is None:
            return _no_target(service, parameter.kind, filled.get(name))
        filled[name] = entry.name
    return filled


def _no_target(service: Service, kind: str, name: object) -> Deny:
    several = [t.name for t in service.targets if t.kind == kind]
    if name:
        reason = f"{service.name} ({service.environment}) has no {kind} called {name}."
    elif several:
        reason = f"{service.name} ({service.environment}) has several of kind {kind}: {', '.join(several)}."
    else:
        reason = f"{service.name} ({service.environment}) has no target of kind {kind}."
    return Deny("no_target", reason, "Name one target, or add it to services.yaml under this service's `targets`.")


def _plan_steps(
    equipment: Equipment,
    service: Service,
    step: Step,
    parameters: Mapping[str, Any],
    facts: Mapping[str, Mapping[str, Any]],
) -> list[PlanStep] | Deny:
    """The step, or its increments, each planned from what the one before it leaves behind (mission G7)."""
    bound = bind(step.with_, parameters)
    in_waves = _in_waves(equipment, service, step, bound, parameters, facts)
    if isinstance(in_waves, Deny) or in_waves:
        return in_waves
    whole = _act(equipment, service, step.action, bound, facts, step.deadline)
    if isinstance(whole, Deny):
        return whole
    sizes: Sequence[int] = ()
    if step.increments is not None:
        if whole.resize is None:
            return Deny("cannot_plan", f"{step.action} changes no size.", "Remove `increments` from the runbook.")
        try:
            sizes = increments(whole.resize.current, whole.resize.wanted, step.increments)
        except ValueError as error:
            return Deny("cannot_plan", f"{step.action}: {error}.", "Ask for a size of at least 1.")
        if len(sizes) > MOST_INCREMENTS:
            reason = f"{step.increments:g} percent at a time would take {len(sizes)} increments."
            return Deny("cannot_plan", reason, "Ask for a smaller change, or write a larger percentage.")
    if len(sizes) < 2:
        made = _plan_step(equipment, service, step, whole, parameters, facts)
        return made if isinstance(made, Deny) else [made]
    found: list[PlanStep] = []
    for number, size in enumerate(sizes, 1):
        act = _act(equipment, service, step.action, {**bound, SIZE: size}, facts, step.deadline)
        made = act if isinstance(act, Deny) else _plan_step(equipment, service, step, act, parameters, facts)
        if isinstance(made, Deny):
            return made
        named = {"id": f"{step.id}-{number}", "part_of": step.id, "title": _numbered(made, number, len(sizes))}
        found.append(made.model_copy(update=named))
        facts = after(facts, made.act)
    return found


def _in_waves(
    equipment: Equipment,
    service: Service,
    step: Step,
    bound: Mapping[str, Any],
    parameters: Mapping[str, Any],
    facts: Mapping[str, Mapping[str, Any]],
) -> list[PlanStep] | Deny:
    """One plan step per wave, each naming exactly its members (mission E4); none when the step has no waves."""
    operation = equipment.operations.get(step.action)
    entry = service.target(operation.target_kind, bound.get("target")) if operation else None
    if operation is None or entry is None:
        return []  # said by `_act`, which looks for both in any case
    waves = waves_of(operation, entry, step, facts)
    if isinstance(waves, Deny):
        return waves
    found: list[PlanStep] = []
    for number, members in enumerate(waves, 1):
        act = _act(equipment, service, step.action, {**bound, MEMBERS: list(members)}, facts, step.deadline)
        own = first_only(step, number)
        made = act if isinstance(act, Deny) else _plan_step(equipment, service, own, act, parameters, facts)
        if isinstance(made, Deny):
            return made
        if made.act.members != members:
            reason = f"{step.action} did not plan for exactly the members of wave {number}."
            return Deny("cannot_plan", reason, "Tell the people who look after this bot.")
        found.append(named(made, step, number, waves))
        facts = after(facts, made.act)
    return unreadable([each.act for each in found]) or found


def _numbered(step: PlanStep, number: int, of: int) -> str:
    size = step.act.resize
    return f"{step.title}, {number} of {of}" + (f": {size.current} to {size.wanted}" if size else "")


def _plan_step(
    equipment: Equipment,
    service: Service,
    step: Step,
    act: Act,
    parameters: Mapping[str, Any],
    facts: Mapping[str, Mapping[str, Any]],
) -> PlanStep | Deny:
    rollback: list[Act] = []
    for undo in step.rollback:
        bound = bind(undo.with_, parameters)
        made = _act(equipment, service, undo.action, bound, facts, step.deadline, undoes=act)
        if isinstance(made, Deny):
            return made
        rollback.append(made)
    operation = equipment.operations[step.action]
    if step.on_failure == "continue" and not operation.read_only:
        reason = f"{step.action} changes something, so the run cannot go on when it fails."
        return Deny("cannot_plan", reason, "Remove `on_failure: continue` from the runbook.")
    check = None
    if step.verify is not None:
        check = Check(
            fact=step.verify.fact,
            expect=proof_of(step.verify, act),
            within_seconds=step.verify.within,
            every_seconds=step.verify.every,
            required=step.verify.required,
            of=step.verify.of,
        )
    return PlanStep(
        id=step.id,
        title=step.title or operation.summary,
        act=act,
        read_only=operation.read_only,
        risk="read" if operation.read_only else (step.safety.risk if step.safety else "caution"),
        precheck=precheck_of(step.precheck, act),
        expect=tuple(OutputPattern(pattern=p.pattern, allow_failure=p.allow_failure) for p in step.expect),
        check=check,
        rollback=tuple(rollback),
        rollback_note=step.rollback_note,
        irreversible=step.irreversible,
        on_failure=step.on_failure,
    )


def _act(
    equipment: Equipment,
    service: Service,
    action: str,
    bound: Mapping[str, Any],
    facts: Mapping[str, Mapping[str, Any]],
    deadline: float,
    undoes: Act | None = None,
) -> Act | Deny:
    operation = equipment.operations.get(action)
    if operation is None:
        return Deny("unknown_operation", f"No operation is called {action}.", "Use one that `runbookctl lint` knows.")
    given = dict(bound)
    name = given.pop("target", None)
    entry: TargetEntry | None = service.target(operation.target_kind, name)
    if entry is None:
        return _no_target(service, operation.target_kind, name)
    try:
        request = PlanRequest(
            service=service,
            target=service.resolve(entry),
            entry=entry,
            parameters=operation.parameters.model_validate(given),
            facts=facts,
            deadline_seconds=deadline,
            undoes=undoes,
        )
        return plan_with(operation, request)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return Deny("bad_parameter", f"{action}: {place}: {first['msg']}.", "Correct the runbook's `with`.")
    except ValueError as error:
        return Deny("cannot_plan", f"{action}: {error}", "Correct the catalogue entry or the runbook.")
