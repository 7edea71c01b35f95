"""Instants are text that sorts by time; JSON survives any character."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from bot.store.columns import JsonText, parse_utc, utc_text

INSTANTS = st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2999, 1, 1), timezones=st.just(UTC))
DIALECT = sqlite.dialect()  # type: ignore[no-untyped-call]  # reason: SQLAlchemy leaves this constructor untyped


@given(one=INSTANTS, other=INSTANTS)
def test_text_order_is_time_order(one: datetime, other: datetime) -> None:
    assert parse_utc(utc_text(one)) == one
    assert (utc_text(one) < utc_text(other)) == (one < other)
    assert len(utc_text(one)) == 27


def test_another_zone_is_the_same_instant_and_no_zone_is_refused() -> None:
    berlin = timezone(timedelta(hours=1))
    assert utc_text(datetime(2026, 11, 21, 13, tzinfo=berlin)) == "2026-11-21T12:00:00.000000Z"
    with pytest.raises(ValueError, match="zone"):
        utc_text(datetime(2026, 11, 21))


def test_json_keeps_what_utf8_cannot() -> None:
    column = JsonText()
    stored = column.process_bind_param({"a": "\ud800\x00ü"}, DIALECT)
    assert stored is not None
    assert stored.isascii()
    assert column.process_result_value(stored, DIALECT) == {"a": "\ud800\x00ü"}
    with pytest.raises(ValueError, match="JSON"):
        column.process_bind_param({"a": float("nan")}, DIALECT)
