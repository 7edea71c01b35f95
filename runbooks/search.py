"""Text search over a catalogue: BM25 with the weight of every word worked out when the catalogue is loaded (mission R6).

Called by runbooks/index.py and shelf.py. Why neither SQLite's FTS5 nor a package: docs/adr, text search of our own. A hit says which
words it was found by, so that people can judge it. Must not decide what is offered: text alone only suggests.
"""

from __future__ import annotations

import heapq
import math
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import re2

from runbooks.model import Runbook

MAX_TEXT = 20_000  # characters of one text that are looked at (trust rule 18: everything is bounded)
MOST = 5  # hits; people read no more suggestions than that
K1, B = 1.2, 0.75  # the usual constants of BM25 (Robertson and Zaragoza 2009, section 3.3)
FEW = 12  # a catalogue smaller than this tells common words from rare ones badly, so none is left out
LEAST = 0.5  # of the weight of a word that only one runbook has: less than that is chance

_BETWEEN = {code: " " for code in range(128) if not chr(code).isalnum()}
_HUMP = re2.compile(r"([\p{Ll}\pN])(\p{Lu})")


def words(text: str) -> tuple[str, ...]:
    """The words of a text, lower case, with plain plurals cut, so that `checks` meets `check`."""
    plain = text[:MAX_TEXT].casefold()
    # by table where it can be: an alert's text is split for every incident, and this is most of what a search costs
    apart = plain.translate(_BETWEEN) if plain.isascii() else "".join(c if c.isalnum() else " " for c in plain)
    return tuple(w[:-1] if len(w) > 3 and w[-1] == "s" and w[-2] != "s" else w for w in apart.split())


# Words that say nothing about what is wrong; a small catalogue cannot tell by itself that they are common.
_EMPTY = frozenset(
    words(
        "a about after again all also always an and any are as at be because been before being between both but by can "
        "could did do does during each every few for from get had has have here how if in into is it its just many may "
        "more most much must no nor not now of off often on once one only or other our out over own per same she should "
        "since so some still such than that the their them then there these they this those through to too under until "
        "up very was we were what when where whether which while who whom whose why will with without would yet you your"
    )
)


def name_in_words(name: str) -> str:
    """`HighErrorRate` as people say it, `High Error Rate`; other text as it is."""
    return str(_HUMP.sub(r"\1 \2", name[:MAX_TEXT].encode("utf-8", "replace").decode("utf-8")))


@dataclass(frozen=True, slots=True)
class Hit:
    """One text that was found. share: 0 to below 1, a word that only it has gives a half; two, three quarters.

    words: those it was found by, the most telling first.
    """

    name: str
    share: float
    words: tuple[str, ...]


class TextSearch:
    """Texts by name, ready to be searched: of runbooks, or of pages of knowledge. Never changes once made."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._names = tuple(texts)
        counts = [Counter(w for w in words(text) if w not in _EMPTY) for text in texts.values()]
        lengths = [sum(count.values()) for count in counts]
        average = sum(lengths) / len(lengths) if any(lengths) else 1.0
        holders: dict[str, list[tuple[int, float]]] = {}
        for number, count in enumerate(counts):
            lasting = K1 * (1 - B + B * lengths[number] / average)
            for word, times in count.items():
                holders.setdefault(word, []).append((number, times * (K1 + 1) / (times + lasting)))
        self._rare = self._idf(1)
        self._weights: dict[str, tuple[array[int], array[float]]] = {}
        for word, held in holders.items():
            if len(self._names) >= FEW and 2 * len(held) > len(self._names):
                continue  # what most runbooks say tells none of them apart
            idf = self._idf(len(held))
            self._weights[word] = (array("l", (n for n, _ in held)), array("d", (idf * w for _, w in held)))

    def _idf(self, holders: int) -> float:
        return math.log(1 + (len(self._names) - holders + 0.5) / (holders + 0.5))

    def __call__(self, text: Iterable[str], most: int = MOST) -> tuple[Hit, ...]:
        """The best hits for these words, best first, equals by name. Repeated words count once."""
        asked = {word: self._weights[word] for word in sorted(set(text)) if word in self._weights}
        scores: dict[int, float] = {}
        so_far = scores.get
        for numbers, weights in asked.values():
            for number, weight in zip(numbers, weights, strict=True):
                scores[number] = so_far(number, 0.0) + weight
        names, least = self._names, LEAST * self._rare
        best = heapq.nsmallest(most, scores, key=lambda n: (-scores[n], names[n]))
        return tuple(self._hit(n, scores[n], asked) for n in best if scores[n] >= least)

    def _hit(self, number: int, score: float, asked: Mapping[str, tuple[array[int], array[float]]]) -> Hit:
        found = [
            (-weights[at], word) for word, (numbers, weights) in asked.items() if (at := _at(numbers, number)) >= 0
        ]
        return Hit(self._names[number], 1 - 0.5 ** (score / self._rare), tuple(word for _, word in sorted(found)))


def _at(numbers: array[int], number: int) -> int:
    """Where the number stands in a rising array, -1 when it does not."""
    at = bisect_left(numbers, number)
    return at if at < len(numbers) and numbers[at] == number else -1


def texts_of(runbooks: Mapping[str, Runbook]) -> dict[str, str]:
    """What text search looks at in each runbook: title, symptoms, description and meaning."""
    return {
        name: "\n".join((runbook.title, *runbook.match.symptoms, runbook.description, runbook.meaning))
        for name, runbook in runbooks.items()
    }
