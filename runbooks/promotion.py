"""Promotions: which exact runbook may be used above the lowest environment, and on what evidence (R5, case T41).

Read from `promotions/<id>.<env>.yaml` beside the runbooks; asked by the gate for every step. A record names a digest,
so any later change to the runbook needs a new record. Must not write records: `runbookctl promote` does.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from guards.decision import Deny
from runbooks import pattern
from runbooks.folder import Problem, read_folder
from runbooks.model import Runbook
from runbooks.strict import StrictError, parse

FOLDER = Path(__file__).parent / "promotions"


class Promotion(BaseModel):
    """One reviewed record.

    id: runbook. env: the environment it may be used in. digest: 64 hex characters of that very runbook. evidence_url:
    http or https. runs: successful runs counted in the environment below. who: person id. when: with a time zone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1, max_length=63)
    env: str = Field(min_length=1, max_length=31)
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    evidence_url: str = Field(pattern=r"^https?://[^\s]{1,2000}$")
    runs: int = Field(ge=0)
    who: str = Field(min_length=1, max_length=63)
    when: AwareDatetime


def promoted(
    runbook_digest: str,
    environment: str,
    promotions: Iterable[Promotion],
    lowest: str,
    *,
    exempt_environments: Collection[str] = (),
) -> Deny | None:
    """None when this digest may be used in this environment, else `not_promoted`.

    lowest: the environment where new runbooks may be tried. exempt_environments: others where policy asks for no
    record. An unknown (empty) environment is never exempt.
    """
    if environment and (environment == lowest or environment in exempt_environments):
        return None
    if environment and runbook_digest and any(p.digest == runbook_digest and p.env == environment for p in promotions):
        return None
    return Deny(
        "not_promoted",
        f"This version of the runbook ({runbook_digest[:12]}) has no promotion record for "
        f"{environment or 'an unknown environment'}.",
        f"Run it in {lowest}, then `runbookctl promote --env {environment or 'ENV'} --evidence-url URL`.",
    )


def above_lowest(runbook: Runbook, lowest: str) -> tuple[str, ...]:
    """The environments in the runbook's scopes that need a promotion record, sorted."""
    found = {scope for step in runbook.steps if step.safety for scope in step.safety.scopes}
    return tuple(sorted(found - {lowest}))


def load_promotions(folders: Sequence[Path | str] = (FOLDER,)) -> tuple[tuple[Promotion, ...], tuple[Problem, ...]]:
    """All records below the folders that exist, and what is wrong with the others. A bad record promotes nothing."""
    good: list[Promotion] = []
    problems: list[Problem] = []
    for folder in folders:
        if not Path(folder).is_dir():
            continue
        for found in read_folder(Path(folder)):
            if isinstance(found, Problem):
                problems.append(found)
                continue
            made = parse_promotion(found[1], str(found[0]))
            if isinstance(made, Problem):
                problems.append(made)
            else:
                good.append(made)
    return tuple(good), tuple(problems)


def parse_promotion(text: str, source: str) -> Promotion | Problem:
    """One record from strict YAML, or the first thing wrong with it."""
    try:
        document = parse(text)
    except StrictError as error:
        return Problem(source, error.line, error.column, error.message, error.fix)
    try:
        made = Promotion.model_validate_json(json.dumps(document.data), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = document.nearest(first["loc"])
        key = ".".join(str(part) for part in first["loc"]) or "the record"
        return Problem(source, place.line, place.column, f"{key}: {first['msg']}.", "correct or remove the record.")
    if not pattern.is_identifier(made.id) or not pattern.is_environment(made.env):
        return Problem(source, 1, 1, "id or env is not a plain name.", "write the runbook's id and one environment.")
    return made


def record_text(runbook: Runbook, digest: str, environment: str, url: str, runs: int, who: str, when: datetime) -> str:
    """The text of a new record as strict YAML, for `runbookctl promote`. Raises ValueError for a wrong value."""
    made = Promotion(
        id=runbook.id, env=environment, digest=digest, evidence_url=url, runs=runs, who=who, when=when
    ).model_dump(mode="json")
    # JSON text is strict YAML, and quotes every text the same way.
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in made.items())
