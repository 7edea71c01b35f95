"""The commands of `runbookctl`: one file per command group, listed here.

Heavy imports happen inside the commands, so that `runbookctl --help` and `runbookctl kill` are quick (the emergency stop
must work with everything else down). Called by bot/cli/__init__.py.
"""

from __future__ import annotations

import typer

from bot.cli import (
    approve,
    audit,
    backtest,
    coverage,
    database,
    demote,
    doctor,
    explain,
    freeze,
    gameday,
    import_page,
    lint,
    match,
    new,
    pages,
    promote,
    report,
    sandbox,
    schema,
    serve,
    simulate,
    stop,
    test,
)

app = typer.Typer(
    name="runbookctl",
    help="Countersign: guarded, approved, proved remediation. Start with `runbookctl sandbox`.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("sandbox")(sandbox.sandbox)
app.command("gameday")(gameday.gameday)
app.command("doctor")(doctor.doctor)
app.command("lint")(lint.lint)
app.command("schema")(schema.schema)
app.command("new")(new.new)
app.command("import")(import_page.import_page)
app.command("test")(test.play)
app.command("pages")(pages.pages)
app.command("match")(match.match)
app.command("simulate")(simulate.simulate)
app.command("freeze")(freeze.freeze)
app.command("explain")(explain.explain)
app.command("backtest")(backtest.backtest)
app.command("promote")(promote.promote)
app.command("demote")(demote.demote)
app.command("coverage")(coverage.coverage)
app.command("approve")(approve.approve)
app.command("kill")(stop.kill)
app.command("resume")(stop.resume)
app.add_typer(audit.app, name="audit")
app.add_typer(database.app, name="db")
app.add_typer(report.app, name="report")
