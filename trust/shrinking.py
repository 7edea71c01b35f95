"""B1 by Hypothesis: the same policies and contexts, drawn from bytes of its own, so that a disagreement comes out small.

Used by trust/b1.py. Seeded and without a database: the same seed looks at the same examples. One string of bytes for each
example, because a draw of Hypothesis's for each throw of the dice would be twenty times slower.
"""

from __future__ import annotations

from random import Random

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from guards.policy import Policy
from trust.cases import draw_case
from trust.compare import Disagreement, Tally, as_judgement, compare
from trust.draw_context import draw_place, foci
from trust.draw_policy import draw_policy

BYTES = 400  # more than a case throws; what is missing counts as zero


class ByteDice(Random):
    """Dice that show what a string of bytes says: a zero is the first choice, and so is everything after the end."""

    def __init__(self, thrown: bytes) -> None:
        super().__init__(0)
        self.thrown = thrown
        self.place = 0

    def getrandbits(self, k: int, /) -> int:
        """The next k bits, from whole bytes."""
        size = (k + 7) // 8
        taken = self.thrown[self.place : self.place + size].ljust(size, b"\0")
        self.place += size
        return int.from_bytes(taken, "big") >> (8 * size - k)

    def random(self) -> float:
        """The next two bytes as a share."""
        return self.getrandbits(16) / 65536


def search(job: tuple[int, int]) -> Tally:
    """Look for a disagreement. job: seed and number of examples. The smallest one found is in `kept`."""
    number, examples = job
    tally = Tally()
    smallest: list[Disagreement] = []

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(st.binary(min_size=BYTES, max_size=BYTES))
    def agree(thrown: bytes) -> None:
        dice = ByteDice(thrown)
        written = draw_policy(dice)
        policy = Policy.from_mapping(written)
        context, more = draw_case(dice, written, [draw_place(dice, written)], foci(written))
        tally.cases += 1
        kind, said, decision = compare(written, policy, context, more, tally.reached)
        if kind:
            words = f"oracle {said}, guards {as_judgement(decision)}, context {context}, policy {written}"
            smallest[:] = [Disagreement(kind, "hypothesis", words)]
        assert not kind  # noqa: S101  # reason: how Hypothesis is told that an example fails

    try:
        agree()
    except AssertionError:
        for found in smallest:
            tally.note(found)
    return tally
