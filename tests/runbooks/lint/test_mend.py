"""`--fix`: mends only what it names, changes no other line, keeps what the runbook does, and comes to an end."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbooks.digest import digest
from runbooks.lint import Known
from runbooks.lint.check import Located, check
from runbooks.lint.mend import mend, tidy
from runbooks.load import RunbookError, load_runbook
from tests.runbooks.conftest import LONG
from tests.runbooks.lint.conftest import FACTS, OPERATIONS

KNOWN = Known(OPERATIONS, FACTS)


def again(text: str) -> tuple[Located, ...]:
    return check([(Path("x.yaml"), text)], KNOWN).findings


WHEN = '    precheck: "facts.health.status != 200"\n'
# what stands there, what stands there afterwards, how many repairs
CASES = [
    ('alerts: ["ServiceDown"]', 'alerts: ["A", "B", "A"]', 'alerts: ["A", "B"]', 1),
    ('alerts: ["ServiceDown"]', "alerts: [A, 'A', B, \"A\"]", "alerts: [A, B]", 2),
    ('alerts: ["ServiceDown"]', "alerts: [A, A,B]", "alerts: [A,B]", 1),
    ('alerts: ["ServiceDown"]', "alerts:\n    - A\n    - B\n    - A", "alerts:\n    - A\n    - B", 1),
    ('alerts: ["ServiceDown"]', "alerts:\n    - A\n    - A # as before", "alerts:\n    - A\n    - A # as before", 0),
    (WHEN, '    precheck: "true"\n', "", 1),
    (WHEN, "    precheck: 'true'\n", "", 1),
    (WHEN, '    precheck: "true" # why\n', '    precheck: "true" # why\n', 0),
    (WHEN, '    precheck: "2 > 1"\n    when: "1 < 2"\n', "", 2),
    (WHEN, WHEN + '    expect: [{pattern: ".*OK.*"}]\n', WHEN + '    expect: [{pattern: "OK"}]\n', 1),
    (WHEN, WHEN + "    expect: [{pattern: .*OK}]\n", WHEN + '    expect: [{pattern: "OK"}]\n', 1),
    (WHEN, WHEN + "    expect:\n      - pattern: '.*\"q'\n", WHEN + '    expect:\n      - pattern: "\\"q"\n', 1),
    (WHEN, WHEN + "    expect:\n      - pattern: >-\n          .*OK\n", None, 0),
    ("title: Demo\n", "title: Demo  \n", "title: Demo\n", 1),
    ("title: Demo\n", "title: Demo\r\n", "title: Demo\n", 1),
    ("title: Demo\n", "title: |\n  Demo  \n  x\n", None, 0),
]


@pytest.mark.parametrize(("old", "written", "mended", "repairs"), CASES)
def test_what_is_mended_and_what_is_left(old: str, written: str, mended: str | None, repairs: int) -> None:
    assert old in LONG
    text = LONG.replace(old, written)
    new, count = mend(text, again)
    assert new == LONG.replace(old, written if mended is None else mended)
    assert count == repairs
    assert mend(new, again) == (new, 0)


def test_a_runbook_without_mistakes_is_not_touched() -> None:
    assert mend(LONG, again) == (LONG, 0)


def test_a_large_file_is_mended_in_a_few_looks() -> None:
    looks: list[str] = []

    def counted(text: str) -> tuple[Located, ...]:
        looks.append(text)
        return again(text)

    many = LONG.replace('alerts: ["ServiceDown"]', f"alerts: [{', '.join(['A', 'B'] * 2000)}]")
    new, count = mend(many, counted)
    assert (new, count) == (LONG.replace('alerts: ["ServiceDown"]', "alerts: [A, B]"), 3998)
    assert len(looks) <= 3


def test_a_file_that_does_not_load_is_not_touched() -> None:
    assert mend("id: [  \n", again) == ("id: [  \n", 0)


def test_tidy_text_keeps_its_digest() -> None:
    untidy = LONG.replace("\n", " \r\n")[:-2]
    assert tidy(untidy) == LONG
    new, count = mend(untidy, again)
    assert (new, count) == (LONG, 1)
    assert digest(load_runbook(untidy, "")) == digest(load_runbook(new, ""))


LINES = LONG.splitlines()
EDITS = st.lists(
    st.tuples(
        st.integers(0, len(LINES) - 1),
        st.sampled_from(["  ", "\r", " # x", '    when: "true"', "    - A", ", A", '["A", "A"]', ".*", '".*OK.*"', ""]),
        st.booleans(),
    ),
    max_size=6,
)


@settings(max_examples=150, deadline=None)
@given(EDITS)
def test_whatever_is_written_only_what_is_named_changes(edits: list[tuple[int, str, bool]]) -> None:
    lines = list(LINES)
    for number, piece, whole_line in edits:
        lines[number] = piece if whole_line else lines[number] + piece
    text = "\n".join(lines) + "\n"
    new, count = mend(text, again)
    try:
        before, after = (load_runbook(each, "").model_dump() for each in (text, new))
    except RunbookError:
        assert (new, count) == (text, 0)
        return
    for data in (before, after):
        for key in ("alerts", "symptoms", "signatures"):
            data["match"][key] = tuple(dict.fromkeys(data["match"].get(key, ())))
        for step in data["steps"]:
            step["when"], step["precheck"] = (step[key] if "facts" in step[key] else "" for key in ("when", "precheck"))
            step["expect"] = tuple(each["pattern"].replace(".*", "") for each in step["expect"])
    assert before == after
