"""Which keys may stand where, and what to say about one that may not (runbooks/keys.py)."""

from __future__ import annotations

import pytest

from runbooks.keys import instead_of, keys_of, part_at, words_at
from runbooks.model import Rollback, Runbook, Step, Verify
from runbooks.strict import Path


def test_the_keys_are_those_that_authors_write() -> None:
    assert {"id", "command", "steps", "waits_for", "tests"} <= set(keys_of(Runbook))
    assert not {"source", "short_form"} & set(keys_of(Runbook))
    assert set(keys_of(Verify)) == {"fact", "expect", "within", "every", "samples"}
    assert set(keys_of(Rollback)) == {"action", "with"}
    assert "with_" not in keys_of(Step)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ((), "Runbook"),
        (("match",), "Match"),
        (("params", "anything"), "Parameter"),
        (("steps", 3), "Step"),
        (("steps", 0, "verify"), "Verify"),
        (("steps", 0, "rollback", 1), "Rollback"),
        (("steps", 0, "safety", "limits", 0), "Limit"),
        (("steps", 0, "safety", "blast_radius"), "BlastRadius"),
        (("tests", 0, "past", 2), "CasePast"),
        (("tests", 0, "expect"), "CaseExpect"),
        (("steps", 0, "with"), None),
        (("steps", 0, "with", "argv"), None),
        (("tests", 0, "facts", "health"), None),
        (("nothing",), None),
        (("id", "more", "still"), None),
    ],
)
def test_the_part_at_a_path(path: Path, name: str | None) -> None:
    found = part_at(path)
    assert (found.__name__ if found else None) == name


def test_the_words_at_a_path() -> None:
    assert words_at(("steps", 0, "safety", "risk")) == ("read", "safe", "caution", "forbidden")
    assert words_at(("params", "x", "type"))[0] == "target"
    assert words_at(("steps", 0, "title")) == ()
    assert words_at(("nothing",)) == ()


@pytest.mark.parametrize(
    ("path", "fix"),
    [
        (("steps", 0, "pre_check"), "did you mean precheck?"),
        (("steps", 0, "safety", "scope"), "did you mean scopes?"),
        (("steps", 0, "verify", "sample"), "did you mean samples?"),
        (("precheck",), "precheck belongs into a step."),
        (("steps", 0, "owner"), "owner belongs at the top of the file, not in a part of it."),
        (("steps", 0, "scopes"), "scopes belongs under safety."),
        (("steps", 0, "rollback", 0, "xyz"), "remove it or correct its spelling: action, with."),
        (("steps", 0, "xyz"), "remove it or correct its spelling."),
    ],
)
def test_what_to_write_instead(path: Path, fix: str) -> None:
    assert instead_of(path) == fix
