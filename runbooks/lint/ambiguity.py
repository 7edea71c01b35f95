"""Patterns that make a backtracking engine slow: found on the pattern's automaton, not guessed from its looks.

Called by runbooks/lint/patterns.py. RE2 is linear whatever the pattern, but people copy patterns into monitors and scripts
that are not (Cloudflare 2019, trust case T40). Exponential: one text leads back to one place in two ways (Weideman and
others, 2016, EDA). Quadratic: two loops that fit the same text follow each other directly. Must not run a pattern.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

from runbooks.lint.regex import Node, Unreadable, read

MOST_PLACES = 150  # of the automaton; a larger one has too many pairs to look at, and says nothing
MOST_PARTS = 3_000  # of the tree, counted parts written out
MOST_STEPS = 300_000  # of two walkers over one pattern, about a tenth of a second; then nothing is said
Speed = Literal["linear", "quadratic", "exponential"]


class _Automaton:
    """Glushkov's: one place for each character that is written. sets: place -> bits of the characters it takes.

    follow: place -> the places that may come next, once for every way in which they may.
    """

    def __init__(self, node: Node) -> None:
        self.sets: list[int] = []
        self.follow: list[list[int]] = []
        self._parts = 0
        self._build(node)

    def _build(self, node: Node) -> tuple[bool, list[int], list[int]]:
        """(may be empty, places it may begin with, places it may end with)."""
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise Unreadable
        kind = node.kind
        if kind == "set":
            if len(self.sets) >= MOST_PLACES:
                raise Unreadable
            self.sets.append(node.characters)
            self.follow.append([])
            place = [len(self.sets) - 1]
            return False, place, place
        if kind == "empty":
            return True, [], []
        if kind == "either":
            parts = [self._build(part) for part in node.parts]
            return (
                any(empty for empty, _, _ in parts),
                [place for _, first, _ in parts for place in first],
                [place for _, _, last in parts for place in last],
            )
        if kind == "then":
            return self._chain(node.parts)
        return self._repeat(node)

    def _chain(self, parts: Iterable[Node]) -> tuple[bool, list[int], list[int]]:
        empty = True
        first: list[int] = []
        last: list[int] = []
        for part in parts:
            part_empty, part_first, part_last = self._build(part)
            self._join(last, part_first)
            first = first + part_first if empty else first
            last = last + part_last if part_empty else part_last
            empty = empty and part_empty
        return empty, first, last

    def _repeat(self, node: Node) -> tuple[bool, list[int], list[int]]:
        """A counted part is written out, at most three times; what may go on for ever also follows itself."""
        (part,) = node.parts
        times = min(max(node.least, 1), 3) if node.most is None else min(node.most, 3)
        if times == 0:
            return True, [], []
        empty, first, last = (
            self._chain(
                part if i < node.least or i == 0 else Node("repeat", (part,), least=0, most=1) for i in range(times)
            )
            if times > 1
            else self._build(part)
        )
        if node.most is None:
            self._join(last, first)
        return empty or node.least == 0, first, last

    def _join(self, froms: Iterable[int], tos: Iterable[int]) -> None:
        tos = list(tos)
        for place in froms:
            self.follow[place] += tos


@lru_cache(maxsize=512)
def speed(pattern: str) -> Speed:
    """How slow a backtracking engine may be; `linear` also when the pattern is too long or too odd to be judged."""
    if not any(sign in pattern for sign in "*+{"):
        return "linear"
    try:
        automaton = _Automaton(read(pattern))
        if _exponential(automaton):
            return "exponential"
    except Unreadable:
        return "linear"
    return "quadratic" if _quadratic(automaton) else "linear"


def _quadratic(automaton: _Automaton) -> bool:
    loops = [place for place, after in enumerate(automaton.follow) if place in after]
    return any(
        other != place and other in loops and automaton.sets[place] & automaton.sets[other]
        for place in loops
        for other in automaton.follow[place]
    )


def _exponential(automaton: _Automaton) -> bool:
    """Whether from some place one text leads back to it in two ways."""
    back = _reaches(automaton.follow)
    for place, after in enumerate(automaton.follow):
        for other in set(after):
            if after.count(other) > 1 and place in back[other]:
                return True
    steps = 0
    for place in range(len(automaton.sets)):
        if place in back[place]:
            found, steps = _two_ways(automaton, place, steps)
            if found:
                return True
    return False


def _reaches(follow: list[list[int]]) -> list[set[int]]:
    """Place -> every place that can come after it."""
    found: list[set[int]] = []
    for start in range(len(follow)):
        seen: set[int] = set()
        ways = list(follow[start])
        while ways:
            place = ways.pop()
            if place not in seen:
                seen.add(place)
                ways += follow[place]
        found.append(seen)
    return found


def _two_ways(automaton: _Automaton, start: int, steps: int) -> tuple[bool, int]:
    """Whether two walkers who read the same text can leave `start`, be at different places, and meet at it again.

    steps: how many were taken before; given back with those of this walk. Raises Unreadable when they are too many.
    """
    sets, follow = automaton.sets, automaton.follow
    seen: set[tuple[int, int, bool]] = set()
    ways = [(start, start, False)]
    while ways:
        one, two, parted = ways.pop()
        steps += len(follow[one]) * len(follow[two])
        if steps > MOST_STEPS:
            raise Unreadable
        for a in set(follow[one]):
            for b in set(follow[two]):
                if not sets[a] & sets[b]:
                    continue
                apart = parted or a != b
                if a == b == start and apart:
                    return True, steps
                state = (a, b, apart)
                if state not in seen:
                    seen.add(state)
                    ways.append(state)
    return False, steps
