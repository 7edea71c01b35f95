"""Many values in one statement that is made once."""

from __future__ import annotations

import pytest
from sqlalchemy import Column, MetaData, Table, Text, create_engine, select
from sqlalchemy.dialects import postgresql

from bot.store.among import among, among_elsewhere, listed

WORD = Table("word", MetaData(), Column("text", Text))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ([], []),
        (["a"], ["a"]),
        (["b", "a", "a", "none"], ["a", "b"]),
        (["'; drop table word --", '"é\u2028'], ['"é\u2028']),
    ],
)
def test_those_that_are_given_are_found(wanted: list[str], found: list[str]) -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        WORD.create(connection)
        connection.execute(WORD.insert(), [{"text": each} for each in ("a", "b", "c", '"é\u2028')])
        rows = connection.execute(select(WORD.c.text).where(among(WORD.c.text, "some")), {"some": listed(wanted)})
        assert sorted(rows.scalars()) == sorted(found)
    engine.dispose()


def test_postgres_spells_it_in_its_own_way() -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # reason: SQLAlchemy leaves this constructor untyped
    text = str(select(WORD.c.text).where(among_elsewhere(WORD.c.text, "some")).compile(dialect=dialect))
    assert "IN (SELECT jsonb_array_elements_text(CAST(%(some)s" in text
