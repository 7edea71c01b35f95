"""`runbookctl lint`: errors and warnings for runbooks, with file, line and a fix. The rules are in runbooks/lint.

What is read is in bot/cli/lint_sources.py; `--fix` writes files back. Exit 0 with warnings only, 1 with errors, 2 when there is
nothing to lint or an option is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bot.cli.files import replace
from bot.cli.options import JsonOption

if TYPE_CHECKING:
    from bot.cli.lint_sources import Read
    from guards.policy import Policy
    from runbooks.ladder import Ladder
    from runbooks.lint import Known
    from runbooks.lint.check import Located, Report
    from runbooks.promotion import Promotion


class Format(StrEnum):
    """How findings are written."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


def lint(
    paths: Annotated[
        list[str] | None, typer.Argument(help="Files or folders; else the shipped catalogue.", metavar="PATHS")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How findings are written.")] = Format.TEXT,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings are errors.")] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Mend what can be mended safely, then lint again.")] = False,
    policy: Annotated[
        Path | None, typer.Option("--policy", help="policy.yaml to compare with.", metavar="FILE")
    ] = None,
    promotions: Annotated[
        list[Path] | None, typer.Option("--promotions", help="Folder of promotion records.", metavar="FOLDER")
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(
            "--config",
            help="countersign.yaml: its runbooks, policy, ladder of environments and promotion records.",
            metavar="FILE",
        ),
    ] = None,
    today: Annotated[str, typer.Option("--today", help="Day to judge reviews by.", metavar="YYYY-MM-DD")] = "",
    rules: Annotated[bool, typer.Option("--rules", help="List the rules.")] = False,
    explain: Annotated[str, typer.Option("--explain", help="Explain one rule.", metavar="RULE")] = "",
    page: Annotated[bool, typer.Option("--page", hidden=True, help="Print docs/lint.md.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check runbooks: exit 0 with warnings only, 1 with errors."""
    if rules or explain or page:
        _about_rules(explain, page=page, as_json=as_json or form is Format.JSON)
        return
    from bot.cli import lint_sources
    from runbooks.lint.check import check

    if "" in (paths or ()):
        _wrong("a path is empty, and empty never means everything. Name a file or folder.")
    compared = _compared(config, policy)
    given = [Path(path) for path in paths] if paths else list(compared.folders) or [_shipped()]
    for folder in promotions or ():
        if not folder.is_dir():
            _wrong(f"--promotions {folder} is no folder. Name the folder that holds the records.")
    day = _day(today)
    try:
        files = list(lint_sources.read_paths(given))
    except lint_sources.Missing as missing:
        _wrong(str(missing))
    records, problems = lint_sources.promotions(given, promotions or compared.promotions)
    known = _known(given, records, compared, day)
    if fix:
        files = _mended(files, known)
    report = check([*files, *problems], known)
    _say(report, Format.JSON if as_json else form)
    raise typer.Exit(1 if report.errors or (strict and report.warnings) else 0)


def _shipped() -> Path:
    """The shipped catalogue, as short as it can be written from here."""
    from runbooks.load import BUILTIN

    here = Path.cwd()
    return BUILTIN.relative_to(here) if BUILTIN.is_relative_to(here) else BUILTIN


def _day(text: str) -> date:
    if not text:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        _wrong(f"--today {ascii(text)[1:-1][:40]} is not a day. Write it as 2026-11-30.")


@dataclass(frozen=True, slots=True)
class _Compared:
    """What runbooks are compared with. folders: the installation's own; empty without one."""

    policy: Policy | None
    ladder: Ladder
    folders: tuple[Path, ...] = ()
    promotions: tuple[Path, ...] = ()


def _compared(config: str | None, policy: Path | None) -> _Compared:
    """The installation's policy and ladder, or those of a policy file, or the usual ladder. Raises ConfigurationError."""
    from bot.cli.explain import policy_from
    from runbooks.ladder import Ladder
    from runbooks.lint.known import USUAL

    made = policy_from(policy) if policy else None
    if config is None:
        return _Compared(made, Ladder(lowest=made.lowest_environment) if made else USUAL)
    from bot.cli.options import configuration
    from bot.policy_inputs import make_promotions

    found = configuration(config)
    made = made or policy_from(found.path.parent / found.file.policy)
    folders = tuple(found.path.parent / folder for folder in found.file.runbooks)
    return _Compared(made, make_promotions(found, made).ladder, folders, found.promotion_folders)


def _known(given: list[Path], records: tuple[Promotion, ...], compared: _Compared, day: date) -> Known:
    from bot.cli import lint_sources
    from bot.roster import ADAPTERS, FACT_NAMES, OPERATIONS
    from runbooks.lint.known import Known

    return Known(
        OPERATIONS,
        FACT_NAMES,
        adapters=ADAPTERS,
        policy=compared.policy,
        promotions=records,
        ladder=compared.ladder,
        today=day,
        reviewed=lint_sources.reviewed(given, lint_sources.call_git),
        secret=lint_sources.is_secret,
    )


def _say(report: Report, form: Format) -> None:
    from runbooks.lint import RULES
    from runbooks.lint import report as reports
    from runbooks.lint.sarif import sarif

    if form is Format.JSON:
        typer.echo(reports.as_json(report))
    elif form is Format.SARIF:
        from importlib.metadata import version

        typer.echo(sarif(report, RULES, Path.cwd(), version("countersign")))
    elif form is Format.GITHUB:
        for line in reports.github(report):
            typer.echo(line)
    else:
        for line in reports.text(report):
            typer.echo(line)


def _mended(files: list[Read], known: Known) -> list[Read]:
    """The files after `--fix`; what was changed is told on standard error."""
    from runbooks.digest import digest
    from runbooks.lint.mend import mend
    from runbooks.load import load_runbook

    made: list[Read] = []
    for each in files:
        if not isinstance(each, tuple):
            made.append(each)
            continue
        path, text = each
        new, count = mend(text, partial(_findings, path, known))
        if count:
            replace(path, new, fix="correct its permissions, or lint without --fix.")
            told = f"mended {path}: {count} {'repair' if count == 1 else 'repairs'}"
            if digest(load_runbook(text, "")) != digest(load_runbook(new, "")):
                told += "; its digest is new, so promotions of the old one no longer count"
            typer.echo(told, err=True)
        made.append((path, new))
    return made


def _findings(path: Path, known: Known, text: str) -> tuple[Located, ...]:
    from runbooks.lint.check import check

    return check([(path, text)], known).findings


def _about_rules(explain: str, *, page: bool, as_json: bool) -> None:
    from runbooks.lint import RULES, pages
    from runbooks.spelling import did_you_mean

    if page:
        typer.echo(pages.page(RULES), nl=False)
        return
    if not explain:
        for line in [pages.as_json(RULES)] if as_json else pages.listing(RULES):
            typer.echo(line)
        return
    by_name = {rule.id: rule for rule in RULES}
    if explain not in by_name:
        shown = ascii(explain)[1:-1][:60]
        meant = did_you_mean(explain, by_name).capitalize() or "Look for it."
        _wrong(f"there is no rule {shown}. {meant} `runbookctl lint --rules` lists them.")
    rule = by_name[explain]
    typer.echo(pages.as_json([rule]) if as_json else pages.explanation(rule))


def _wrong(message: str) -> NoReturn:
    typer.echo(f"lint: {message}", err=True)
    raise typer.Exit(2)
