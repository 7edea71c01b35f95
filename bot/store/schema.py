"""The version of the tables: which one a database has, whether we may use it, and how to bring it up to date.

Called by `Store.open` at every start (plain SQL, so that alembic is imported only when there is work) and by
`runbookctl db upgrade`. The steps themselves are in bot/store/migrations/versions. Must not touch a newer database.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, create_engine, inspect, make_url, text

from bot.errors import ConfigurationError

if TYPE_CHECKING:
    from alembic.config import Config

VERSIONS = ("0001", "0002", "0003", "0004")
HEAD = VERSIONS[-1]
MIGRATIONS = Path(__file__).parent / "migrations"


def version(connection: Connection) -> str:
    """The version of the tables, '' for an empty database. Raises ConfigurationError when this program is too old."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none() or ""
    if found and found not in VERSIONS:
        raise ConfigurationError(
            f"the database has version {found}, this program knows up to {HEAD}.",
            place="DATABASE_URL",
            fix="start the newer program, or restore the backup made before the upgrade.",
        )
    return str(found)


def upgrade_connection(connection: Connection) -> None:
    """Apply every missing step in the connection's own transaction: all of them or none."""
    if version(connection) == HEAD:  # another process was quicker
        return
    from alembic import command  # noqa: PLC0415 - slow to load, and needed only when there is work

    command.upgrade(configuration(connection), "head")


def upgrade(url: str) -> tuple[str, str]:
    """Bring the database at `url` up to date; returns (version before, version after). For the CLI, not in a loop.

    Raises ConfigurationError for a bad url or a newer database, Transient or Permanent when the database refuses.
    """
    from bot.store.session import Store, parse_url  # noqa: PLC0415 - the session checks its version here

    place = parse_url(url)
    before = ""
    if place.get_backend_name() != "sqlite" or Path(place.database or "").exists():
        engine = create_engine(make_url(url).set(drivername=place.drivername.replace("+aiosqlite", "")))
        try:
            with engine.connect() as connection:
                before = version(connection)
        finally:
            engine.dispose()

    async def open_and_close() -> None:
        await (await Store.open(url)).close()

    asyncio.run(open_and_close())
    return before, HEAD


def configuration(connection: Connection) -> Config:
    """Alembic's configuration without a file: the steps beside this module, on an open connection."""
    from alembic.config import Config  # noqa: PLC0415 - slow to load, and needed only when there is work

    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made
