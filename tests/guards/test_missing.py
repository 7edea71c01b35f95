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
