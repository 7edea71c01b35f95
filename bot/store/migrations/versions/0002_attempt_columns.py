"""What limits count by becomes columns of `attempt`, so that a step does not parse the plans of a month.

Applied by bot/store/schema.py through alembic; never edited afterwards. Rows of before are filled from their act and
from the plan of their run; the act itself stays as it is.
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
PAGE = 1_000


def upgrade() -> None:
    """Add the columns and fill them."""
    for name in ("operation", "environment", "target", "purpose"):
        op.add_column("attempt", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    connection = op.get_bind()
    names = ("run_id", "step_id", "attempt", "act", "operation", "environment", "target", "purpose")
    attempt = sa.table("attempt", *(sa.column(name) for name in names))
    run = sa.table("run", sa.column("id"), sa.column("plan"))
    c = attempt.c
    key = (c.run_id, c.step_id, c.attempt)
    wanted = (
        sa.select(*key, c.act, run.c.plan)
        .join(run, run.c.id == c.run_id, isouter=True)
        .where(c.purpose == "")
        .limit(PAGE)
    )
    fill = (
        sa.update(attempt)
        .where(*(column == sa.bindparam(f"of_{column.name}") for column in key))
        .values({name: sa.bindparam(f"new_{name}") for name in ("operation", "environment", "target", "purpose")})
    )
    while found := connection.execute(wanted).all():
        connection.execute(fill, [_filled(*row) for row in found])


def _filled(run_id: str, step_id: str, attempt: int, act: str, plan: str | None) -> dict[str, object]:
    told = json.loads(act)
    target = told["target"]
    read_only = {step["id"]: step["read_only"] for step in json.loads(plan)["steps"]} if plan else {}
    purpose = "undo" if step_id not in read_only else "look" if read_only[step_id] else "change"
    return {
        "of_run_id": run_id,
        "of_step_id": step_id,
        "of_attempt": attempt,
        "new_operation": told["operation"],
        "new_environment": target["environment"],
        "new_target": f"{target['kind']}:{target['environment']}/{target['name']}",
        "new_purpose": purpose,
    }
