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
    ("rollback: none", "rollback: none\n    waves: [1, rest]"),
    ('lines: "${lines}"}', 'lines: "${lines}"}\n    on_failure: continue'),
    ('alerts: ["ServiceDown"]', 'alerts: ["ServiceDown"]\n  signatures: ["OutOfMemory"]'),
    ("title: Demo", "title: Demo\nwaits_for: [kubernetes]"),
    ("title: Demo", "title: Demo\nmeaning: it is down"),
    ("title: Demo", "title: Demo\nimpact: nobody can pay"),
    ("title: Demo", 'title: Demo\ndiagnosis: ["look at the log"]'),
]
BEFORE = {  # what the two runbooks of these tests had before there were waves, signatures, pages, cases and the rest
    "long_text": "bc7d093345a093a6f41c70a5e0de3150b6febb33fe6804186cc200274cc5fd81",
    "short_text": "bf65baeeb5967497cb68c9d59c94352c2b2b1ef7726e4bb84e142d87703d935a",
}


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


@pytest.mark.parametrize("name", sorted(BEFORE))
def test_T41_keys_that_came_later_leave_the_digests_of_older_runbooks_alone(
    name: str, request: pytest.FixtureRequest
) -> None:
    """Else every promotion of a runbook that does not use them would be void after an upgrade."""
    assert digest(load_runbook(request.getfixturevalue(name), "demo.yaml")) == BEFORE[name]
