"""Baseline: every table of the first version. Applied by bot/store/schema.py through alembic; never edited afterwards.

Text columns hold instants (ISO 8601, UTC) and JSON; see bot/store/columns.py. On SQLite triggers keep the audit.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def text(*names: str) -> list[sa.Column[str]]:
    """Required text columns."""
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def maybe(name: str) -> sa.Column[str]:
    """A text column that may be empty."""
    return sa.Column(name, sa.Text(), nullable=True)


def whole(name: str) -> sa.Column[int]:
    """A required integer column."""
    return sa.Column(name, sa.Integer(), nullable=False)


def yes_no(name: str) -> sa.Column[bool]:
    """A required boolean column."""
    return sa.Column(name, sa.Boolean(), nullable=False)


def upgrade() -> None:
    """From nothing to the first version."""
    op.create_table(
        "approval",
        *text(
            "id",
            "run_id",
            "step_id",
            "kind",
            "digest",
            "approvers",
            "requester",
            "message",
            "state",
            "created_at",
            "expires_at",
        ),
        maybe("decided_at"),
        yes_no("delivered"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_approval_run", "approval", ["run_id", "created_at"])
    op.create_index("ix_approval_state", "approval", ["state", "delivered"])
    op.create_table(
        "attempt",
        *text("run_id", "step_id"),
        whole("attempt"),
        *text("state", "act", "worker", "started_at"),
        maybe("finished_at"),
        *text("result"),
        sa.PrimaryKeyConstraint("run_id", "step_id", "attempt"),
    )
    op.create_index("ix_attempt_started", "attempt", ["started_at"])
    op.create_table(
        "audit",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        *text("at", "actor", "event", "subject", "data", "hash"),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("ix_audit_subject", "audit", ["subject"])
    op.create_table(
        "automation_events",
        whole("id"),
        *text(
            "at",
            "action",
            "service",
            "environment",
            "status",
            "run_id",
            "incident_id",
            "runbook",
            "requester",
            "approvers",
        ),
        sa.Column("duration_seconds", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_automation_events_at", "automation_events", ["at"])
    op.create_index("ix_automation_events_status", "automation_events", ["status", "action"])
    op.create_table(
        "change",
        whole("id"),
        *text("source", "key", "service", "environment", "at", "body"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source", "key", name="uq_change_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_change_service", "change", ["service", "environment", "at"])
    op.create_table(
        "enrichment",
        *text("incident_id", "facts", "at"),
        sa.PrimaryKeyConstraint("incident_id"),
    )
    op.create_table(
        "entry",
        whole("seq"),
        *text("incident_id", "run_id", "kind", "at", "actor", "data"),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_entry_incident", "entry", ["incident_id", "seq"])
    op.create_index("ix_entry_run", "entry", ["run_id", "seq"])
    op.create_table(
        "incident",
        *text("id", "source", "external_id", "title", "service", "environment", "alert_name", "status"),
        whole("rank"),
        whole("is_open"),
        *text("opened_at", "updated_at", "body"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_incident_open", "incident", ["is_open", "rank", sa.text("opened_at DESC")])
    op.create_index("ix_incident_service", "incident", ["service", "environment", "is_open"])
    op.create_index("ix_incident_similar", "incident", ["service", "alert_name", "is_open", "opened_at"])
    op.create_index(
        "ux_incident_external",
        "incident",
        ["source", "external_id"],
        unique=True,
        sqlite_where=sa.text("external_id <> ''"),
        postgresql_where=sa.text("external_id <> ''"),
    )
    op.create_table(
        "lease",
        *text("target", "run_id", "at"),
        sa.PrimaryKeyConstraint("target"),
    )
    op.create_index("ix_lease_run_id", "lease", ["run_id"])
    op.create_table(
        "outbox",
        whole("id"),
        *text("destination", "lane", "kind", "incident_id", "subject", "payload"),
        yes_no("maybe_sent"),
        whole("priority"),
        *text("state"),
        whole("attempts"),
        *text("not_before", "created_at"),
        maybe("sent_at"),
        *text("receipt", "error"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_lane", "outbox", ["destination", "state", "lane", "id"])
    op.create_index("ix_outbox_subject", "outbox", ["destination", "kind", "subject", "state"])
    op.create_table(
        "proposal",
        whole("number"),
        *text("id", "incident_id", "runbook", "step_id", "why", "state"),
        maybe("plan"),
        sa.Column("score", sa.Float(), nullable=False),
        *text("reasons", "alternatives", "created_at"),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_proposal_incident", "proposal", ["incident_id", "state"])
    op.create_table(
        "run",
        *text(
            "id",
            "incident_id",
            "proposal_id",
            "runbook",
            "action",
            "service",
            "environment",
            "plan",
            "digest",
            "state",
            "outcome",
            "requester",
            "created_at",
        ),
        maybe("started_at"),
        maybe("finished_at"),
        *text("stop_requested_by", "note"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_run_created", "run", ["created_at"])
    op.create_index("ix_run_incident", "run", ["incident_id", "created_at"])
    op.create_index("ix_run_service", "run", ["service", "created_at"])
    op.create_index("ix_run_state", "run", ["state", "created_at"])
    op.create_table(
        "signal",
        whole("id"),
        *text("source", "key", "kind", "incident_id", "occurred_at", "body"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source", "key", name="uq_signal_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_signal_incident", "signal", ["incident_id", "id"])
    op.create_table(
        "slack_message",
        *text("key", "channel", "ts", "thread_ts"),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("ix_slack_message_ts", "slack_message", ["channel", "ts"])
    op.create_table(
        "stop",
        whole("id"),
        *text("level", "name", "reason", "engaged_by", "engaged_at", "lifted_reason", "lifted_by"),
        maybe("lifted_at"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ux_stop_engaged",
        "stop",
        ["level", "name"],
        unique=True,
        sqlite_where=sa.text("lifted_at IS NULL"),
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    op.create_table(
        "ticket",
        *text("incident_id", "system", "key", "url"),
        sa.PrimaryKeyConstraint("incident_id", "system"),
    )
    op.create_table(
        "worker",
        *text("id", "boot", "beat_at"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "vote",
        *text("approval_id", "person"),
        yes_no("approve"),
        *text("reason", "at"),
        sa.ForeignKeyConstraint(["approval_id"], ["approval.id"]),
        sa.PrimaryKeyConstraint("approval_id", "person"),
    )
    if op.get_bind().dialect.name == "sqlite":
        for act in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_no_{act.lower()} BEFORE {act} ON audit "
                "BEGIN SELECT RAISE(ABORT, 'rows of the audit are never changed'); END"
            )


def downgrade() -> None:
    """There is nothing before the first version: restore a backup instead."""
    raise NotImplementedError("restore the backup made before the upgrade")
