"""Setting operations: set one key of a JSON settings file to an allowed value, or restore it (feature flags, V2).

Plans only; carried out by bot/adapters/settings.py. Kind `setting_file`, settings {path, allowed: {key: [values]}}.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import Field

from bot.operations.base import Operation, PlanRequest
from bot.operations.parameters import (
    Parameters,
    TargetSettings,
    clean_text,
    folder_path,
    given,
    one_name,
    settings_of,
)
from bot.plan import Act
from guards import exclusive

KIND = "setting_file"
ADAPTER = "settings"
Value = bool | int | str


class FileSettings(TargetSettings):
    """path: absolute path of a JSON object file; allowed: the keys that may be set and every value each may take."""

    path: str
    allowed: dict[str, list[Value]] = Field(min_length=1)


class Setting(Parameters):
    """key, value: what to set; the value must be one that the catalogue allows, type included."""

    key: str
    value: Value


class Key(Parameters):
    """key: which setting gets its previous value back."""

    key: str


def _checked(request: PlanRequest, key: str) -> FileSettings:
    settings = settings_of(FileSettings, request.entry.settings)
    folder_path(settings.path, "path")
    one_name(key, "key")
    if key not in settings.allowed:
        raise ValueError(f"{key} is not a setting that may be changed here ({', '.join(sorted(settings.allowed))}).")
    return settings


@exclusive(per="target")
def set_value(request: PlanRequest) -> Act:
    """Write one allowed value; the previous one is kept beside the file."""
    wanted = given(Setting, request.parameters)
    settings = _checked(request, wanted.key)
    allowed = settings.allowed[wanted.key]
    # True == 1 in Python, and a flag that wants `true` must not get 1 (T34)
    if not any(type(value) is type(wanted.value) and value == wanted.value for value in allowed):
        raise ValueError(f"{wanted.key} may be one of {json.dumps(allowed)}, not {json.dumps(wanted.value)}.")
    if isinstance(wanted.value, str):
        clean_text(wanted.value, "value")
    return _act(
        request,
        "settings.set",
        {"path": settings.path, "key": wanted.key, "value": wanted.value},
        f"set {wanted.key} = {json.dumps(wanted.value)} in {settings.path}",
        idempotent=True,
    )


@exclusive(per="target")
def restore(request: PlanRequest) -> Act:
    """Give one key the value that the last `settings.set` replaced."""
    key = given(Key, request.parameters).key
    settings = _checked(request, key)
    return _act(
        request,
        "settings.restore",
        {"path": settings.path, "key": key},
        f"restore {key} in {settings.path} to its previous value",
        idempotent=False,
    )


def _act(request: PlanRequest, operation: str, resolved: dict[str, Any], shown: str, *, idempotent: bool) -> Act:
    return Act(
        adapter=ADAPTER,
        operation=operation,
        target=request.target,
        request=resolved,
        shown=shown,
        deadline_seconds=request.deadline_seconds,
        idempotent=idempotent,
    )


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="settings.set",
        target_kind=KIND,
        read_only=False,
        parameters=Setting,
        plan=set_value,
        summary="Set one allowed value in a settings file",
    ),
    Operation(
        name="settings.restore",
        target_kind=KIND,
        read_only=False,
        parameters=Key,
        plan=restore,
        summary="Restore the previous value of a setting",
    ),
)
