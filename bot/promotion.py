"""Promotion: whether one exact version of a runbook may go one rung up, from evidence that a machine can check (R5, T41).

Called by `runbookctl promote`. Every piece of evidence is looked at, also when an earlier one is missing, so that one call
says everything. A piece that is missing says what would make it there. Must not write, and must not fetch the evidence URL.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.config import PromotionSettings
from bot.operations.base import Operation
from bot.render.wording import duration
from bot.services import People
from bot.store.trials import Setback, Trial
from guards.policy import Policy
from runbooks.ladder import Ladder
from runbooks.lint import Finding
from runbooks.model import Runbook
from runbooks.promotion import EVIDENCE_URL, LONGEST_URL, SHORT
from runbooks.sense import LOWER_ENVIRONMENTS
from runbooks.strict import refused_character

LONGEST_REASON = 500
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for. by: person id. reason: why, may be empty unless a failure ended the last promotion."""

    runbook: Runbook
    digest: str
    environment: str
    evidence_url: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of evidence. said: what was found. remedy: what would make it there, empty when it is."""

    name: str
    said: str
    remedy: str = ""

    @property
    def there(self) -> bool:
        """Whether nothing is missing of it."""
        return not self.remedy


@dataclass(frozen=True, slots=True)
class Found:
    """What the machine looked at. lint: of this runbook. tests: (name, what is wrong, nothing when it passes).

    trials: ended runs of this version one rung below, in the order they ended. setback: the run that ended its last
    promotion to the wished environment.
    """

    lint: tuple[Finding, ...]
    tests: tuple[tuple[str, tuple[str, ...]], ...]
    trials: tuple[Trial, ...]
    setback: Setback | None


def place(environment: str, ladder: Ladder, policy: Policy) -> Piece:
    """Whether there is something to promote to, and a rung below to have tried it on."""
    known = ", ".join(policy.environments)
    if environment not in policy.environments:
        return Piece("environment", f"The policy knows no environment {environment!a}.", f"Use one of {known}.")
    if not ladder.needs_record(environment):
        return Piece("environment", f"{environment} asks for no record.", "Nothing needs to be done: use it there.")
    below = ladder.below(environment)
    if not below:
        fix = f"Write `promotion: {{ladder: [{policy.lowest_environment}, ..., {environment}]}}` into countersign.yaml."
        return Piece("environment", f"No ladder says which environment is below {environment}.", fix)
    return Piece("environment", f"{environment}, one rung above {below}.")


def examine(
    wish: Wish, found: Found, ladder: Ladder, settings: PromotionSettings, policy: Policy, people: People,
    operations: dict[str, Operation], now: datetime,
) -> tuple[Piece, ...]:  # fmt: skip
    """Every piece, in the order they are told."""
    counted = in_a_row(found.trials)
    below = ladder.below(wish.environment) or policy.lowest_environment
    return (
        place(wish.environment, ladder, policy),
        _who(wish, people),
        _url(wish.evidence_url),
        _lint(found.lint),
        _tests(found.tests),
        _whole(wish),
        _runs(found.trials, counted, settings, below, wish.digest),
        _age(counted, settings, now),
        _steps(wish.runbook, counted, operations, below),
        _since_failure(wish, found.setback),
    )


def in_a_row(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """The newest successful runs that changed something, back to the last that did not succeed: after it, counting begins anew."""
    failed = max((number for number, trial in enumerate(trials) if not trial.succeeded), default=-1)
    return tuple(trial for trial in trials[failed + 1 :] if trial.steps)


def _who(wish: Wish, people: People) -> Piece:
    person = people.by_id(wish.by)
    if person is None:
        said = f"{wish.by!a} is not in people.yaml." if wish.by else "Nobody is named who vouches for it."
        return Piece("who", said, "Say who you are: `--by YOUR-ID`.")
    return Piece("who", f"{person.name} vouches for it.")


def _url(url: str) -> Piece:
    if re.fullmatch(EVIDENCE_URL, url) and url.isascii() and url.isprintable() and len(url) <= LONGEST_URL:
        return Piece("evidence", f"{url} (recorded, not opened)")
    return Piece(
        "evidence", "The evidence is no https address.", "Link what a reviewer can read: `--evidence-url https://...`."
    )


def _lint(lint: Sequence[Finding]) -> Piece:
    errors = [finding for finding in lint if finding.severity == "error"]
    if errors:
        more = f", and {len(errors) - 1} more" if len(errors) > 1 else ""
        return Piece("lint", f"{errors[0].message}{more}", f"{errors[0].fix} `runbookctl lint` shows all.")
    more = "s" if len(lint) > 1 else ""
    return Piece("lint", f"no errors, {len(lint)} warning{more}" if lint else "nothing to complain about")


def _tests(tests: Sequence[tuple[str, tuple[str, ...]]]) -> Piece:
    wrong = [(name, why) for name, why in tests if why]
    if wrong:
        told = "; ".join(f"{name}: {why[0]}" for name, why in wrong[:SHOWN])
        return Piece("tests", f"{len(wrong)} of {len(tests)} do not pass: {told}", "`runbookctl test` shows them all.")
    return Piece("tests", f"{len(tests)} of its own cases pass" if tests else "it has none of its own")


def _whole(wish: Wish) -> Piece:
    """What the loader asks of a scope above staging: the record puts the environment into the scopes (mission R2, R3)."""
    runbook, first = wish.runbook, wish.runbook.steps[0]
    if runbook.waits_for:
        waits = ", ".join(runbook.waits_for)
        return Piece("runbook", f"It waits for {waits}, which does not exist here.", "Come back when it can be run.")
    stated = bool(first.rollback or first.rollback_note or first.irreversible)
    if runbook.short_form and not stated and wish.environment not in LOWER_ENVIRONMENTS:
        fix = "Add `rollback: none` with a `rollback_note`, `rollback: [...]` or `irreversible: true`; then try that version."
        return Piece("runbook", f"It does not say how it is undone, and {wish.environment} asks for that.", fix)
    return Piece("runbook", f"version {wish.digest[:SHORT]}, it says how it is undone")


def _runs(
    trials: Sequence[Trial], counted: Sequence[Trial], settings: PromotionSettings, below: str, digest: str
) -> Piece:
    failed = [trial for trial in trials if not trial.succeeded]
    said = f"{len(counted)} of {settings.runs} successful runs of version {digest[:SHORT]} in {below}"
    if failed:
        last = failed[-1]
        said += f" since {last.run_id} {last.outcome.replace('_', ' ')} on {last.ended_at:%Y-%m-%d %H:%M} UTC"
    missing = settings.runs - len(counted)
    return Piece(
        "runs",
        said,
        f"Run this very version in {below} {missing} more time{'s' if missing > 1 else ''}." if missing > 0 else "",
    )


def _age(counted: Sequence[Trial], settings: PromotionSettings, now: datetime) -> Piece:
    wanted = duration(settings.min_age)
    if not counted:
        return Piece("age", "It was not tried yet.", f"The first of its successful runs must be {wanted} ago.")
    age = now - counted[0].ended_at
    said = f"first tried {duration(max(age.total_seconds(), 0.0))} ago"
    if age >= timedelta(seconds=settings.min_age):
        return Piece("age", said)
    ready = counted[0].ended_at + timedelta(seconds=settings.min_age)
    return Piece("age", f"{said}, and it must be {wanted}", f"Come back after {ready:%Y-%m-%d %H:%M} UTC.")


def _steps(runbook: Runbook, counted: Sequence[Trial], operations: dict[str, Operation], below: str) -> Piece:
    changing = [s.id for s in runbook.steps if s.action not in operations or not operations[s.action].read_only]
    tried = {step for trial in counted for step in trial.steps}
    never = [step for step in changing if step not in tried]
    if never:
        return Piece(
            "steps",
            f"never carried out in those runs: {', '.join(never)}",
            f"Run it in {below} so that each step is needed.",
        )
    if not changing:
        return Piece("steps", "It changes nothing.", "Nothing needs to be done: what only reads needs no record.")
    return Piece("steps", f"each was carried out: {', '.join(changing)}")


def _since_failure(wish: Wish, setback: Setback | None) -> Piece:
    if len(wish.reason) > LONGEST_REASON:
        return Piece("reason", f"It has {len(wish.reason)} characters.", f"Say it in {LONGEST_REASON}.")
    if refused_character(wish.reason) is not None:  # no record could hold it
        return Piece("reason", "It holds an invisible character.", "Type it anew, without what was pasted.")
    if setback is None:
        return Piece("reason", wish.reason or "none given, and none needed")
    told = f"{setback.run_id} ended the last promotion on {setback.at:%Y-%m-%d %H:%M} UTC ({setback.outcome.replace('_', ' ')})"
    if wish.reason.strip():
        return Piece("reason", f"{told}; {wish.reason}")
    return Piece("reason", told, "Say with `--reason` why it may be used again.")
