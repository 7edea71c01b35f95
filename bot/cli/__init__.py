"""`runbookctl`: where a command begins, and how it ends whatever happens: a sentence and an exit code, never a traceback.

Exit codes: 0 fine, 1 findings or refused, 2 usage or configuration, 130 when somebody pressed Ctrl-C. The commands are in
bot/cli/commands.py. Called by the entry point of pyproject.toml and by bot/__main__.py.
"""

from __future__ import annotations

import io
import os
import sys

from bot.errors import ConfigurationError, CountersignError

INTERRUPTED = 130


def main() -> None:
    """Entry point. A failure says what happened, where, and what to do; the commands are loaded here, so Ctrl-C ends that too."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")  # a terminal that knows no ✓ shows a ?
        from bot.cli.commands import app

        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except ConfigurationError as error:
        _say(f"configuration: {error}")
        sys.exit(2)
    except CountersignError as error:
        _say(f"failed: {error}")
        sys.exit(1)
    except OSError as error:
        _say(f"failed: {_told(error)}")
        sys.exit(2)


def _told(error: OSError) -> str:
    """What the system refused, as a sentence with its place and a fix."""
    why = error.strerror or type(error).__name__
    if error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {why}. Fix: correct the path or its permissions."
    _drop_output()
    return f"{why}. Fix: see that the folder you are in still exists and that there is room where the output goes."


def _drop_output() -> None:
    """What could not be written is not tried again when Python ends, where it would end in a second message."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        return  # a stream without a file has nothing to drop


def _say(text: str) -> None:
    print(text, file=sys.stderr)
