"""Finding runbooks beside the plain ways to find them: labels against a scan, text against SQLite's FTS5 (performance.md 5).

Ours is what runbooks/match.py asks for every incident: `Index.by_labels` and text search, both over runbooks as the loader
makes them. Each look-up of ours is timed next to the same look-up of the limit, one by one.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from statistics import median
from typing import Any

from bench.processes import Failed
from bench.reference import Missing
from bench.report import Figure, Round, alone, compared, percentile
from bench.run import Run

SIZES = (10, 1_000, 10_000)
LARGEST = SIZES[-1]
VOCABULARY = 3_000
LENGTH = 60  # words that a runbook says of itself: title, symptoms, description, meaning
ASKED = 8  # words of an alert
TOP = 5
SCAN_SHARE = 1 / 200
FLAT = 2.0  # a look-up that scanned would take a thousand times as long with a thousand times as many
BATCH = 200  # label look-ups of one sample: one takes less than the clock can tell
Books = Mapping[str, Any]

WHY_LABELS = "building the answer costs as much as finding it"
WHY_TEXT = "Python adds up the weights of every runbook that has one of the words"


def catalogue(size: int, seed: int) -> dict[str, Any]:
    """That many runbooks, each for one service, with words as often as in a language (Zipf)."""
    from runbooks.model import Match, Runbook, Step

    rng = random.Random(seed)
    words, weights = vocabulary()
    step = Step(id="look", action="http.get")
    made: dict[str, Any] = {}
    for number in range(size):
        said = rng.choices(words, weights, k=LENGTH)
        name = f"runbook-{number}"
        match = Match(labels={"app": "shop", "service": f"svc-{number}", "team": f"team-{number % 20}"})
        description = " ".join((*said[8:], f"svc{number}"))
        made[name] = Runbook(id=name, title=" ".join(said[:8]), description=description, match=match, steps=(step,))
    return made


def vocabulary() -> tuple[list[str], list[float]]:
    """Words, and how often each is said."""
    return [f"word{number}" for number in range(VOCABULARY)], [1 / (number + 3) for number in range(VOCABULARY)]


def alerts(size: int, count: int, seed: int) -> list[tuple[dict[str, str], str]]:
    """Labels and text of alerts, each about one of the services; most of its labels are of no interest to anybody."""
    rng = random.Random(seed + 1)
    words, weights = vocabulary()
    found = []
    for _ in range(count):
        number = rng.randrange(size)
        labels = {f"other-{n}": str(rng.randrange(9)) for n in range(5)}
        labels |= {"app": "shop", "team": f"team-{number % 20}", "service": f"svc-{number}"}
        found.append((labels, " ".join((*rng.choices(words, weights, k=ASKED), f"svc{number}"))))
    return found


def scan(books: Books, labels: Mapping[str, str]) -> list[str]:
    """The limit of labels: look at every runbook."""
    return [
        name
        for name, book in books.items()
        if book.match.labels and all(labels.get(key) == value for key, value in book.match.labels.items())
    ]


class Fts5:
    """The limit of text: the same texts in SQLite's FTS5, in memory. Raises Missing where Python's SQLite has none."""

    def __init__(self, books: Books) -> None:
        self._connection = sqlite3.connect(":memory:")
        try:
            self._connection.execute("CREATE VIRTUAL TABLE texts USING fts5(name UNINDEXED, body)")
        except sqlite3.OperationalError as error:
            raise Missing(f"this Python's SQLite has no FTS5 ({error})") from error
        rows = ((name, f"{book.title}\n{book.description}") for name, book in books.items())
        self._connection.executemany("INSERT INTO texts VALUES (?, ?)", rows)
        self._connection.execute("INSERT INTO texts(texts) VALUES ('optimize')")

    def __call__(self, text: str) -> list[str]:
        asked = " OR ".join(f'"{word}"' for word in text.split())
        query = f"SELECT name FROM texts WHERE texts MATCH ? ORDER BY rank LIMIT {TOP}"
        return [name for (name,) in self._connection.execute(query, (asked,))]

    def close(self) -> None:
        self._connection.close()


def timed(call: Callable[[], Any], times: int = 1) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - began) / times


class Prepared:
    """One catalogue with everything that is asked of it."""

    def __init__(self, size: int, seed: int, count: int) -> None:
        from runbooks.index import Index

        self.size = size
        self.books = catalogue(size, seed)
        began = time.perf_counter()
        self.index = Index(self.books)
        self.built = time.perf_counter() - began
        self.alerts = alerts(size, count, seed)
        self.fts5 = Fts5(self.books)

    def check(self) -> None:
        """Both ways find the same before they are timed. Raises Failed."""
        for labels, _ in self.alerts[:10]:
            if list(self.index.by_labels(labels)) != scan(self.books, labels):
                raise Failed("the index and the scan do not find the same runbooks")

    def search(self, text: str) -> list[str]:
        from runbooks.search import words

        return list(self.index.by_words(words(text)))

    def agreement(self) -> float:
        """Share of FTS5's best hits that are ours too; the two count very common words differently."""
        found = [(self.fts5(text)[:1], self.search(text)[:1]) for _, text in self.alerts]
        return sum(theirs == ours for theirs, ours in found) / len(found)


