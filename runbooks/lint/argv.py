"""Lint rules about arguments: no shell reads them, so nothing in them may be meant for one (trust rule 1, T30, T33).

Called by runbooks/lint. The refusals here are those of bot/operations/command.py, told before the incident.
"""

from __future__ import annotations

from collections.abc import Iterator

import re2

from runbooks.lint.finding import Finding
from runbooks.lint.rule import rule
from runbooks.lint.subject import Subject
from runbooks.parameters import reference

# What bot/operations/parameters.py refuses in free text; a planner would refuse it at the moment of need.
REFUSED = re2.compile(r"[^\x20-\x7e]|[;|&$`<>\\]")
# What only a shell would expand; passed on as it is, which is hardly what was meant.
EXPANDED = re2.compile(r"^~|[*?]|^['\"]|\{[^}]*,[^}]*\}")
SHELLS = frozenset(
    {"sh", "bash", "dash", "zsh", "ksh", "fish", "csh", "tcsh", "ash", "busybox", "cmd", "powershell", "pwsh"}
)
SHELLS |= frozenset({"eval", "xargs", "env", "sudo", "su", "nohup", "exec", "ssh"})


@rule(
    "shell-metacharacters",
    "error",
    why="Arguments are handed to the program one by one, and no shell reads them (case T30). What needs a pipe or a variable "
    "needs an operation of its own; a shell as the program would bring back everything that is kept out.",
    bad="""
    params:
      target: {type: target, kind: command_host}
    steps:
      - id: count
        action: command.run
        with: {target: "${target}", argv: [grep, ERROR, app.log, "|", wc, -l]}
        verify: {fact: health, expect: "status == 200", within: 60s, samples: 3 of 4}
        rollback: none
        safety: {risk: safe, scopes: [staging]}
    """,
    good="""
    params:
      target: {type: target, kind: command_host}
    steps:
      - id: count
        action: command.run
        with: {target: "${target}", argv: [grep, --count, ERROR, app.log]}
        verify: {fact: health, expect: "status == 200", within: 60s, samples: 3 of 4}
        rollback: none
        safety: {risk: safe, scopes: [staging]}
    """,
)
def shell_metacharacters(subject: Subject) -> Iterator[Finding]:
    """An element of `argv` holds a shell's character, begins with `@`, or names a shell as the program."""
    for action in subject.actions:
        argv = action.given.get("argv")
        if not isinstance(argv, list | tuple):
            continue
        for i, element in enumerate(argv):
            if not isinstance(element, str) or reference(element) is not None:
                continue
            message, error = _wrong(element, first=i == 0)
            if message:
                yield Finding(
                    "shell-metacharacters",
                    "error" if error else "warning",
                    message,
                    "write plain arguments, one per element; for anything else use or add an operation.",
                    (*action.path, "with", "argv", i),
                )


def _wrong(element: str, *, first: bool) -> tuple[str, bool]:
    """(what is wrong, whether it would be refused), or ("", False)."""
    shown = ascii(element)[:60]
    bad = REFUSED.search(element) if element.isascii() else True
    if bad:
        return f"the argument {shown} holds a character that only a shell reads or that is not plain.", True
    if first and element.rsplit("/", 1)[-1].lower() in SHELLS:
        return f"{element} runs other programs, so what it is given is no longer plain arguments.", True
    if element.startswith("@"):
        return f"the argument {shown} begins with @, which many programs read as a file name (case T33).", True
    if not element.strip():
        return "an argument is empty.", True
    if EXPANDED.search(element):
        return f"the argument {shown} is passed on as it is written: no shell expands it.", False
    return "", False
