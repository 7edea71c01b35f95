"""Which keys an author may write where, read off the model, and what to say about one that is not among them.

Called by runbooks/load.py for the fix of an error and by runbooks/schema.py. Must not check values.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from runbooks.model import Rollback, Runbook, Safety, Step, Verify
from runbooks.spelling import nearest
from runbooks.strict import Path

ADDED: dict[type[BaseModel], tuple[str, ...]] = {Runbook: ("command",), Verify: ("samples",)}
"""What authors write and the model holds in another way."""
HIDDEN: dict[type[BaseModel], tuple[str, ...]] = {Runbook: ("source", "short_form"), Verify: ("required", "of")}
"""What the model holds and nobody writes."""
PLACES = (
    (Runbook, "belongs at the top of the file, not in a part of it"),
    (Step, "belongs into a step"),
    (Safety, "belongs under safety"),
    (Verify, "belongs under verify"),
)
REMOVE = "remove it or correct its spelling."


@lru_cache(maxsize=64)
def keys_of(part: type[BaseModel]) -> tuple[str, ...]:
    """The keys that an author may write in this part, in the order of the model."""
    own = (field.alias or name for name, field in part.model_fields.items())
    return (*(key for key in own if key not in HIDDEN.get(part, ())), *ADDED.get(part, ()))


def part_at(path: Path) -> type[BaseModel] | None:
    """The model of the mapping at a path of the shaped data, None where the keys are free (`with`, `facts`)."""
    found = _annotation(path)
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def words_at(path: Path) -> tuple[str, ...]:
    """The closed list of words that may stand at this path; empty when it is no such list."""
    return _words(_annotation(path))


def meant_by(path: Path) -> Path:
    """The path with its unknown last key put right; empty when no known key is near."""
    part = part_at(path[:-1])
    likely = nearest(str(path[-1]), keys_of(part)) if part is not None else ""
    return (*path[:-1], likely) if likely else ()


def instead_of(path: Path) -> str:
    """The fix for the unknown key that ends this path: its likely spelling, or where such a key belongs."""
    part, key, meant = part_at(path[:-1]), str(path[-1]), meant_by(path)
    if meant:
        return f"did you mean {meant[-1]}?"
    for other, where in PLACES:
        found = nearest(key, keys_of(other))
        if other is not part and found == key:
            return f"{key} {where}."
    return f"{REMOVE[:-1]}: {', '.join(keys_of(part))}." if part is Rollback else REMOVE


def _annotation(path: Path) -> Any:
    here: Any = Runbook
    for step in path:
        if isinstance(here, type) and issubclass(here, BaseModel):
            here = next((f.annotation for n, f in here.model_fields.items() if step in (f.alias, n)), None)
        elif get_origin(here) in (tuple, dict):
            here = get_args(here)[-1 if get_origin(here) is dict else 0]
        else:
            return None
        here = _inner(here)
    return here


def _inner(annotation: Any) -> Any:
    """`Verify | None` -> Verify; anything else as it is."""
    parts = [part for part in get_args(annotation) if part is not type(None)]
    return parts[0] if len(parts) == 1 and get_origin(annotation) not in (tuple, dict, Literal) else annotation


def _words(annotation: Any) -> tuple[str, ...]:
    return tuple(str(word) for word in get_args(annotation)) if get_origin(annotation) is Literal else ()
