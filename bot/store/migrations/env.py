"""Alembic's entry point: runs the steps on the connection that bot/store/schema.py hands over. For alembic only."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
