"""`python -m bot` is `runbookctl`: the same commands, for machines where the entry point is not on the path."""

from __future__ import annotations

from bot.cli import main

if __name__ == "__main__":
    main()
