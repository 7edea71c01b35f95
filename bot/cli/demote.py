"""`runbookctl demote`: take a promotion back by hand, with a name and a reason; it counts at the bot's next step.

The record stays, and says who withdrew it and why. A demotion after a failure needs nobody: bot/stages/promoted.py reads it
from the runs. Exit 0 withdrawn, 1 there was nothing to withdraw, 2 usage.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from bot.cli.options import ConfigOption, JsonOption, configuration
from bot.cli.promote import CommitOption, ToOption, finish, store_record, whole


def demote(
    action: Annotated[str, typer.Option(help="Id of the runbook.", metavar="RUNBOOK")],
    env: Annotated[str, typer.Option(help="The environment it is no longer to be used in.")],
    reason: Annotated[str, typer.Option(help="Why; shown to whoever asks for it, and recorded.")],
    by: Annotated[str, typer.Option(help="Your id in people.yaml.")],
    to: ToOption = None,
    commit: CommitOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Withdraw the promotion of a runbook to an environment."""
    from bot.app import make_policy
    from bot.policy_inputs import make_promotions
    from bot.review import Change
    from runbooks.promotion import Withdrawal, file_name, record_text
    from runbooks.strict import refused_character

    if not reason.strip() or len(reason) > 500:
        raise typer.BadParameter("say why in a sentence of at most 500 characters", param_hint="--reason")
    if refused_character(reason) is not None:
        raise typer.BadParameter("it holds an invisible character; type it anew", param_hint="--reason")
    found = configuration(config)
    if found.people.by_id(by) is None:
        known = ", ".join(one.id for one in found.people.people[:10])
        typer.echo(f"refused: {by} is not in people.yaml. Fix: write your own id, such as one of {known}.", err=True)
        raise typer.Exit(1)
    records = make_promotions(found, make_policy(found))
    standing = [r for r in records.of(action, env) if records.record(r.id, r.digest, env) is r]
    told = {"runbook": action, "environment": env, "promoted": False, "evidence": []}
    if not standing:
        said = f"There is no promotion of {action} to {env} to withdraw; the records are in {records.folders[0]}."
        finish(told | {"file": ""}, said, (), as_json=as_json)
        raise typer.Exit(1)
    now = datetime.now(UTC).replace(microsecond=0)
    last = max(standing, key=lambda record: record.when)
    withdrawn = last.model_copy(update={"withdrawn": Withdrawal(by=by, when=max(now, last.when), why=reason.strip())})
    name = file_name(action, env)
    place = next((folder for folder in records.folders if (folder / name).is_file()), records.folders[0])
    path = (to or place) / name
    data = {"runbook": action, "environment": env, "digest": last.digest, "reason": reason.strip()}
    branch = f"demote-{action}-{env}-{last.digest[:8]}"
    change = Change(whole(path), record_text(withdrawn), branch, f"Demote {action} from {env}", reason.strip())
    steps = store_record(found, change, "demoted", data, by, now, commit=commit)
    word = "The withdrawal waits for its review" if commit else "Withdrawn"
    said = f"{word}: {action} ({last.digest[:12]}) in {env}."
    finish(told | {"file": str(path), "next": steps}, said, (), steps, as_json=as_json)
