"""The policy page is complete and true where it can be checked: its keys, its examples and its table of situations."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import guards
from bot.config import parse, read_yaml
from bot.situation import Situation
from guards.policy import Policy
from guards.policy_reading import NEEDED, OPTIONAL
from runbooks.strict import load_strict

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "policy.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return re.split(r"^## ", PAGE.split(f"\n## {title}\n")[1], flags=re.MULTILINE)[0]


def example(title: str) -> str:
    found = re.search(r"```yaml\n(.*?)```", section(title), re.DOTALL)
    assert found is not None
    return found[1]


def rows(title: str) -> list[list[str]]:
    """The cells of the section's table, without its head."""
    lines = [line for line in section(title).split("\n") if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_key_is_in_the_table_and_says_whether_it_is_needed() -> None:
    told = {key: cells[1] for cells in rows("The keys") for key in re.findall(r"`(\w+)`", cells[0])}
    assert set(told) == {*NEEDED, *OPTIONAL}
    assert {key for key, needed in told.items() if needed == "yes"} == set(NEEDED)


def test_the_first_policy_is_read_and_means_what_is_said_below_it() -> None:
    policy = Policy.from_mapping(load_strict(example("A first policy")))
    assert policy.environments == ("prod", "staging")
    words = {(env, risk): policy.word(env, risk) for env in policy.environments for risk in ("read", "safe", "caution")}
    assert {place for place, word in words.items() if word == "auto"} == {("prod", "read"), ("staging", "read")}
    assert {place for place, word in words.items() if word == "confirm"} == {("staging", "safe")}
    ana = guards.Actor(id="ana", name="Ana", roles=frozenset({"responder"}))
    bot = guards.Actor(id="bot", name="Countersign", is_bot=True)
    act = guards.Context(
        action="demo.restart",
        environment="staging",
        service="demo",
        tier=1,
        risk="safe",
        targets=("host:staging/a",),
        scopes=("staging",),
        calendar=guards.Calendar(),
        actor=ana,
        now=parse(Situation, read_yaml(DOCS / "situations" / "01-restart-in-dev.yaml"), DOCS).at,
    )
    decided = {
        who: policy.decide(guards.Context(**{**_fields(act), **changes})).outcome
        for who, changes in {
            "ana": {},
            "a viewer": {"actor": guards.Actor(id="dev", name="Dev", roles=frozenset({"viewer"}))},
            "two targets": {"targets": ("host:staging/a", "host:staging/b")},
            "the bot": {"actor": bot},
        }.items()
    }
    assert decided == {"ana": "ask", "a viewer": "deny", "two targets": "deny", "the bot": "deny"}


def _fields(context: guards.Context) -> dict[str, object]:
    return {name: getattr(context, name) for name in type(context).__dataclass_fields__}


@pytest.mark.parametrize("title", ["Approvals", "Standing approvals"])
def test_the_other_examples_are_read_as_well(title: str) -> None:
    whole = load_strict(example("Full example"))
    part = load_strict(example(title))
    if "approvals" in part:
        part = {"approvals": {**whole["approvals"], **part["approvals"]}}
    assert Policy.from_mapping({**whole, **part}) != Policy.from_mapping(whole)


WORDS = {"allow": "allowed", "ask": "asked", "deny": "refused"}


def test_the_table_of_situations_says_what_is_decided() -> None:
    policy = Policy.from_mapping(read_yaml(DOCS / "situations" / "policy.yaml"))
    told = {cells[0][:2]: cells[1] for cells in rows("The ten situations")}
    for path in sorted((DOCS / "situations").glob("[0-9]*.yaml")):
        decision = parse(Situation, read_yaml(path), path).decide(policy)
        answer = told.pop(path.name[:2])
        assert answer.startswith(WORDS[decision.outcome]), path.name
        assert all(denial.code in answer for denial in decision.denials), path.name
    assert not told
