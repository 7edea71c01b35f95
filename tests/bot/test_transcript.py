"""The transcript's words: stable, and each with a template for the destinations that get it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from bot.transcript import Entry, EntryKind, Outcome
from tests.fakes.equipment import START


def test_an_entry_is_data_and_cannot_be_changed() -> None:
    entry = Entry(incident_id="inc_1", kind=EntryKind.OPENED, at=START, actor="bot")
    assert (entry.seq, entry.run_id, entry.data) == (0, "", {})
    with pytest.raises(ValidationError):
        entry.actor = "ana"
    with pytest.raises(ValidationError):
        Entry(incident_id="inc_1", kind=EntryKind.OPENED, at=START, actor="bot", text="prose")


def test_two_entries_do_not_share_their_data() -> None:
    first, second = (Entry(incident_id="i", kind=EntryKind.OPENED, at=START, actor="bot") for _ in range(2))
    first.data["x"] = 1
    assert second.data == {}


@pytest.mark.parametrize("kind", list(EntryKind))
def test_a_kind_is_its_own_name_in_lower_case(kind: EntryKind) -> None:
    assert kind.value == kind.name.lower()
    assert EntryKind(kind.value) is kind


def test_outcomes_are_the_seven_words_of_the_design() -> None:
    wanted = {"succeeded", "failed", "refused", "expired", "stopped", "rolled_back", "unknown"}
    assert {outcome.value for outcome in Outcome} == wanted
