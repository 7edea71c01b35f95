"""The tree of failures, and what a configuration mistake says."""

from __future__ import annotations

import pytest

from bot.errors import Ambiguous, ConfigurationError, CountersignError, Permanent, Transient


@pytest.mark.parametrize(
    ("kind", "parent"),
    [
        (Transient, CountersignError),
        (Permanent, CountersignError),
        (ConfigurationError, Permanent),
        (Ambiguous, CountersignError),
    ],
)
def test_every_failure_has_its_place_in_the_tree(kind: type[Exception], parent: type[Exception]) -> None:
    assert issubclass(kind, parent)


def test_T51_ambiguous_is_neither_of_the_two() -> None:
    """Whoever retries what is Transient, or gives up on what is Permanent, must not do so with an unknown outcome."""
    assert not issubclass(Ambiguous, Transient | Permanent)


def test_how_long_to_wait_is_kept() -> None:
    assert Transient("later", retry_after=3.0).retry_after == 3.0
    assert Transient("later").retry_after is None


def test_a_configuration_mistake_names_place_and_fix() -> None:
    error = ConfigurationError("is missing.", place="countersign.yaml: slack", fix="write it.")
    assert str(error) == "countersign.yaml: slack: is missing. Fix: write it."
    assert (error.message, error.place, error.fix) == ("is missing.", "countersign.yaml: slack", "write it.")
