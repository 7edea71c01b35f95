"""Recorded decisions, open breakers, and what questions need to be widened and reminded of.

Applied by bot/store/schema.py through alembic; never edited afterwards.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def text(*names: str) -> list[sa.Column[str]]:
    """Required text columns."""
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def upgrade() -> None:
    """Add the tables and columns."""
    op.create_table(
        "decision",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        *text(
            "at",
            "incident_id",
            "run_id",
            "step_id",
            "phase",
            "runbook",
            "service",
            "environment",
            "action",
            "actor",
            "outcome",
            "policy_digest",
        ),
        sa.Column("looked_back", sa.Float(), nullable=False),
        *text("standing", "context", "findings"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_decision_at", "decision", ["at"])
    op.create_index("ix_decision_run", "decision", ["run_id"])
    op.create_index("ix_decision_incident", "decision", ["incident_id"])
    op.create_table("breaker", *text("key", "opened_at", "trial_run"), sa.PrimaryKeyConstraint("key"))
    op.add_column("attempt", sa.Column("cost", sa.Float(), nullable=False, server_default="0"))
    op.add_column("attempt", sa.Column("standing", sa.Text(), nullable=False, server_default=""))
    op.add_column("approval", sa.Column("widen_to", sa.Text(), nullable=False, server_default="[]"))
    for name in ("widen_at", "widened_at", "remind_at", "reminded_at"):
        op.add_column("approval", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("vote", sa.Column("via", sa.Text(), nullable=False, server_default="slack"))
