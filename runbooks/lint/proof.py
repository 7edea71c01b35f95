"""Lint rules about proof and undo: a changing step says how success shows and how it is undone (mission R3).

Called by runbooks/lint. Must not know which operations exist: they are passed in.
"""

from __future__ import annotations

from collections.abc import Iterator

from runbooks.lint.finding import Finding
from runbooks.lint.patterns import fits_any_output
from runbooks.lint.rule import rule
from runbooks.lint.subject import Subject

_RESTART = """
steps:
  - id: restart
    action: supervisor.restart
    with: {target: "${target}"}"""


@rule(
    "mutating-without-verify",
    "error",
    why="That a command ended without an error does not mean that it helped. The `expect` of the short form is a weak "
    "proof and a warning: only the command's own output speaks for it.",
    bad=_RESTART
    + """
    rollback: none
    safety: {risk: safe, scopes: [staging]}
""",
    good=_RESTART
    + """
    verify: {fact: health, expect: "status == 200", within: 60s, samples: 3 of 4}
    rollback: none
    safety: {risk: safe, scopes: [staging]}
""",
)
def mutating_without_verify(subject: Subject) -> Iterator[Finding]:
    """A step changes something and nothing proves that it worked."""
    for i, step in subject.changing:
        if step.verify is not None:
            continue
        weak = subject.runbook.short_form and any(not expected.allow_failure for expected in step.expect)
        yield Finding(
            "mutating-without-verify",
            "warning" if weak else "error",
            f"the step {step.id} changes something and "
            + ("only its own output speaks for success." if weak else "nothing proves that it worked."),
            'add verify: {fact: health, expect: "status == 200", within: 60s, samples: 3 of 4}.',
            ("steps", i),
        )


@rule(
    "mutating-without-rollback",
    "error",
    why="The person who approves must know beforehand what happens when it does not help. Saying that there is no way back is "
    "an answer; saying nothing is not. For the short form it is a warning, and the loader keeps it below production.",
    bad=_RESTART
    + """
    verify: {fact: health, expect: "status == 200", within: 60s, samples: 3 of 4}
    safety: {risk: safe, scopes: [staging]}
""",
    good=_RESTART
    + """
    verify: {fact: health, expect: "status == 200", within: 60s, samples: 3 of 4}
    rollback: none
    rollback_note: a restart cannot be taken back; when it does not help, people are paged
    safety: {risk: safe, scopes: [staging]}
""",
)
def mutating_without_rollback(subject: Subject) -> Iterator[Finding]:
    """A step changes something and says neither `rollback` nor `irreversible: true`."""
    for i, step in subject.changing:
        if step.rollback or step.rollback_note or step.irreversible:
            continue
        yield Finding(
            "mutating-without-rollback",
            "warning" if subject.runbook.short_form else "error",
            f"the step {step.id} does not say how it is undone.",
            "add `rollback: [...]`, `rollback: none`, or `irreversible: true`.",
            ("steps", i),
        )


@rule(
    "vacuous-proof",
    "error",
    why="A proof that holds whatever happens reports success when nothing was mended.",
    bad=_RESTART
    + """
    verify: {fact: health, expect: "true", within: 60s, samples: 3 of 4}
    rollback: none
    safety: {risk: safe, scopes: [staging]}
""",
    good=_RESTART
    + """
    verify: {fact: health, expect: "status == 200", within: 60s, samples: 3 of 4}
    rollback: none
    safety: {risk: safe, scopes: [staging]}
""",
)
def vacuous_proof(subject: Subject) -> Iterator[Finding]:
    """A proof that looks at nothing: a constant condition, or a pattern that any output fits."""
    for text, path in subject.constants:
        if path[-1] == "expect":
            yield Finding(
                "vacuous-proof",
                "error",
                f"{text} does not depend on the fact it asks.",
                "compare a field of the fact.",
                path,
            )
    for i, step in enumerate(subject.runbook.steps):
        for j, expected in enumerate(step.expect):
            if fits_any_output(expected.pattern):
                yield Finding(
                    "vacuous-proof",
                    "error",
                    f"the pattern {expected.pattern} fits any output.",
                    "write what must be there.",
                    ("steps", i, "expect", j, "pattern"),
                )


@rule(
    "missing-tests",
    "warning",
    why="Its cases are how an author and a reviewer see what it does without doing it (`runbookctl test`), and promotion "
    "asks for them.",
    bad=_RESTART
    + """
    verify: {fact: health, expect: "status == 200", within: 60s, samples: 3 of 4}
    rollback: none
    safety: {risk: safe, scopes: [staging]}
tests: []
""",
    good="""
tests:
  - name: restarts what is down
    incident: {alert_name: ExampleDown}
    expect: {step: restart}
""",
)
def missing_tests(subject: Subject) -> Iterator[Finding]:
    """A long-form runbook changes something and carries no tests."""
    if subject.changing and not subject.runbook.tests and not subject.runbook.short_form:
        yield Finding(
            "missing-tests",
            "warning",
            "it changes something and has no tests.",
            "add tests: [{name: ..., facts: {...}, expect: {step: ...}}], and run `runbookctl test`.",
            ("id",),
        )
