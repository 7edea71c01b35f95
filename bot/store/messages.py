"""Slack messages that we may have to edit again: which message shows which summary, card or entry.

Written by bot/recorders (Slack), read there and by mentions (which thread is which incident). Must not call Slack.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import Index, Text, select
from sqlmodel import Field, Session, SQLModel

from bot.store.columns import run, table, upsert

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


def get(session: Session, key: str) -> SlackMessage | None:
    """The message that shows `key`."""
    row = run(session, select(MESSAGE).where(C.key == key)).mappings().one_or_none()
    return None if row is None else SlackMessage(**row)


def save(session: Session, message: SlackMessage) -> None:
    """Insert it or replace the one with the same key."""
    upsert(session, MESSAGE, ("key",), asdict(message))


def by_thread(session: Session, channel: str, ts: str) -> str | None:
    """The incident whose summary is the root of that thread."""
    wanted = select(C.key).where(C.channel == channel, C.ts == ts, C.key.startswith(SUMMARY, autoescape=True))
    key = run(session, wanted.limit(1)).scalar_one_or_none()
    return None if key is None else str(key).removeprefix(SUMMARY)
