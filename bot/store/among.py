"""`column IN (as many values as there are)` for statements that are made once: the values travel as one JSON text.

Used only inside bot/store, by modules that look for many keys at once. SQLite and Postgres spell it differently, so a
Statement gets both. Must not run anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Text, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import JSONB


def among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Whether a text column holds one of the values given under `name` (see `listed`), as SQLite understands it."""
    return column.in_(select(func.json_each(bindparam(name, type_=Text)).table_valued("value").c.value))


def among_elsewhere(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """The same as Postgres understands it."""
    return column.in_(select(func.jsonb_array_elements_text(cast(bindparam(name, type_=Text), JSONB))))


def listed(values: Iterable[str]) -> str:
    """The value to give under that name."""
    return json.dumps(list(values))
