"""Acts that used up a standing approval are counted however old they are; this finds them among all the others.

Applied by bot/store/schema.py through alembic; never edited afterwards.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the index."""
    only = sa.text("standing <> ''")
    op.create_index("ix_attempt_standing", "attempt", ["started_at"], sqlite_where=only, postgresql_where=only)
