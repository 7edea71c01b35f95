"""The examples of docs/configuration.md and README.md are loaded and run as they are printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from bot.config import load
from guards import Policy

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = re.compile(r"## (\w+\.yaml)\n.*?```yaml\n(.*?)```", re.DOTALL)


def test_the_four_examples_load_together(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    examples = dict(EXAMPLE.findall(page))
    assert sorted(examples) == ["countersign.yaml", "people.yaml", "policy.yaml", "services.yaml"]
    for name, text in examples.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    found = load(tmp_path / "countersign.yaml", {"SLACK_BOT_TOKEN": "xoxb-1"})
    policy = Policy.from_mapping(found.policy)
    assert found.catalogue.named("payments") is not None
    assert policy.approvers("prod") is not None


def test_every_environment_variable_is_named() -> None:
    from bot.config import ADDRESSES, SECRETS

    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert [name for name in (*SECRETS, *ADDRESSES) if name not in page] == []


def test_every_kind_of_target_and_fact_is_named() -> None:
    from bot.roster import FACT_KINDS, OPERATIONS

    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    kinds = sorted({one.target_kind for one in OPERATIONS.values()} | set(FACT_KINDS))
    assert [kind for kind in kinds if f"`{kind}`" not in page] == []


def test_the_readme_names_every_word_of_the_slash_command() -> None:
    from bot.slack.commands import WORDS

    said = (ROOT / "README.md").read_text(encoding="utf-8").split("## In Slack")[1].split("## ")[0]
    assert [word for word in WORDS if not re.search(rf"[`| \n]{word}[ `|\n]", said)] == []


def test_the_script_of_the_readme_asks_on_the_terminal() -> None:
    script = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)[0]
    answers = {"y\n": "sessions: cleared", "n\n": "not run (declined)"}
    for typed, expected in answers.items():
        done = subprocess.run(
            [sys.executable, "-c", script],
            input=typed,
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=30,
            check=True,
        )
        assert expected in done.stdout
