"""A case that a runbook carries: what is given, and what must come out (mission R4; `tests:` in YAML).

Part of runbooks/model.py; played by `runbookctl test` and, for evidence, by `runbookctl promote`. Values only.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class CasePart(BaseModel):
    """Base: immutable, strict, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CasePast(CasePart):
    """A step that was tried before on the same incident. outcome: a word of the design (`failed`, `succeeded`)."""

    step: str
    outcome: str
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


class Case(CasePart):
    """One case.

    incident: fields that conditions and the matcher see (`title`, `severity`, `alert_name`, `labels`, `details`).
    environment: of the service. facts: fact name -> observed value. params: parameters a person chose. targets: target
    kind -> settings of the one target of that kind, as in services.yaml; kinds not written get an example of their own.
    """

    name: str = Field(min_length=1, max_length=120)
    incident: dict[str, Any] = Field(default_factory=dict)
    environment: str = "staging"
    facts: dict[str, dict[str, Any]] = Field(default_factory=dict)
    past: tuple[CasePast, ...] = ()
    params: dict[str, str | int] = Field(default_factory=dict)
    targets: dict[str, dict[str, Any]] = Field(default_factory=dict)
    expect: CaseExpect
