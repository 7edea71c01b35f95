"""Versions of the tables: fresh, current, newer, and the same as the models."""

from __future__ import annotations

import importlib
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Table, create_engine, inspect
from sqlmodel import SQLModel

from bot.errors import ConfigurationError, Permanent
from bot.plan import Plan
from bot.store import schema
from bot.store.session import Store

STORE = Path(schema.__file__).parent


def all_tables() -> dict[str, Table]:
    """Every table of the store, with its module imported."""
    for path in STORE.glob("*.py"):
        importlib.import_module(f"bot.store.{path.stem}")
    return dict(SQLModel.metadata.tables)


def comparable(_: Any, name: str | None, kind: str, __: bool, ___: Any) -> bool:
    """SQLite cannot read an index on an expression back; its existence is checked by name below."""
    return not (kind == "index" and name == "ix_incident_open")


def compared(connection: Connection) -> list[Any]:
    """What alembic would still change."""
    options = {"include_object": comparable, "compare_type": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), SQLModel.metadata))


async def test_the_migrations_make_exactly_the_models(store: Store, tmp_path: Path) -> None:
    tables = all_tables()
    engine = create_engine(f"sqlite:///{tmp_path}/countersign.db")
    with engine.connect() as connection:
        changes = compared(connection)
        indexes = {index["name"] for index in inspect(connection).get_indexes("incident")}
        found = set(inspect(connection).get_table_names())
    engine.dispose()
    assert changes == []
    assert "ix_incident_open" in indexes
    assert found == set(tables) | {"alembic_version"}


async def test_the_contracts_tables_are_there(store: Store) -> None:
    names = "incident signal change enrichment proposal run approval vote attempt lease worker entry outbox"
    names += " slack_message ticket audit automation_events stop decision breaker"
    assert set(names.split()) == set(all_tables())


def test_the_known_versions_are_the_scripts(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/any.db")
    with engine.connect() as connection:
        scripts = ScriptDirectory.from_config(schema.configuration(connection))
    engine.dispose()
    assert scripts.get_heads() == [schema.HEAD]
    assert [script.revision for script in scripts.walk_revisions()][::-1] == list(schema.VERSIONS)


async def test_a_newer_database_is_refused_and_left_alone(store: Store, url: str, tmp_path: Path) -> None:
    raw = sqlite3.connect(tmp_path / "countersign.db")
    raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.commit()
    with pytest.raises(ConfigurationError, match="9999"):
        await Store.open(url)
    assert raw.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)
    raw.close()


async def test_a_strangers_database_is_refused(tmp_path: Path) -> None:
    raw = sqlite3.connect(tmp_path / "other.db")
    raw.execute("CREATE TABLE incident (whatever TEXT)")
    raw.commit()
    raw.close()
    with pytest.raises(Permanent, match="already exists"):
        await Store.open(f"sqlite+aiosqlite:///{tmp_path}/other.db")
    raw = sqlite3.connect(tmp_path / "other.db")
    assert raw.execute("SELECT name FROM sqlite_master").fetchall() == [("incident",)]
    raw.close()


def make_first_version(path: Path, plan: Plan) -> None:
    """A database of version 0001 with a run and its attempts, as the program of then left it."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        command.upgrade(schema.configuration(connection), "0001")
    engine.dispose()
    raw = sqlite3.connect(path)
    names = "id incident_id proposal_id runbook action service environment plan digest state outcome requester"
    names += " created_at stop_requested_by note"
    values = {name: name for name in names.split()} | {"id": "run_1", "plan": plan.model_dump_json()}
    marks = ", ".join("?" * len(values))
    raw.execute(f"INSERT INTO run ({', '.join(values)}) VALUES ({marks})", list(values.values()))
    look, restart = (step.act.model_dump_json() for step in plan.steps)
    for run, step, act in (
        ("run_1", "look", look), ("run_1", "restart", restart), ("run_1", "restart:undo-0", restart),
        ("run_gone", "restart", restart),
    ):  # fmt: skip
        row = (run, step, 1, "done", act, "w1", "2026-11-21T12:00:00.000000Z", "{}")
        raw.execute(
            "INSERT INTO attempt (run_id, step_id, attempt, state, act, worker, started_at, result)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
    raw.commit()
    raw.close()


def test_the_columns_that_limits_count_by_are_filled_from_what_is_stored(
    url: str, tmp_path: Path, plan: Callable[..., Plan]
) -> None:
    make_first_version(tmp_path / "countersign.db", plan())
    assert schema.upgrade(url) == ("0001", schema.HEAD)
    raw = sqlite3.connect(tmp_path / "countersign.db")
    found = raw.execute(
        "SELECT run_id, step_id, operation, environment, target, purpose FROM attempt ORDER BY run_id, step_id"
    ).fetchall()
    raw.close()
    target = "supervisor_program:prod/payments"
    assert found == [
        ("run_1", "look", "supervisor.tail_log", "prod", target, "look"),
        ("run_1", "restart", "supervisor.restart", "prod", target, "change"),
        ("run_1", "restart:undo-0", "supervisor.restart", "prod", target, "undo"),
        ("run_gone", "restart", "supervisor.restart", "prod", target, "undo"),
    ]


def test_upgrade_says_from_where_to_where(url: str) -> None:
    assert schema.upgrade(url) == ("", schema.HEAD)
    assert schema.upgrade(url) == (schema.HEAD, schema.HEAD)


def test_alembic_is_not_imported_when_the_tables_are_current(url: str) -> None:
    schema.upgrade(url)
    program = (
        "import asyncio, sys\nfrom bot.store.session import Store\n"
        f"async def main():\n    await (await Store.open({url!r})).close()\n"
        "asyncio.run(main())\nprint('alembic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=STORE.parents[1]
    )
    assert (done.stdout.strip(), done.stderr) == ("False", "")
