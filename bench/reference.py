"""The limits this benchmark measures against: `../shared/bench/*.py`, loaded from where they are, never copied.

Used by every figure. `find` raises Missing with the reason when they are not there; the figure is then skipped.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
LIMITS = ROOT.parent / "shared" / "bench"
SECRET = "s3"  # limits.py verifies with this one


class Missing(Exception):
    """A limit cannot be measured here; the words are the reason."""


def find(name: str) -> Path:
    """The path of one script of the limits. Raises Missing."""
    path = LIMITS / name
    if not path.is_file():
        raise Missing(f"../shared/bench/{name} is not there, so there is no limit to measure against")
    return path


@cache
def load(name: str) -> ModuleType:
    """One of the scripts as a module (`slack_stub`, `storm`, `limits`). Raises Missing."""
    path = find(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"countersign_limit_{name}", path)
    if spec is None or spec.loader is None:
        raise Missing(f"{path.name} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
