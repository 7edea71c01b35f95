"""The rules as people read them: one in a terminal (`--explain`), all in a list (`--rules`), and docs/lint.md.

Called by `runbookctl lint`; a test keeps docs/lint.md equal. Must not judge.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence

from runbooks.lint.example import REST
from runbooks.lint.report import WIDTH
from runbooks.lint.rule import Rule

INTRODUCTION = """\
# runbookctl lint

    runbookctl lint                          # the shipped catalogue
    runbookctl lint runbooks/ one.yaml       # folders and files
    runbookctl lint --policy policy.yaml     # also: does a runbook claim more than policy gives?
    runbookctl lint --fix                    # mend what can be mended without changing what a runbook does
    runbookctl lint --explain slow-pattern   # one rule, with examples

Every finding has its file, line, column, rule and what to do. Exit codes: 0 for nothing or warnings only (`--strict` makes
warnings errors), 1 for errors, 2 when there is nothing to lint or an option is wrong.

`--format text` is for people, `json` for scripts, `github` writes annotations beside the lines of a pull request, `sarif` is
SARIF 2.1.0 for code scanning:

```yaml
# .github/workflows/runbooks.yaml
jobs:
  lint:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with: {fetch-depth: 0}   # the last commit of a file is its last review
      - run: runbookctl lint --format github --strict runbooks/
```

As a [pre-commit](https://pre-commit.com) hook it checks the runbooks of each commit:

```yaml
# .pre-commit-config.yaml
repos:
  - repo: https://your-host/countersign
    rev: v0.1.0
    hooks:
      - id: runbookctl-lint
        files: ^runbooks/.*\\.ya?ml$
```

`--config countersign.yaml` lints an installation: its own runbooks, compared with its policy, ladder and promotion records.
`--policy` compares with a policy alone and takes its lowest environment; `--promotions FOLDER` says where promotion records are, else
every folder called `promotions` below the given ones is read (and its records are checked); `--today 2026-11-30` is the day for
reviews. The last review of a file is its last commit; a file that is changed or not in Git is being reviewed now.

`--fix` writes a file again only when the new text loads and the runbook is the same but for the value that was meant. It never
adds, removes or alters a step, a guard, a scope or a proof. A new digest needs a new promotion: `--fix` says so.

## Rules

"""


def listing(rules: Sequence[Rule]) -> Iterator[str]:
    """One line for each rule: id, severity, whether `--fix` mends it, what it finds."""
    width = max(len(rule.id) for rule in rules)
    for rule in rules:
        lead = f"{rule.id:<{width}}  {rule.severity:<7}  {'fix' if rule.mends else '   '}  "
        yield textwrap.fill(lead + rule.what, WIDTH, subsequent_indent=" " * len(lead), break_on_hyphens=False)


def as_json(rules: Sequence[Rule]) -> str:
    """One object: `rules`, each with everything that its page has."""
    keys = ("id", "severity", "what", "why", "bad", "good", "mends")
    return json.dumps({"rules": [{key: getattr(rule, key) for key in keys} for rule in rules]}, indent=1)


def explanation(rule: Rule) -> str:
    """One rule for a terminal."""
    parts = [f"{rule.id} ({rule.severity})", textwrap.fill(rule.what, WIDTH), textwrap.fill(rule.why, WIDTH)]
    if rule.mends:
        parts.append(textwrap.fill(f"--fix {rule.mends}", WIDTH))
    parts += [
        "Instead of",
        textwrap.indent(rule.bad, "    ").rstrip(),
        "write",
        textwrap.indent(rule.good, "    ").rstrip(),
    ]
    return "\n\n".join(parts)


def page(rules: Sequence[Rule]) -> str:
    """The whole of docs/lint.md."""
    parts = [INTRODUCTION, "| rule | worst | `--fix` | finds |\n|---|---|---|---|\n"]
    parts += [
        f"| [{rule.id}](#{rule.id}) | {rule.severity} | {'yes' if rule.mends else ''} | {_cell(rule.what)} |\n"
        for rule in rules
    ]
    rest = "".join(REST.values())
    parts.append(
        f"\nThe examples are parts of this runbook; what they do not show is as here\n(but one with steps of its own has no tests):\n\n```yaml\n{rest}```\n"
    )
    for rule in rules:
        parts.append(f"\n### {rule.id}\n\n{rule.what} ({rule.severity})\n\n{rule.why}\n")
        if rule.mends:
            parts.append(f"\n`--fix` {rule.mends}\n")
        parts.append(f"\nInstead of\n\n```yaml\n{rule.bad}```\n\nwrite\n\n```yaml\n{rule.good}```\n")
    return "".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
