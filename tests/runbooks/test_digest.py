"""The digest of a runbook changes with its meaning and wording, and with nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from runbooks.digest import canonical, digest
from runbooks.load import load_runbook
from runbooks.model import Runbook

CHANGES = [
    ("title: Demo", "title: Demp"),
    ("scopes: [dev, staging, prod]", "scopes: [dev, prod, staging]"),
    ("lines: {type: integer, min: 1, max: 200", "lines: {type: integer, min: 1, max: 201"),
    ("samples: 3 of 4", "samples: 2 of 4"),
    ("rollback: none", "irreversible: true"),
    ('lines: "${lines}"', "lines: 50"),
]


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_T41_any_change_gives_another_digest(make: Callable[..., Runbook], old: str, new: str) -> None:
    assert digest(make(old, new)) != digest(make())


def test_layout_comments_and_file_name_do_not_count(long_text: str) -> None:
    other = "# a comment\n" + long_text.replace("owner: sre", "owner:   'sre'").replace(
        "within: 30s", "within: 30000ms"
    )
    assert digest(load_runbook(other, "elsewhere.yaml")) == digest(load_runbook(long_text, "demo.yaml"))
    assert b"demo.yaml" not in canonical(load_runbook(long_text, "demo.yaml"))
    assert len(digest(load_runbook(long_text, "demo.yaml"))) == 64
