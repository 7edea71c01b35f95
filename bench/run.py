"""What every figure is given: rounds, seed, folders. Made by __main__."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.report import Figure


@dataclass(frozen=True, slots=True)
class Run:
    """rounds: side-by-side rounds, taken in turns; quick: smaller storms, for a look; seed: of everything random.

    scratch: a folder on the disk under measurement. profile: where profiles go; with one, figures do not count.
    """

    rounds: int
    quick: bool
    seed: int
    scratch: Path
    say: Callable[[str], object]
    profile: Path | None = None

    @contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        """A fresh folder, gone afterwards."""
        with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=self.scratch, ignore_cleanup_errors=True) as made:
            yield Path(made)

    def profile_of(self, name: str) -> Path | None:
        return None if self.profile is None else self.profile / f"{name}.txt"


# Figures as they are found, so that what was measured before a failure is kept.
Measure = Callable[[Run], AsyncIterator[list[Figure]]]