def label_samples(small: Prepared, large: Prepared) -> Iterator[tuple[float, float, float]]:
    """Seconds of the scan, of ours in the large catalogue, and of ours in the small one."""
    for (few, _), (many, _) in zip(small.alerts, large.alerts, strict=True):
        yield (
            timed(partial(scan, large.books, many)),
            timed(partial(large.index.by_labels, many), BATCH),
            timed(partial(small.index.by_labels, few), BATCH),
        )


def text_samples(prepared: Prepared) -> Iterator[tuple[float, float]]:
    """Seconds of FTS5 and of ours, for every alert."""
    for _, text in prepared.alerts:
        yield timed(partial(prepared.fts5, text)), timed(partial(prepared.search, text))


def whole(prepared: Prepared) -> list[float]:
    """Milliseconds of the whole matcher: labels, words, conditions, order."""
    from runbooks.match import Situation, match

    asked = (Situation(title=text, labels=labels) for labels, text in prepared.alerts)
    return [timed(partial(match, prepared.books, one, {}, prepared.index)) * 1e3 for one in asked]


async def measure(run: Run) -> AsyncIterator[list[Figure]]:
    """Labels against a scan and against a small catalogue; text against FTS5; the whole matcher for itself."""
    count = 20 if run.quick else 60
    sizes = (SIZES[0], SIZES[1]) if run.quick else SIZES
    prepared = [Prepared(size, run.seed, count) for size in sizes]
    try:
        for each in prepared:
            each.check()
        labels: list[list[tuple[float, float, float]]] = []
        texts: dict[int, list[list[tuple[float, float]]]] = {each.size: [] for each in prepared}
        matched: list[float] = []
        for _ in range(run.rounds):
            labels.append(list(label_samples(prepared[0], prepared[-1])))
            for each in prepared:
                texts[each.size].append(list(text_samples(each)))
            matched += whole(prepared[-1])
        yield label_figures(labels, sizes[0], sizes[-1])
        yield [text_figure(each, texts[each.size]) for each in prepared]
        yield [whole_figure(prepared[-1], matched)]
    finally:
        for each in prepared:
            each.fts5.close()


def label_figures(found: list[list[tuple[float, float, float]]], few: int, many: int) -> list[Figure]:
    """Against the scan, and against the same look-up in the smallest catalogue; microseconds."""
    scanned, large, small = ([median(sample[which] for sample in some) * 1e6 for some in found] for which in range(3))
    return [
        compared(
            f"label match, {many:,} runbooks", "us", [Round(s, o) for s, o in zip(scanned, large, strict=True)],
            "at most", SCAN_SHARE, limit_is="a look at every runbook's labels", why=WHY_LABELS,
        ),
        compared(
            f"label match, {few:,} to {many:,} runbooks", "us", [Round(s, o) for s, o in zip(small, large, strict=True)],
            "at most", FLAT, limit_is=f"the same look-up with {few:,} runbooks", why=WHY_LABELS,
        ),
    ]  # fmt: skip


def text_figure(prepared: Prepared, found: list[list[tuple[float, float]]]) -> Figure:
    """Medians of each round, milliseconds; p99 over all beside them."""
    rounds = [Round(*(median(sample[which] for sample in some) * 1e3 for which in range(2))) for some in found]
    everything = [sample for some in found for sample in some]
    extra = {
        "limit_p99": percentile([limit * 1e3 for limit, _ in everything], 0.99),
        "ours_p99": percentile([ours * 1e3 for _, ours in everything], 0.99),
        "same_best_hit": prepared.agreement(),
        "samples": len(everything),
    }
    return compared(
        f"text search, {prepared.size:,} runbooks", "ms", rounds, "at most", 1,
        limit_is=f"FTS5 in memory, the best {TOP} by rank", why=WHY_TEXT, extra=extra,
    )  # fmt: skip


def whole_figure(prepared: Prepared, matched: list[float]) -> Figure:
    """The whole matcher, only reported, with the time that making the index took."""
    extra = {"p99": percentile(matched, 0.99), "index_seconds": prepared.built, "samples": len(matched)}
    return alone(f"whole match, {prepared.size:,} runbooks", "ms", median(matched), "at most", None, extra=extra)
