"""`runbookctl pages`: a page of Markdown for each runbook, and their index (docs/runbooks)."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.files import replace
from bot.errors import ConfigurationError

INDEX = "index.md"
OUTPUT = Path("docs/runbooks")
FIX = "name a folder that you may write to."


def pages(
    paths: Annotated[list[Path] | None, typer.Argument(help="Files or folders; else the shipped catalogue.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder of the pages.", metavar="FOLDER")] = OUTPUT,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 1 when a page is missing, old or left over.")
    ] = False,
) -> None:
    """Write a page for people of every runbook, with the exact commands for the example service."""
    wanted = _made(paths)
    present = {path.name: path for path in output.glob("*.md")} if output.is_dir() else {}
    left = sorted(name for name in set(present) - set(wanted) if _ours(present[name]))
    changed = sorted(name for name, text in wanted.items() if name not in present or _read(present[name]) != text)
    if check:
        for name in changed:
            typer.echo(f"✗ {output / name}: {'is old' if name in present else 'is missing'}.")
        for name in left:
            typer.echo(f"✗ {output / name}: there is no such runbook any more.")
        if changed or left:
            named = [str(path) for path in paths or ()]
            typer.echo(f"Fix: {shlex.join(['runbookctl', 'pages', '--output', str(output), *named])}")
            raise typer.Exit(1)
        typer.echo(f"{output}: {len(wanted)} pages, all as they should be.")
        return
    for name in changed:
        replace(output / name, wanted[name], fix=FIX, folders=True)
    try:
        for name in left:
            present[name].unlink()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigurationError(f"an old page cannot be removed ({reason}).", place=str(output), fix=FIX) from error
    typer.echo(f"{output}: {len(wanted)} pages, {len(changed)} written, {len(left)} removed.")


def _made(paths: list[Path] | None) -> dict[str, str]:
    """File name -> text. Raises ConfigurationError without runbooks, and for a file that is none."""
    from bot.assembly import TEMPLATES
    from bot.pages import index, page
    from bot.render import Renderer
    from bot.simulation.reading import sound_runbooks
    from runbooks.load import BUILTIN

    runbooks = sound_runbooks(paths or [BUILTIN])
    renderer = Renderer(TEMPLATES)
    ids = {runbook.id for runbook in runbooks}
    made = {f"{runbook.id}.md": page(renderer, runbook, ids) for runbook in runbooks}
    return made | {INDEX: index(renderer, runbooks)}


def _ours(path: Path) -> bool:
    """Whether this command wrote it: nobody's own page is removed."""
    return "Made by `runbookctl pages`" in _read(path)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
