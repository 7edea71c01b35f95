"""What a section is told, how it is registered, and how it spreads its work over the cores.

Used by trust/__main__.py and by every section. Must not know any section.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Protocol, TypeVar

from trust.report import Figure

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Order:
    """seed: of everything random. quick: the short form. processes: how many may work at once. say: tells progress."""

    seed: int
    quick: bool
    processes: int
    say: Callable[[str], object] = print

    def size(self, full: int, quick: int) -> int:
        """How many cases: the full number, or the one of the short form."""
        return quick if self.quick else full


class Section(Protocol):
    """A module of this package with a claim of the bar."""

    def measure(self, order: Order) -> list[Figure]:
        """Run it and say what came out; a broken claim is a violation in a figure, not an exception."""
        ...

    def replay(self, seed: int, case: str) -> str:
        """Play one case again and tell everything about it. Raises ValueError for a case that does not exist."""
        ...


def spread(work: Callable[[Job], Result], jobs: Iterable[Job], processes: int) -> Iterator[Result]:
    """The result of each job, in the order in which they are done. work: a function of a module, so that it can be sent.

    An exception in a job is raised here. Processes are started afresh, so that nothing is inherited from this one.
    """
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(work, job) for job in jobs]):
            yield done.result()


def shares(total: int, size: int) -> list[range]:
    """0..total in ranges of that size; the last one is shorter."""
    return [range(start, min(start + size, total)) for start in range(0, total, size)]
