"""What a runbook is: the one model behind the long form and the short form (mission R1, R2; design.md section 6).

Built by runbooks/load.py from YAML; read by match, next_step, lint and by bot/stages. Values only, unknown keys refused.
Must not read files or a clock.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from runbooks.case import Case

Risk = Literal["read", "safe", "caution", "forbidden"]
SIZE = "wanted"
"""The parameter of an operation that says how many there shall be; what `increments` cuts into steps."""
MEMBERS = "members"
"""The parameter of an operation that says which of a group it acts on; what `waves` fills in, wave by wave."""


def _empty(value: object) -> bool:
    """Whether a key that came later says nothing: then it is not in the canonical form, and old digests stay."""
    return not value


class Part(BaseModel):
    """Base: immutable, strict, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Match(Part):
    """When this runbook applies. symptoms: words for text search; alerts: alert names; when: CEL over incident, facts.

    signatures: RE2 patterns of known errors, looked for in the alert's text and in log lines (mission R6).
    """

    signatures: tuple[str, ...] = Field(default=(), exclude_if=_empty)
    symptoms: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    labels: dict[str, str] = Field(default_factory=dict)
    when: str = ""


class Parameter(Part):
    """A closed type. target: catalogue target of `kind`; enum: one of `values`; integer: min..max; duration: seconds
    between min and max; identifier: `[a-z0-9][a-z0-9._-]{0,62}`.
    """

    type: Literal["target", "enum", "integer", "duration", "identifier"]
    kind: str = ""
    values: tuple[str, ...] = ()
    min: int | None = None
    max: int | None = None
    default: str | int | None = None


class Pattern(Part):
    """RE2 pattern expected in the output."""

    pattern: str = Field(min_length=1, max_length=500)
    allow_failure: bool = False


class Verify(Part):
    """Proof of success. samples `3 of 4` is kept as required and of; within and every in seconds."""

    fact: str
    expect: str
    within: float = Field(gt=0, le=3600)
    every: float = Field(default=2.0, gt=0, le=600)
    required: int = Field(default=2, ge=1, le=100)
    of: int = Field(default=3, ge=1, le=100)


class Rollback(Part):
    """One undoing action, with the same shape as a step's action."""

    action: str
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")


class Limit(Part):
    """At most `max` runs per `per` in `window` seconds, in `env` or everywhere."""

    max: int = Field(ge=1)
    per: Literal["service", "target", "action", "person", "global"]
    window: float = Field(gt=0)
    env: str = ""


class BlastRadius(Part):
    """How much one plan may touch."""

    max_targets: int = Field(default=1, ge=1)


class Safety(Part):
    """The runbook's own rules. They may tighten policy, never loosen it. scopes: environments, never empty.

    autonomy: the most that the bot may do by itself (mission G2): only what says so may it start without being asked.
    """

    risk: Risk = "caution"
    scopes: tuple[str, ...] = Field(min_length=1)
    requires_approval: bool = False
    autonomy: Literal["shadow", "suggest", "approve", "auto"] = "suggest"
    limits: tuple[Limit, ...] = ()
    blast_radius: BlastRadius = BlastRadius()


class Step(Part):
    """One action with its pre-check, proof and undo.

    action: name of an operation. with_: its parameters (`${name}` stands for a whole parameter). when, precheck: CEL.
    rollback: empty tuple for `rollback: none`. increments: carry a change of size out in steps of at most so many percent,
    each proved before the next (mission G7); None, and not in the digest, for all at once. waves: act on several members
    in turn, each wave proved before the next: a count (`1`), a share (`25%`) or `rest`, which must be last (mission E4).
    on_failure: `escalate` undoes what the runbook says and calls people; `continue`, for steps that only read, goes on.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    title: str = ""
    action: str
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")
    when: str = ""
    precheck: str = ""
    verify: Verify | None = None
    expect: tuple[Pattern, ...] = ()
    rollback: tuple[Rollback, ...] = ()
    rollback_note: str = ""
    irreversible: bool = False
    safety: Safety | None = None
    deadline: float = Field(default=60.0, gt=0, le=3600)
    increments: float | None = Field(default=None, gt=0, le=100, exclude_if=lambda percent: percent is None)
    waves: tuple[str, ...] = Field(default=(), exclude_if=_empty)
    on_failure: Literal["escalate", "continue"] = Field(default="escalate", exclude_if=lambda w: w == "escalate")


class Escalate(Part):
    """When to page. after_failures: failed steps of this runbook on one incident."""

    after_failures: int = Field(default=1, ge=1)
    severity: Literal["critical", "error", "warning", "info"] = "critical"


class Runbook(Part):
    """A whole runbook. source: file it came from (not part of the digest).

    meaning, impact, diagnosis: for the page that people read (what the alert means, who notices, where to look).
    waits_for: names of adapters that its operations need and that do not exist here yet: it loads and lints, and is never
    offered. tests: its own cases; not part of the digest, for they prove it and do not change it.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    title: str
    owner: str = ""
    review_every: float = 90 * 86400.0
    description: str = ""
    match: Match = Match()
    params: dict[str, Parameter] = Field(default_factory=dict)
    steps: tuple[Step, ...] = Field(min_length=1)
    escalate: Escalate = Escalate()
    meaning: str = Field(default="", exclude_if=_empty)
    impact: str = Field(default="", exclude_if=_empty)
    diagnosis: tuple[str, ...] = Field(default=(), exclude_if=_empty)
    waits_for: tuple[str, ...] = Field(default=(), exclude_if=_empty)
    tests: tuple[Case, ...] = Field(default=(), exclude_if=_empty)
    short_form: bool = False
    source: str = Field(default="", exclude=True)
