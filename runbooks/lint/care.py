"""Lint rules about care: an owner, a review in time, a promotion record, no secret, no repeated or untidy text.

Called by runbooks/lint. Days, records and the look of secrets are passed in. Must not ask a clock or Git.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from runbooks.digest import digest
from runbooks.lint.example import RESTART
from runbooks.lint.finding import Finding, Path, Repair
from runbooks.lint.rule import rule
from runbooks.lint.subject import Subject
from runbooks.promotion import honoured
from runbooks.sense import LOWER_ENVIRONMENTS

DAY = 86400.0


@rule(
    "without-owner",
    "warning",
    why="Somebody has to answer when it fails at night, and to review it (mission R8). The short form may go without below "
    "production.",
    bad='owner: ""',
    good="owner: payments-oncall",
)
def without_owner(subject: Subject) -> Iterator[Finding]:
    """Nobody owns the runbook."""
    runbook = subject.runbook
    if not runbook.owner.strip() and not (runbook.short_form and subject.scopes <= LOWER_ENVIRONMENTS):
        yield Finding(
            "without-owner",
            "warning",
            "nobody owns this runbook.",
            "add owner: team.",
            ("owner",) if "owner" in runbook.model_fields_set else ("id",),
        )


@rule(
    "overdue-review",
    "warning",
    why="Systems change under a runbook that stays. `review_every` is its promise; the last commit of its file counts as the "
    "last review (`--today` sets the day to judge by).",
    bad="review_every: 30d",
    good="review_every: 365d",
)
def overdue_review(subject: Subject) -> Iterator[Finding]:
    """The file was last changed longer ago than `review_every`."""
    last, today = subject.known.reviewed.get(subject.runbook.source), subject.known.today
    if last is None or today is None:
        return
    every = timedelta(seconds=subject.runbook.review_every)
    late = today - (last + every)
    if late > timedelta(0):
        yield Finding(
            "overdue-review",
            "warning",
            f"its review is {late.days or 1} days late: last changed on {last}, to be reviewed every "
            f"{subject.runbook.review_every / DAY:g} days.",
            "read it again, run its tests, and commit what changed (or the date in its description).",
            ("review_every",) if "review_every" in subject.runbook.model_fields_set else ("id",),
        )


@rule(
    "scope-above-promotion",
    "warning",
    why="Above the lowest environment this version is refused as `not_promoted` until a reviewed record names its digest "
    "(mission R5, case T41). Without `--policy`, dev and staging need none.",
    bad=RESTART + "{risk: safe, scopes: [staging, prod], limits: [{max: 1, per: service, window: 1h}]}",
    good=RESTART + "{risk: safe, scopes: [staging], limits: [{max: 1, per: service, window: 1h}]}",
)
def scope_above_promotion(subject: Subject) -> Iterator[Finding]:
    """A scope above the lowest environment has no promotion record for this very digest."""
    records = subject.known.promotions
    if records is None or not subject.changing:
        return
    runbook, ladder = subject.runbook, subject.known.ladder
    scopes = {scope for _, step in subject.changing if step.safety for scope in step.safety.scopes}
    above = sorted(scope for scope in scopes if ladder.needs_record(scope))
    own = tuple(record for record in records if record.id == runbook.id)
    current = digest(runbook) if own and above else ""
    missing = [scope for scope in above if honoured(own, runbook.id, current, scope) is None]
    if missing:
        older = any(record.env in missing for record in own)
        first = next((i for i, step in subject.changing if step.safety and set(step.safety.scopes) & set(missing)), 0)
        yield Finding(
            "scope-above-promotion",
            "warning",
            f"no promotion record for {', '.join(missing)}"
            + (" names this version (there is one for another digest)" if older else "")
            + "; there it is refused as not_promoted.",
            f"runbookctl promote --action {runbook.id} --env {missing[0]} --evidence-url URL",
            ("steps", first, "safety", "scopes"),
        )


@rule(
    "secret-in-text",
    "error",
    why="What is in Git is known to everybody who ever cloned it, also after it was removed (case T46). Change the secret first.",
    bad="description: call with password=hunter2-3f9a if asked",
    good="description: the password is in the vault under payments/redis",
)
def secret_in_text(subject: Subject) -> Iterator[Finding]:
    """A line holds what looks like a password, token or key, also in a comment."""
    is_secret = subject.known.secret
    if is_secret is None or not subject.text or not is_secret(subject.text):
        return
    for number, line in enumerate(subject.text.splitlines(), 1):
        if is_secret(line):
            yield Finding(
                "secret-in-text",
                "error",
                "this line holds what looks like a secret.",
                "change the secret, take it out here, and read it from a secret store.",
                place=(number, len(line) - len(line.lstrip()) + 1),
            )


@rule(
    "repeated-entry",
    "warning",
    why="The second one does nothing, and whoever changes one of them later changes half.",
    bad='match: {alerts: ["ExampleDown", "ExampleDown"]}',
    good='match: {alerts: ["ExampleDown"]}',
    mends="removes the second one from the list.",
)
def repeated_entry(subject: Subject) -> Iterator[Finding]:
    """An alert, symptom or signature stands in its list twice."""
    match = subject.runbook.match
    lists: tuple[tuple[str, Sequence[str]], ...] = (
        ("alerts", match.alerts),
        ("symptoms", match.symptoms),
        ("signatures", match.signatures),
    )
    for key, entries in lists:
        if len(set(entries)) == len(entries):
            continue
        seen: set[str] = set()
        for i, entry in enumerate(entries):
            if entry in seen:
                path: Path = ("match", key, i)
                yield Finding(
                    "repeated-entry",
                    "warning",
                    f"{entry} stands twice in {key}.",
                    "keep one.",
                    path,
                    repair=Repair(entry),
                )
            seen.add(entry)


@rule(
    "untidy-text",
    "warning",
    why="Blanks at the end of a line, Windows line ends and a missing last newline make differences that nobody meant, in "
    "files whose every change is reviewed.",
    bad="title: An example   ",
    good="title: An example",
    mends="takes them away; the digest stays.",
)
def untidy_text(subject: Subject) -> Iterator[Finding]:
    """Blanks at line ends, Windows line ends, or no newline at the end of the file."""
    text = subject.text
    if not text or not ("\r" in text or " \n" in text or "\t\n" in text or text[-1] != "\n" or text.endswith(" ")):
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip(" \t\r"):
            yield Finding(
                "untidy-text",
                "warning",
                "a blank or a Windows line end at the end of this line.",
                "remove it.",
                place=(number, len(line.rstrip(" \t\r")) + 1),
            )
            return
    number = text.count("\n") + 1
    yield Finding("untidy-text", "warning", "no newline at the end of the file.", "add one.", place=(number, 1))
