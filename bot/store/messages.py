"""Slack messages that we may have to edit again: which message shows which summary, card or entry.

Written by bot/recorders (Slack), read there and by mentions (which thread is which incident). Must not call Slack.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import Index, Insert, Text, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, Session, SQLModel

from bot.store.columns import table
from bot.store.statement import Statement

SUMMARY = "summary:"


@dataclass(frozen=True, slots=True)
class SlackMessage:
    """key: `summary:<incident>`, `card:<run>` or `entry:<seq>`. thread_ts: empty for the summary, the thread's root."""

    key: str
    channel: str
    ts: str
    thread_ts: str = ""


class SlackMessageRow(SQLModel, table=True):
    """One row per key."""

    __tablename__ = "slack_message"
    __table_args__ = (Index("ix_slack_message_ts", "channel", "ts"),)

    key: str = Field(primary_key=True, sa_type=Text)
    channel: str = Field(sa_type=Text)
    ts: str = Field(sa_type=Text)
    thread_ts: str = Field(sa_type=Text)


MESSAGE = table(SlackMessageRow)
C = MESSAGE.c


def _saving(into: sqlite.Insert | postgresql.Insert) -> Insert:
    rest = {column.name: into.excluded[column.name] for column in MESSAGE.columns if column.name != "key"}
    return into.on_conflict_do_update(index_elements=["key"], set_=rest)


SAVE = Statement(_saving(sqlite.insert(MESSAGE)), elsewhere=_saving(postgresql.insert(MESSAGE)))
ONE = Statement(select(C.key, C.channel, C.ts, C.thread_ts).where(C.key == bindparam("wanted")))
ROOT = Statement(
    select(C.key)
    .where(C.channel == bindparam("where"), C.ts == bindparam("stamp"), C.key.startswith(SUMMARY, autoescape=True))
    .limit(1)
)


def get(session: Session, key: str) -> SlackMessage | None:
    """The message that shows `key`."""
    row = ONE.first(session, wanted=key)
    return None if row is None else SlackMessage(*row)


def save(session: Session, message: SlackMessage) -> None:
    """Insert it or replace the one with the same key."""
    SAVE.change(session, **asdict(message))


def by_thread(session: Session, channel: str, ts: str) -> str | None:
    """The incident whose summary is the root of that thread."""
    row = ROOT.first(session, where=channel, stamp=ts)
    return None if row is None else str(row[0]).removeprefix(SUMMARY)
