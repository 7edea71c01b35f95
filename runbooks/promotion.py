"""Promotions: which exact runbook may be used above the lowest environment, and on what evidence (R5, case T41).

A record is a file `promotions/<id>.<env>.yaml` beside the runbooks; bot/stages/promoted.py asks about it before every step.
It names a digest, so any later change to the runbook needs a new record. Values and their text; must not write files
(`runbookctl promote` and `demote` do) and must not ask a clock.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from guards.decision import Deny
from runbooks import pattern
from runbooks.folder import Problem, is_there, read_folder
from runbooks.ladder import Ladder
from runbooks.model import Runbook
from runbooks.strict import StrictError, parse

FOLDER = "promotions"
"""The sub-folder of records in a folder of runbooks. The shipped catalogue has none (docs/adr/0011)."""

EVIDENCE_URL = r"^https://[^\s/@]+(/[^\s]*)?$"
LONGEST_URL = 2000
SHORT = 12  # characters of a digest that people see


class Part(BaseModel):
    """Base: immutable, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Withdrawal(Part):
    """Somebody took the promotion back by hand. by: person id. when: with a time zone. why: one sentence."""

    by: str = Field(min_length=1, max_length=63)
    when: AwareDatetime
    why: str = Field(min_length=1, max_length=500)


class Promotion(Part):
    """One reviewed record.

    id: runbook. env: the environment it may be used in. digest: 64 hex characters of that very runbook. evidence_url:
    https, recorded and never fetched. runs: successful runs counted in `tried_in`, the environment below. who: person id.
    when: with a time zone; failures after it end the promotion. withdrawn: taken back; the file stays, for the history.
    """

    id: str = Field(min_length=1, max_length=63)
    env: str = Field(min_length=1, max_length=31)
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    evidence_url: str = Field(pattern=EVIDENCE_URL, max_length=LONGEST_URL)
    runs: int = Field(ge=0)
    tried_in: str = Field(default="", max_length=31)
    who: str = Field(min_length=1, max_length=63)
    when: AwareDatetime
    why: str = Field(default="", max_length=500)
    withdrawn: Withdrawal | None = None


def honoured(records: Iterable[Promotion], runbook: str, digest: str, environment: str) -> Promotion | None:
    """The newest record of this very digest for this environment; None when there is none or it was withdrawn later.

    runbook: its id. digest: 64 hex characters. Two folders may hold a record of the same pair: a withdrawal in either
    ends every record that is not newer.
    """
    if not digest or not environment:
        return None
    about = [r for r in records if (r.id, r.env) == (runbook, environment) and r.digest == digest]
    withdrawn = [r.withdrawn.when for r in about if r.withdrawn is not None]
    standing = [r for r in about if r.withdrawn is None and all(r.when > when for when in withdrawn)]
    return max(standing, key=lambda record: record.when, default=None)


def promoted(
    runbook: str, digest: str, environment: str, records: Iterable[Promotion], ladder: Ladder
) -> Promotion | Deny | None:
    """None where no record is needed, the record that allows this digest there, else a Deny `not_promoted`.

    runbook: its id. An empty environment or digest never passes.
    """
    if not ladder.needs_record(environment):
        return None
    found = list(records)
    record = honoured(found, runbook, digest, environment)
    if record is not None:
        return record
    return not_promoted(runbook, environment or "an unknown environment", _why_not(found, runbook, digest, environment))


def not_promoted(runbook: str, environment: str, why: str) -> Deny:
    """The refusal, with the way out."""
    return Deny(
        "not_promoted",
        why,
        f"Have it promoted: `runbookctl promote --action {runbook} --env {environment} --evidence-url URL` says what is missing.",
    )


def _why_not(records: Sequence[Promotion], runbook: str, digest: str, environment: str) -> str:
    where = environment or "an unknown environment"
    version = f"{runbook} (version {digest[:SHORT] or 'unknown'})"
    about = [r for r in records if (r.id, r.env) == (runbook, environment)]
    taken = [r.withdrawn for r in about if r.withdrawn is not None and r.digest == digest]
    if taken:
        newest = max(taken, key=lambda withdrawal: withdrawal.when)
        return f"The promotion of {version} to {where} was withdrawn by {newest.by} on {newest.when:%Y-%m-%d}: {newest.why}"
    if about:
        return f"{version} is not the version that was promoted to {where} ({about[-1].digest[:SHORT]})."
    return f"{version} has no promotion record for {where}."


def scopes(runbook: Runbook) -> frozenset[str]:
    """Every environment that a step of the runbook is meant for."""
    return frozenset(scope for step in runbook.steps if step.safety for scope in step.safety.scopes)


def above_lowest(runbook: Runbook, lowest: str) -> tuple[str, ...]:
    """The environments in the runbook's scopes above the lowest, where it needs a promotion record, sorted."""
    return tuple(sorted(scopes(runbook) - {lowest}))


def load_promotions(folders: Sequence[Path | str]) -> tuple[tuple[Promotion, ...], tuple[Problem, ...]]:
    """All records below the folders that exist, and what is wrong with the others. A bad record promotes nothing."""
    good: list[Promotion] = []
    problems: list[Problem] = []
    for folder in folders:
        if is_there(Path(folder)) is False:
            continue
        for found in read_folder(Path(folder)):
            made = found if isinstance(found, Problem) else parse_promotion(found[1], str(found[0]))
            if isinstance(made, Promotion) and not isinstance(found, Problem):
                made = _well_named(made, found[0])
            if isinstance(made, Problem):
                problems.append(made)
            else:
                good.append(made)
    return tuple(good), tuple(problems)


def parse_promotion(text: str, source: str) -> Promotion | Problem:
    """One record from strict YAML, or the first thing wrong with it. source: the file's name, for messages."""
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


def file_name(runbook: str, environment: str) -> str:
    """What the record's file is called: `<id>.<env>.yaml`."""
    return f"{runbook}.{environment}.yaml"


def record_text(record: Promotion) -> str:
    """The record as strict YAML."""
    # JSON text is strict YAML, and quotes every text the same way; its escapes of two halves of a character are not.
    made = record.model_dump(mode="json", exclude_none=True)
    return "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in made.items() if value != "")


def new_record(
    runbook: str,
    digest: str,
    environment: str,
    url: str,
    runs: int,
    who: str,
    when: datetime,
    *,
    tried_in: str = "",
    why: str = "",
) -> Promotion:
    """A new record from checked values. Raises ValueError for a wrong one."""
    return Promotion(
        id=runbook,
        env=environment,
        digest=digest,
        evidence_url=url,
        runs=runs,
        tried_in=tried_in,
        who=who,
        when=when,
        why=why,
    )


def _well_named(record: Promotion, path: Path) -> Promotion | Problem:
    """One file per runbook and environment, found by its name: so two records of one pair cannot hide beside each other."""
    wanted = file_name(record.id, record.env)
    if path.name == wanted:
        return record
    return Problem(str(path), 1, 1, f"this is the record of {record.id} for {record.env}.", f"call the file {wanted}.")
