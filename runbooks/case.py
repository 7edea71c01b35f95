"""A case that a runbook carries: what is given, and what must come out (mission R4; `tests:` in YAML).

Part of runbooks/model.py; played by bot/simulation/cases.py for `runbookctl test` and, as evidence, `runbookctl promote`.
docs/runbook-tests.md explains every key to authors. Values only.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

CasePastOutcome = Literal["succeeded", "failed", "rolled_back", "skipped", "running", "unknown"]


class CasePart(BaseModel):
    """Base: immutable, strict, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CaseIncident(CasePart):
    """What the alert says, as matcher and conditions see it.

    A case whose incident has neither title, alert name, labels nor details is one where a person asks for the runbook by
    name (`/runbook run`); then nothing is matched.
    """

    title: str = ""
    severity: Literal["critical", "error", "warning", "info"] = "critical"
    alert_name: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    details: dict[str, str] = Field(default_factory=dict)

    @property
    def says_nothing(self) -> bool:
        """Whether there is nothing that could be matched."""
        return not (self.title or self.alert_name or self.labels or self.details)


class CasePast(CasePart):
    """A step that was tried before on the same incident. runbook: empty for the one that carries the case."""

    step: str
    outcome: CasePastOutcome
    runbook: str = ""


class CaseExpect(CasePart):
    """What must come out; only what is written is judged, and at least one thing must be.

    step: id of the changing (or last reading) step offered. plan: what each act shows, in order, exactly. refused:
    reason code of the refusal to plan or of the guards. no_step: words that the reason for offering nothing contains.
    asks: kinds of question that people are asked (`approval`, `confirmation`), in any order; an empty list is nobody.
    """

    step: str = ""
    plan: tuple[str, ...] = ()
    refused: str = ""
    no_step: str = ""
    asks: tuple[Literal["approval", "confirmation"], ...] | None = None

    @model_validator(mode="after")
    def _something(self) -> CaseExpect:
        if not (self.step or self.plan or self.refused or self.no_step or self.asks is not None):
            raise ValueError("expect at least one of step, plan, refused, no_step and asks")
        if self.no_step and (self.step or self.plan or self.asks is not None):
            raise ValueError("no_step does not go with step, plan or asks")
        if self.refused and self.asks is not None:
            raise ValueError("refused does not go with asks: who is refused is asked nothing")
        return self


class Case(CasePart):
    """One case.

    environment: of the service. facts: fact name -> observed value; one that is left out could not be observed. past: what
    was tried on this incident. ran_minutes_ago: when this very step ran before and worked, for limits. params: parameters
    a person chose. targets: target kind -> settings of the one target of that kind, as in services.yaml; kinds not written
    get an example (bot/simulation/examples.py).
    """

    name: str = Field(min_length=1, max_length=120)
    incident: CaseIncident = CaseIncident()
    environment: str = "staging"
    facts: dict[str, dict[str, Any]] = Field(default_factory=dict)
    past: tuple[CasePast, ...] = ()
    ran_minutes_ago: tuple[float, ...] = ()
    params: dict[str, str | int] = Field(default_factory=dict)
    targets: dict[str, dict[str, Any]] = Field(default_factory=dict)
    expect: CaseExpect
