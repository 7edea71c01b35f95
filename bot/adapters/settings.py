"""Sets one key of a JSON settings file, or restores it (feature flags, modes; mission V2).

Called by bot/flow.py with acts planned by bot/operations/settings.py. The file is replaced whole, durably and
atomically; the replaced value is kept in `<name>.previous.json` beside it. Must not touch any other key or file.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import stat
from collections.abc import Callable
from functools import partial
from posixpath import basename, dirname
from typing import Any

from bot.adapters.base import ActResult, Progress
from bot.adapters.folders import KEPT_WITH_ALL_BELOW, is_plain, opened
from bot.adapters.hard_blocks import blocked, check_target
from bot.adapters.registry import Registry
from bot.errors import CountersignError, Permanent, Transient
from bot.plan import Act
from guards.decision import Deny

KIND = "setting_file"
OPERATIONS = ("settings.set", "settings.restore")
SIZE_LIMIT = 1_048_576  # bytes of a settings file
Values = dict[str, Any]


class SettingsAdapter:
    """Carries `settings.set` and `settings.restore`."""

    name = "settings"

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def forbidden(self, act: Act) -> Deny | None:
        """Hard blocks: target, system files, a key or value that the catalogue does not allow."""
        found = check_target(act, OPERATIONS)
        if found is not None:
            return found
        path, key = act.request.get("path"), act.request.get("key")
        if not isinstance(path, str) or not is_plain(path) or not isinstance(key, str) or not key:
            return blocked("changing anything but one key of one file")
        if any(path.startswith(kept + "/") for kept in KEPT_WITH_ALL_BELOW) or path.endswith(".previous.json"):
            return blocked(f"rewriting {path}")
        settings = self._registry.settings(act, KIND)
        if isinstance(settings, Deny):
            return settings
        allowed = settings.get("allowed")
        if settings.get("path") != path or not isinstance(allowed, dict) or key not in allowed:
            return blocked(f"changing {key} in {path}, which services.yaml does not allow")
        if act.operation == "settings.set" and not _same_as_any(act.request.get("value"), allowed[key]):
            return blocked(f"setting {key} to a value that services.yaml does not allow")
        return None

    async def identify(self, act: Act) -> Deny | None:
        """Catalogue unchanged, and the file is a regular JSON object reached without a link."""
        found = self._registry.differs(act, KIND, ("path",))
        if found is not None:
            return found
        try:
            await asyncio.to_thread(_in_folder, act, _look)
        except CountersignError as error:
            return Deny("target_gone", f"{act.target.key}: {error}.", "Correct the file or services.yaml.")
        return None

    async def act(self, act: Act, key: str, progress: Progress) -> ActResult:
        """Do it once. Raises Permanent (nothing to restore, not JSON) or Transient (disk full): file untouched."""
        refused = self.forbidden(act)
        if refused is not None:
            raise Permanent(refused.reason)
        loop = asyncio.get_running_loop()
        started = loop.time()
        work = partial(_set, run=key.partition("/")[0]) if act.operation == "settings.set" else _restore
        # not cancelled half-way: the thread takes milliseconds and each replacement in it is atomic
        before, after = await asyncio.to_thread(_in_folder, act, work)
        summary = f"{act.request['key']}: {json.dumps(before)} -> {json.dumps(after)}"
        took = round(loop.time() - started, 3)
        return ActResult.told(summary, took_seconds=took, data={"before": before, "after": after})


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other  # True == 1 in Python


def _same_as_any(value: object, allowed: object) -> bool:
    return isinstance(allowed, list) and any(_same(entry, value) for entry in allowed)


def _in_folder(act: Act, work: Callable[[int, str, Act], tuple[Any, Any]]) -> tuple[Any, Any]:
    path = act.request["path"]
    try:
        with opened(dirname(path)) as held:
            return work(held, basename(path), act)
    except OSError as error:
        if isinstance(error, (FileNotFoundError, PermissionError)):
            raise Permanent(f"{path}: {error.strerror}") from error
        raise Transient(f"{path}: {error.strerror}") from error


def _look(held: int, name: str, act: Act) -> tuple[Any, Any]:
    values = _read(held, name)
    return values.get(act.request["key"]), None


def _set(held: int, name: str, act: Act, *, run: str) -> tuple[Any, Any]:
    key, value = act.request["key"], act.request["value"]
    values = _read(held, name)
    present, before = key in values, values.get(key)
    unchanged = present and _same(before, value)
    previous = _read(held, _previous(name), missing={})
    kept = previous.get(key)
    if unchanged and isinstance(kept, dict) and kept.get("run") == run and _same(kept.get("set_to"), value):
        return before, value  # the same act again: the value that a restore needs is already kept
    previous[key] = {"present": present, "value": before, "set_to": value, "run": run}
    # first the way back, then the change: a crash between the two loses nothing
    _write(held, _previous(name), previous, like=name)
    if not unchanged:
        values[key] = value
        _write(held, name, values, like=name)
    return before, value


def _restore(held: int, name: str, act: Act) -> tuple[Any, Any]:
    key = act.request["key"]
    values = _read(held, name)
    previous = _read(held, _previous(name), missing={})
    kept = previous.pop(key, None)
    if not isinstance(kept, dict) or not {"present", "value", "set_to"} <= kept.keys():
        raise Permanent(f"no previous value of {key} is kept, so there is nothing to restore")
    before = values.get(key)
    was_restored = _same(before, kept["value"]) and (key in values) == kept["present"]
    if not _same(before, kept["set_to"]) and not was_restored:
        raise Permanent(f"{key} was changed by somebody else since, so it is left alone")
    if kept["present"]:
        values[key] = kept["value"]
    else:
        values.pop(key, None)
    _write(held, name, values, like=name)
    _write(held, _previous(name), previous, like=name)
    return before, values.get(key)


def _previous(name: str) -> str:
    return f"{name.removesuffix('.json')}.previous.json"


def _read(held: int, name: str, *, missing: Values | None = None) -> Values:
    """The JSON object in a regular file of the folder. Raises Permanent when it is anything else."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=held)
    except FileNotFoundError:
        if missing is None:
            raise
        return dict(missing)
    except OSError as error:
        raise Permanent(f"{name} is a link or cannot be read: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Permanent(f"{name} is not a regular file")
        raw = file.read(SIZE_LIMIT + 1)
    if len(raw) > SIZE_LIMIT:
        raise Permanent(f"{name} is larger than {SIZE_LIMIT} bytes")
    try:
        values = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Permanent(f"{name} is not JSON") from error
    if not isinstance(values, dict):
        raise Permanent(f"{name} is not a JSON object")
    return values


def _write(held: int, name: str, values: Values, *, like: str) -> None:
    """Replace the file by a synced new one with the mode and owner of `like`, then sync the folder."""
    model = os.stat(like, dir_fd=held, follow_symlinks=False)
    temporary = f".{name}.countersign-new"
    with contextlib.suppress(FileNotFoundError):  # one that a crash left; O_EXCL then makes surely a new one
        os.unlink(temporary, dir_fd=held)  # only os.unlink takes a folder descriptor
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o600, dir_fd=held)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps(values, indent=2, ensure_ascii=False).encode() + b"\n")
            file.flush()
            os.fchmod(descriptor, stat.S_IMODE(model.st_mode))
            if (model.st_uid, model.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(descriptor, model.st_uid, model.st_gid)
            os.fsync(descriptor)
        os.replace(temporary, name, src_dir_fd=held, dst_dir_fd=held)  # only os.replace takes descriptors
        os.fsync(held)
    except OSError:
        if temporary in os.listdir(held):
            os.unlink(temporary, dir_fd=held)  # only os.unlink takes a folder descriptor
        raise
