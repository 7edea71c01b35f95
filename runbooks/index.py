"""A catalogue made ready to be asked: by alert, by labels, by words, by known errors. Looked up, never scanned.

Built once per good load by runbooks/load.py and replaced as a whole; asked by runbooks/match.py. A look-up by alert or label
does not grow with the catalogue (performance.md section 5, bar 7; measured by bench/matching.py). Must not rank.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from runbooks.model import Runbook
from runbooks.search import Hit, TextSearch, texts_of, words
from runbooks.signatures import Found, Passage, SignatureSearch

Phrases = tuple[tuple[str, tuple[str, ...]], ...]


class Index:
    """The catalogue's alerts, labels, symptom words, signatures and texts. runbooks: what it was made of."""

    def __init__(self, runbooks: Mapping[str, Runbook]) -> None:
        self.runbooks = runbooks
        self.phrases: dict[str, Phrases] = {}
        self._alerts: dict[str, list[str]] = defaultdict(list)
        self._labels: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._words: dict[str, list[str]] = defaultdict(list)
        self._conditions: list[str] = []
        self._pairs = Counter(pair for runbook in runbooks.values() for pair in runbook.match.labels.items())
        for name, runbook in runbooks.items():
            self._add(name, runbook)
        count = max(1, len(runbooks))
        self._weights = {w: math.log(1 + (count - len(n) + 0.5) / (len(n) + 0.5)) for w, n in self._words.items()}
        self._text = TextSearch(texts_of(runbooks))
        self._signatures = SignatureSearch(runbooks)

    def _add(self, name: str, runbook: Runbook) -> None:
        match = runbook.match
        for alert in match.alerts:
            self._alerts[alert].append(name)
        if (
            match.labels
        ):  # its rarest pair finds it, all pairs are compared then: `team=sre` on every runbook costs nothing
            self._labels[min(match.labels.items(), key=lambda pair: (self._pairs[pair], pair))].append(name)
        self.phrases[name] = tuple((phrase, words(phrase)) for phrase in match.symptoms)
        for word in sorted({word for _, phrase in self.phrases[name] for word in phrase}):
            self._words[word].append(name)
        if match.when and not (match.signatures or match.alerts or match.labels or match.symptoms):
            self._conditions.append(name)

    def weight(self, word: str) -> float:
        """How telling a word is: rare words in the catalogue's symptoms weigh more (the IDF of BM25)."""
        return self._weights.get(word, 0.0)

    def by_alert(self, alert: str) -> tuple[str, ...]:
        """Ids of the runbooks that name this alert exactly."""
        return tuple(self._alerts.get(alert, ())) if alert else ()

    def by_labels(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        """Ids of the runbooks all of whose labels are among these."""
        pairs = labels.items()
        return tuple(name for name in self._nearby(labels) if self.runbooks[name].match.labels.items() <= pairs)

    def _nearby(self, labels: Mapping[str, str]) -> list[str]:
        return [name for pair in labels.items() if pair in self._labels for name in self._labels[pair]]

    def by_words(self, text: Iterable[str]) -> dict[str, Hit]:
        """The best hits of text search, by runbook."""
        return {hit.name: hit for hit in self._text(text)}

    def by_signature(self, passages: Iterable[Passage]) -> dict[str, Found]:
        """The runbooks one of whose known errors stands in these texts."""
        return self._signatures(passages)

    def candidates(self, alert: str, labels: Mapping[str, str], text: Iterable[str]) -> set[str]:
        """Ids of the runbooks that alert, a label or a symptom's word points to, and of those that only have a condition."""
        found = {*self.by_alert(alert), *self._conditions, *self._nearby(labels)}
        for word in text:
            found.update(self._words.get(word, ()))
        return found
