"""Drafts load, lint and say what was wished for, whatever words were used."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.roster import FACT_NAMES, OPERATIONS
from runbooks.draft import Wish, text_of
from runbooks.lint import lint
from runbooks.load import RunbookError, load_runbook

PLAIN = Wish("restart-billing", "Restart billing", "supervisor.restart", "sre", symptoms=("billing down",))


def test_a_draft_loads_lints_and_is_careful() -> None:
    runbook = load_runbook(text_of(PLAIN, OPERATIONS), "draft.yaml")
    (step,) = runbook.steps
    assert (runbook.id, runbook.title, runbook.owner) == ("restart-billing", "Restart billing", "sre")
    assert step.safety is not None
    assert (step.safety.scopes, step.safety.requires_approval, step.safety.risk) == (
        ("dev", "staging"),
        True,
        "caution",
    )
    assert step.safety.limits
    assert step.verify is not None
    assert [f for f in lint(runbook, OPERATIONS, FACT_NAMES) if f.severity == "error"] == []


@pytest.mark.parametrize(
    ("wish", "wanted"),
    [
        (Wish("a", "A", "supervisor.tail_log", "sre", alerts=("X",), given={"lines": 5}), "lines: 5"),
        (
            Wish("a", "A", "disk.clean_paths", "sre", given={"older_than_days": 7}, irreversible=True),
            "irreversible: true",
        ),
        (
            Wish("a", "A", "settings.set", "sre", given={"key": "k", "value": "v"}, undo="settings.restore"),
            "settings.restore",
        ),
        (Wish("a", "A", "supervisor.restart", "sre", when="facts.health.status != 200"), "precheck:"),
        (
            Wish("a", "A", "supervisor.restart", "sre", scopes=("dev",), proof=("state", "state == 'RUNNING'")),
            "RUNNING",
        ),
        (Wish("a", "A", "supervisor.restart", "sre", before=(("disk.report", {}),)), "kind: disk_area"),
    ],
)
def test_what_was_said_is_in_it_and_it_is_well_formed_yaml(wish: Wish, wanted: str) -> None:
    text = text_of(wish, OPERATIONS)
    assert wanted in text
    if wish.undo == "settings.restore":  # the undo needs a key of its own, which the author adds: the loader accepts it
        assert load_runbook(text, "draft.yaml").steps[-1].rollback[0].action == "settings.restore"
    else:
        assert load_runbook(text, "draft.yaml").steps[-1].action == wish.action


def test_an_operation_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(
        ValueError, match=r"no operation supervisor.explode; use one of command.run, .*supervisor.restart"
    ):
        text_of(Wish("a", "A", "supervisor.explode", "sre"), OPERATIONS)


@settings(max_examples=200, deadline=None)
@given(title=st.text(min_size=1, max_size=60), symptom=st.text(min_size=1, max_size=40))
def test_any_words_come_back_as_they_were_or_are_refused_with_a_place(title: str, symptom: str) -> None:
    wish = Wish("a", title, "supervisor.restart", "sre", symptoms=(symptom,))
    try:
        runbook = load_runbook(text_of(wish, OPERATIONS), "draft.yaml")
    except RunbookError as error:
        assert all(problem.line > 0 and problem.fix for problem in error.problems)
    else:
        assert (runbook.title, runbook.match.symptoms) == (title, (symptom,))
        assert len(runbook.steps) == 1, "words cannot add a step"
