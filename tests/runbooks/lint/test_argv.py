"""Arguments that are meant for a shell: refused where the planner would refuse them, else said."""

from __future__ import annotations

import json

import pytest

from bot.operations.parameters import FORBIDDEN_TEXT
from runbooks.lint import Known
from runbooks.lint.argv import REFUSED
from runbooks.lint.check import check
from runbooks.lint.example import whole

STEP = """\
params:
  target: {{type: target, kind: command_host}}
  word: {{type: identifier}}
steps:
  - id: run
    action: command.run
    with: {{target: "${{target}}", argv: {argv}}}
    verify: {{fact: health, expect: "status == 200", within: 60s}}
    rollback: [{{action: command.run, with: {{target: "${{target}}", argv: {argv}}}}}]
    safety: {{risk: safe, scopes: [staging]}}
"""


def said(argv: list[str], known: Known) -> list[str]:
    (text,) = whole(STEP.format(argv=json.dumps(["grep", "${word}", *argv] if argv else [])))
    found = check([("x.yaml", text)], known).findings
    return [f.severity for f in found if f.rule == "shell-metacharacters"]


@pytest.mark.parametrize(
    "element",
    ["a;b", "a|b", "a&b", "$(id)", "`id`", "a>b", "<a", "a\\b", "@file", "", " ", "caf\u00e9", "$HOME"],
)
def test_T30_what_the_planner_refuses_is_an_error_in_steps_and_rollbacks(element: str, known: Known) -> None:
    assert said([element], known) == ["error", "error"]


@pytest.mark.parametrize("element", ["*.log", "a?", "~/x", "'a'", '"a"', "{a,b}"])
def test_what_only_a_shell_would_expand_is_a_warning(element: str, known: Known) -> None:
    assert said([element], known) == ["warning", "warning"]


@pytest.mark.parametrize("element", ["--count", "-n", "a.b", "/var/log/x", "a=b", "100%", "x'y", "{a}", "a:b,c", "[a]"])
def test_plain_arguments_are_fine(element: str, known: Known) -> None:
    assert said([element], known) == []


@pytest.mark.parametrize("program", ["sh", "/bin/bash", "env", "sudo", "PowerShell"])
def test_T30_a_shell_as_the_program_is_an_error(program: str, known: Known) -> None:
    (text,) = whole(STEP.format(argv=json.dumps([program, "-c", "ls"])).replace('"${word}"', '"a"'))
    found = [f for f in check([("x.yaml", text)], known).findings if f.rule == "shell-metacharacters"]
    assert [f.severity for f in found] == ["error", "error"]
    assert program in found[0].message


def test_the_refused_characters_are_those_of_the_planner() -> None:
    every = [chr(code) for code in range(256)]
    assert [c for c in every if REFUSED.search(c)] == [c for c in every if FORBIDDEN_TEXT.search(c)]
