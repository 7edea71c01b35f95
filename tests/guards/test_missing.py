"""guards/missing.py: the same refusal for whatever is missing."""

from __future__ import annotations

import pytest

from guards.missing import missing


@pytest.mark.parametrize("field", ["environment", "now", "actor"])
def test_the_refusal_names_the_field(field: str) -> None:
    deny = missing(field)
    assert deny.code == "missing_context"
    assert deny.reason.endswith(".")
    assert field in deny.remedy


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("actor", "It is not known which actor this is about."),
        ("tier", "It is not known which tier this is about."),
        ("now", "The present time is not known."),
    ],
)
def test_the_reason_is_a_sentence(field: str, reason: str) -> None:
    assert missing("".join(list(field))).reason == reason
