"""A statement compiled ahead does what SQLAlchemy's own way does, value by value."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Float,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    insert,
    or_,
    select,
    update,
)
from sqlmodel import Session

from bot.errors import Permanent
from bot.store.columns import JsonText, UtcText
from bot.store.session import Store
from bot.store.statement import Statement, new_row

NOW = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)
THING = Table(
    "thing",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("name", Text, unique=True),
    Column("state", Text),
    Column("at", UtcText),
    Column("later", UtcText, nullable=True),
    Column("data", JsonText),
    Column("share", Float),
    Column("told", Boolean),
)
C = THING.c
ONE = {
    "id": 1, "name": "first", "state": "pending", "at": NOW, "later": None, "data": {"a": ["\ud800ü", 1.5]},
    "share": 0.25, "told": False,
}  # fmt: skip
ADD = new_row(THING)
ALL = Statement(select(THING).order_by(C.id))


@pytest.fixture
async def things(store: Store) -> Store:
    """A store with one table more."""
    await store.write(lambda s: THING.create(s.connection()))
    return store


async def test_every_type_of_column_comes_back_as_it_went_in(things: Store) -> None:
    assert await things.write(lambda s: ADD.change(s, **ONE))
    found = await things.read(ALL.rows)
    assert found == [tuple(ONE.values())]

    def usual(session: Session) -> list[tuple[object, ...]]:
        return [tuple(row) for row in session.connection().execute(select(THING))]

    assert await things.read(usual) == found


async def test_a_new_row_is_added_once(things: Store) -> None:
    assert await things.write(lambda s: ADD.change(s, **ONE))
    assert not await things.write(lambda s: ADD.change(s, **{**ONE, "state": "again"}))
    assert [row[2] for row in await things.read(ALL.rows)] == ["pending"]


async def test_given_and_constant_values_stand_where_they_belong(things: Store) -> None:
    take = Statement(
        update(THING)
        .where(C.name == bindparam("wanted"), or_(C.state == "pending", C.state == "void"), C.told.is_(False))
        .values(state=bindparam("becomes"), later=bindparam("now"), told=True)
    )
    one = Statement(select(C.state, C.later, C.told).where(C.name == bindparam("wanted")).limit(1))
    await things.write(lambda s: ADD.change(s, **ONE))
    assert await things.write(lambda s: take.change(s, wanted="first", becomes="void", now=NOW))
    assert not await things.write(lambda s: take.change(s, wanted="first", becomes="expired", now=NOW))
    assert await things.read(lambda s: one.first(s, wanted="first")) == ("void", NOW, True)
    assert await things.read(lambda s: one.first(s, wanted="second")) is None


async def test_numbers_of_added_rows_and_many_at_once(things: Store) -> None:
    add = Statement(insert(THING), columns=["name", "at"])
    rows = [{"name": name, "at": NOW} for name in "abcd"]
    assert await things.write(lambda s: [add.add(s, **row) for row in rows[:2]]) == [1, 2]
    await things.write(lambda s: add.add_all(s, rows[2:]))
    await things.write(lambda s: add.add_all(s, []))
    assert [row[:2] for row in await things.read(ALL.rows)] == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]


async def test_a_value_that_was_not_given_is_a_mistake(things: Store) -> None:
    with pytest.raises(KeyError, match="becomes"):
        await things.write(lambda s: Statement(update(THING).values(state=bindparam("becomes"))).change(s))


async def test_a_statement_that_changes_with_its_values_is_refused(things: Store) -> None:
    wanted = Statement(select(THING).where(C.name.in_(["a", "b"])))
    with pytest.raises(TypeError, match="compiled ahead"):
        await things.read(wanted.rows)


class Elsewhere:
    """A session on another database, as far as a Statement looks."""

    class dialect:  # noqa: N801  reason: the name SQLAlchemy gives it
        name = "postgresql"

    def __init__(self) -> None:
        self.given: list[tuple[object, object]] = []

    def connection(self) -> Elsewhere:
        return self

    def execute(self, statement: object, values: object) -> list[tuple[str]]:
        self.given.append((statement, values))
        return [("row",)]


def test_elsewhere_it_is_an_ordinary_statement() -> None:
    plain, other = select(C.name), select(C.state)
    session = Elsewhere()
    assert Statement(plain, elsewhere=other).rows(session, a=1) == [("row",)]  # type: ignore[arg-type]  # reason: a fake
    assert session.given == [(other, {"a": 1})]


async def test_the_failures_of_the_driver_are_translated_by_the_store(things: Store) -> None:
    add = Statement(insert(THING))
    await things.write(lambda s: add.change(s, **ONE))
    with pytest.raises(Permanent, match="UNIQUE"):
        await things.write(lambda s: add.change(s, **ONE))
