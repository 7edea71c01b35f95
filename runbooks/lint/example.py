"""The examples of the rules: parts of a runbook, and the rest that makes one whole.

Used by the rules, by docs/lint.md, which shows the rest once, and by the tests, which lint every example. Must not judge.
"""

from __future__ import annotations

import re

REST = {
    "id": "id: example\n",
    "title": "title: An example\n",
    "owner": "owner: sre\n",
    "match": 'match: {alerts: ["ExampleDown"]}\n',
    "params": "params:\n  target: {type: target, kind: supervisor_program}\n",
    "steps": """\
steps:
  - id: restart
    action: supervisor.restart
    with: {target: "${target}"}
    verify: {fact: health, expect: "status == 200", within: 30s, samples: 3 of 4}
    rollback: none
    safety: {risk: safe, scopes: [staging]}
""",
    "tests": """\
tests:
  - name: restarts what is down
    incident: {alert_name: ExampleDown}
    expect: {step: restart}
""",
}
RESTART = """
    steps:
      - id: restart
        action: supervisor.restart
        with: {target: "${target}"}
        verify: {fact: health, expect: "status == 200", within: 60s, samples: 3 of 4}
        rollback: none
        safety: """
"""A careful step up to its safety, which the rules about safety end in two ways."""
SHORT_REST = ("id", "title", "owner")
NEXT_FILE = "\n---\n"
_KEY = re.compile(r"^([a-z_]+):", re.MULTILINE)


def whole(part: str) -> tuple[str, ...]:
    """The runbooks of an example, as text. `---` stands between two files; keys that are not written come from REST."""
    return tuple(_whole(each + "\n") for each in part.rstrip("\n").split(NEXT_FILE))


def _whole(part: str) -> str:
    written = set(_KEY.findall(part))
    names = SHORT_REST if "command" in written else tuple(REST)
    if "steps" in written:  # the tests of REST are about its own steps
        names = tuple(name for name in names if name != "tests")
    return "".join(REST[name] for name in names if name not in written) + part
