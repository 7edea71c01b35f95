"""Files that commands write: whole or not at all, so that neither a full disk nor Ctrl-C leaves half of one.

Used by the commands of bot/cli. Must not decide what is written, and must not write over what `create` finds there.
"""

from __future__ import annotations

import os
from pathlib import Path

from bot.errors import ConfigurationError


def replace(path: Path, text: str, *, fix: str, folders: bool = False) -> None:
    """Write the file anew, with the permissions it had; a link is kept and what it leads to is written.

    What is no regular file (/dev/stdout) is written to as it is. folders: make those above it when they are not
    there. Raises ConfigurationError with fix: one sentence.
    """
    try:
        real = path.resolve()
        if folders:
            real.parent.mkdir(parents=True, exist_ok=True)
        if real.exists() and not real.is_file():
            real.write_text(text, encoding="utf-8")
            return
        fresh = real.with_name(f".{real.name}.{os.getpid()}")
        try:
            with fresh.open("x", encoding="utf-8", newline="") as file:
                file.write(text)
            if real.exists():
                fresh.chmod(real.stat().st_mode & 0o7777)
            fresh.replace(real)
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(f"cannot be written ({_why(error)}).", place=str(path), fix=fix) from error


def create(path: Path, text: str, *, fix: str, taken: str = "remove it, or choose another name.") -> None:
    """Write a new file, and the folders above it. taken: the fix when it is there, and then nothing changes.

    Raises ConfigurationError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"cannot be made ({_why(error)}).", place=str(path.parent), fix=fix) from error
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            whole = False
            try:
                file.write(text)
                file.flush()
                whole = True
            finally:
                if not whole:
                    path.unlink(missing_ok=True)
    except FileExistsError as error:
        raise ConfigurationError("is there already.", place=str(path), fix=taken) from error
    except OSError as error:
        raise ConfigurationError(f"cannot be written ({_why(error)}).", place=str(path), fix=fix) from error


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__
