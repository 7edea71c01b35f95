"""`runbookctl import page.md`: a written procedure or postmortem becomes knowledge, and where it can, a draft (R9).

Called by authors. Writes `knowledge/<id>.md` and, for a page whose commands are understood, `<id>.yaml.draft` in the given
folder: the ending keeps a draft out of the catalogue until a person has read it and renamed it. Must not run anything.
"""

from __future__ import annotations

import json
from pathlib import Path
from secrets import token_bytes
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from bot.cli.files import create
from bot.cli.new import FOLDER, checked, wrong
from bot.cli.options import JsonOption
from bot.errors import ConfigurationError

if TYPE_CHECKING:
    from runbooks.knowledge import Entry
    from runbooks.recognise import Recognised

DRAFT = ".yaml.draft"


def import_page(
    page: Annotated[Path, typer.Argument(help="A Markdown file.", metavar="PAGE")],
    into: Annotated[Path, typer.Option(help="Folder of your runbooks.", file_okay=False)] = FOLDER,
    owner: Annotated[str, typer.Option(help="Team that keeps the draft true.")] = "unknown",
    as_json: JsonOption = False,
) -> None:
    """Import one page. Exit 0 when it was taken, with or without a draft; 2 when it cannot be read or is there already."""
    from bot.redact import Redactor
    from bot.render.safe_text import plain
    from runbooks.folder import Problem
    from runbooks.knowledge import entry_text
    from runbooks.load import RunbookError
    from runbooks.page import read_page
    from runbooks.recognise import draftable, recognise

    read = _read(page)
    if isinstance(read, Problem):
        _wrong(f"{read.file}: {read.message}", read.fix)
    try:
        # What is written down stays, so secrets go first (safety rule 9).
        found = read_page(Redactor((), token_bytes(32)).text(read), page.stem)
    except ValueError as error:
        _wrong(f"{page}: {error}", "name a page that begins with `# Title` and has words.")
    kept = into / "knowledge" / f"{found.entry.id}.md"
    if kept.parent.is_symlink():
        _wrong(f"{kept.parent} is a link, and pages behind one are not read.", "put a real folder there.")
    known = recognise(found.commands)
    drafted = draftable(known)
    draft = into / f"{found.entry.id}{DRAFT}"
    text, why_not = "", "the page has no command that is understood and changes something."
    findings: list[str] = []
    if drafted is not None:
        text = _draft(found.entry, drafted[0], drafted[1], owner)
        try:
            findings = [f"{f.severity} [{f.rule}] {f.message} Fix: {f.fix}" for f in checked(text, draft)]
        except RunbookError as error:
            text, why_not = "", f"it would be no runbook: {error.problems[0].message}"
    _write(kept, entry_text(found.entry), draft, text)
    if as_json:
        told: dict[str, Any] = {
            "knowledge": str(kept),
            "kind": found.entry.kind,
            "symptoms": list(found.entry.symptoms),
            "draft": str(draft) if text else None,
            "findings": findings,
            "commands": [{"line": one.command.line, "action": one.action} for one in known],
            "unreadable": [{"line": u.line, "text": u.text, "reason": u.reason} for u in found.unreadable],
        }
        typer.echo(json.dumps(told, indent=1))
        return
    count = len(found.entry.symptoms)
    by = f" and by {count} symptom{'s' if count > 1 else ''}" if count else ""
    typer.echo(f"{kept}: a {found.entry.kind} that `runbookctl match` finds by its words{by}.")
    for one in known:
        typer.echo(f"  line {one.command.line}: {one.action} ({' '.join(one.command.argv)[:70]})")
    for broken in found.unreadable:
        typer.echo(f"  line {broken.line}: left out, {broken.reason}: {plain(broken.text, 70)}")
    if not text:
        typer.echo(f"No draft: {why_not}")
        return
    typer.echo(f"{draft}: a draft with one changing step. Read it, mend it, rename it to .yaml, lint it.")
    for line in findings:
        typer.echo(f"  {line}")


def _draft(entry: Entry, before: tuple[Recognised, ...], change: Recognised, owner: str) -> str:
    from bot.roster import OPERATIONS
    from runbooks.draft import Wish, text_of

    wish = Wish(
        id=entry.id,
        title=entry.title[:120],
        action=change.action,
        owner=owner,
        symptoms=entry.symptoms or (entry.title[:80],),
        given=change.given,
        before=tuple((look.action, look.given) for look in before),
        description=f"Drafted from the {entry.kind} '{entry.title}'; nobody has reviewed it yet.",
    )
    return text_of(wish, OPERATIONS)


def _read(page: Path) -> Any:
    from runbooks.folder import Problem
    from runbooks.page import MOST_BYTES

    try:
        if page.is_dir():
            return Problem(str(page), 1, 1, "this is a folder.", "name one Markdown file.")
        if not page.is_file():
            return Problem(str(page), 1, 1, "there is no such file.", "name a Markdown file.")
        with page.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            return Problem(str(page), 1, 1, f"larger than {MOST_BYTES} bytes.", "split the page.")
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        return Problem(str(page), 1, 1, f"not UTF-8 at byte {error.start}.", "save it as UTF-8.")
    except OSError as error:
        return Problem(str(page), 1, 1, f"cannot be read: {error.strerror}.", "make it readable.")


def _write(kept: Path, page: str, draft: Path, text: str) -> None:
    """The page, and the draft when it has a text; neither when one of them cannot be."""
    fix = "choose another folder with --into."
    try:
        create(kept, page, fix=fix, taken="remove it, or give the page another title.")
        if text:
            try:
                create(draft, text, fix=fix, taken="remove it, or give the page another title.")
            except ConfigurationError:
                kept.unlink(missing_ok=True)
                raise
    except ConfigurationError as error:
        _wrong(f"{error.place} {error.message}", error.fix)


def _wrong(what: str, fix: str) -> NoReturn:
    wrong(what, fix, command="import")
