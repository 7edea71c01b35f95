"""The audit chain: what it detects, and that it can be checked by somebody else's code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.audit import GENESIS, AuditRow, canonical, entry_hash, row_hash, verify

Chain = list[AuditRow]


def chain(length: int) -> Chain:
    """A good chain."""
    rows: Chain = []
    for seq in range(1, length + 1):
        head = rows[-1].hash if rows else GENESIS
        bare = AuditRow(seq, "2026-11-21T12:00:00.000000Z", "ada", "executed", "run_1", canonical({"n": seq}), "")
        rows.append(replace(bare, hash=row_hash(head, bare)))
    return rows


def edited(rows: Chain) -> Chain:
    """One field of row 5 is another."""
    return [*rows[:4], replace(rows[4], actor="eve"), *rows[5:]]


def rehashed(rows: Chain) -> Chain:
    """Row 5 is another and its own hash fits again; row 6 then does not."""
    other = replace(rows[4], actor="eve")
    return [*rows[:4], replace(other, hash=row_hash(rows[3].hash, other)), *rows[5:]]


def deleted(rows: Chain) -> Chain:
    """Row 5 is gone."""
    return [*rows[:4], *rows[5:]]


def renumbered(rows: Chain) -> Chain:
    """Row 5 is gone and the rest moved up."""
    return [*rows[:4], *(replace(row, seq=row.seq - 1) for row in rows[5:])]


def inserted(rows: Chain) -> Chain:
    """A made-up row stands at 5, the rest moved down."""
    made = replace(rows[4], event="approved")
    return [*rows[:4], made, *(replace(row, seq=row.seq + 1) for row in rows[4:])]


def doubled(rows: Chain) -> Chain:
    """Row 4 stands there twice."""
    return [*rows[:4], rows[3], *rows[4:]]


def swapped(rows: Chain) -> Chain:
    """Rows 5 and 6 changed places, and numbers."""
    return [*rows[:4], replace(rows[5], seq=5), replace(rows[4], seq=6), *rows[6:]]


def reformatted(rows: Chain) -> Chain:
    """The data of row 5 says the same in other bytes."""
    return [*rows[:4], replace(rows[4], data_text=rows[4].data_text.replace(":", ": ")), *rows[5:]]


def beheaded(rows: Chain) -> Chain:
    """The first rows are gone."""
    return rows[4:]


@pytest.mark.parametrize(
    ("sabotage", "first_bad"),
    [
        (edited, 5),
        (rehashed, 6),
        (deleted, 5),
        (renumbered, 5),
        (inserted, 5),
        (doubled, 4),
        (swapped, 5),
        (reformatted, 5),
        (beheaded, 1),
    ],
)
def test_T66_verify_names_the_first_bad_row(sabotage: Callable[[Chain], Chain], first_bad: int) -> None:
    found = verify(sabotage(chain(10)))
    assert (found.ok, found.first_bad_seq) == (False, first_bad)
    assert found.reason


def test_T66_a_cut_tail_is_caught_against_an_anchored_head() -> None:
    rows = chain(10)
    assert verify(rows[:7]).ok, "by itself a shorter chain looks whole"
    found = verify(rows[:7], expected_head=rows[9].hash)
    assert (found.ok, found.count, found.first_bad_seq) == (False, 7, 8)


def test_a_good_chain_may_have_grown_since_the_anchor() -> None:
    rows = chain(10)
    found = verify(rows, expected_head=rows[4].hash)
    assert (found.ok, found.count, found.head, found.first_bad_seq) == (True, 10, rows[9].hash, 0)
    assert verify([]).ok
    assert not verify([], expected_head=rows[0].hash).ok


def test_a_rebuilt_chain_is_caught_against_an_anchored_head() -> None:
    anchored = chain(10)[9].hash
    rebuilt = chain(12)[:4]
    for seq in range(5, 13):
        bare = AuditRow(seq, "2026-11-21T12:00:00.000000Z", "eve", "executed", "run_1", "{}", "")
        rebuilt.append(replace(bare, hash=row_hash(rebuilt[-1].hash, bare)))
    assert verify(rebuilt).ok
    assert not verify(rebuilt, expected_head=anchored).ok


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text() | st.floats(-1e15, 1e15),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(data=st.dictionaries(st.text(), VALUES, max_size=4), actor=st.text(), event=st.text(), subject=st.text())
def test_an_independent_reader_computes_the_same_hash(
    data: dict[str, Any], actor: str, event: str, subject: str
) -> None:
    row = AuditRow(7, "2026-11-21T12:00:00.000000Z", actor, event, subject, canonical(data), "")
    record = {
        "seq": 7,
        "at": row.at,
        "actor": actor,
        "event": event,
        "subject": subject,
        "data": json.loads(row.data_text),
    }
    independent = hashlib.sha256(GENESIS.encode() + rfc8785.dumps(record)).hexdigest()
    assert row_hash(GENESIS, row) == entry_hash(GENESIS, record) == entry_hash(GENESIS, row.record()) == independent


ASCII = st.text(alphabet=st.characters(max_codepoint=127))
EDGES = [0.0, -0.0, 1.0, 1e-4, 9.9e-5, 1e-7, 0.1, 1e15, 999999999999999.9, 1e21, 123.456, 2**53 - 1, -(2**53) + 1]
PLAIN = st.none() | st.booleans() | ASCII | st.sampled_from(EDGES) | st.floats(-10, 10) | st.integers(-9, 9)


@settings(max_examples=400)
@given(data=st.dictionaries(ASCII, st.recursive(PLAIN, lambda v: st.lists(v) | st.dictionaries(ASCII, v)), max_size=4))
def test_the_quick_writer_writes_what_the_standard_says(data: dict[str, Any]) -> None:
    assert canonical(data) == rfc8785.dumps(data).decode()


def test_a_record_has_exactly_six_fields() -> None:
    with pytest.raises(ValueError, match="exactly the fields"):
        entry_hash(GENESIS, {"seq": 1})


def test_a_damaged_row_is_reported_not_raised() -> None:
    rows = chain(3)
    found = verify([rows[0], replace(rows[1], data_text="\ud800 not json", actor="\ud800"), rows[2]])
    assert (found.ok, found.first_bad_seq) == (False, 2)
    with pytest.raises(ValueError, match="mapping"):
        _ = replace(rows[0], data_text="[]").data
