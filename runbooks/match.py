"""Which runbooks fit an incident: known alert names first, then labels, then words; ranked and explained (mission R6).

Called by bot/stages/match.py, `runbookctl simulate` and `explain`. Pure and repeatable: same input, same order. Text
from outside can only change the ranking, never what a runbook is allowed to do. Must not decide about permission.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import re2

from runbooks.expression import ExpressionError, condition_variables, holds
from runbooks.model import Runbook

THRESHOLD = 0.5  # below this a runbook is only mentioned, never offered as the next step (mission R6)
ALERT_WEIGHT = 0.9
LABEL_WEIGHT = 0.6
TEXT_WEIGHT = 0.7
CONDITION_WEIGHT = 0.4
MAX_TEXT = 20_000

_WORD = re2.compile(r"[\pL\pN]+")


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known about an incident. alert: name of the alert; labels, details: short untrusted strings."""

    title: str = ""
    severity: str = ""
    service: str = ""
    environment: str = ""
    alert: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, str] = field(default_factory=dict)

    def variables(self) -> dict[str, Any]:
        """What conditions see as `incident.<field>`; alert_name is the same as alert."""
        return {
            "title": self.title,
            "severity": self.severity,
            "service": self.service,
            "environment": self.environment,
            "alert": self.alert,
            "alert_name": self.alert,
            "labels": dict(self.labels),
            "details": dict(self.details),
        }


@dataclass(frozen=True, slots=True)
class Ranked:
    """One runbook's place. score: 0 to 1. reasons: what speaks for it. blocked: why it does not apply, else empty."""

    runbook: Runbook
    score: float
    reasons: tuple[str, ...]
    blocked: str = ""


def words(text: str) -> tuple[str, ...]:
    """The words of a text, lower case, with plain plurals cut, so that `checks` meets `check`."""
    found = _WORD.findall(text[:MAX_TEXT].encode("utf-8", "replace").decode("utf-8").casefold())
    return tuple(w[:-1] if len(w) > 3 and w.endswith("s") and not w.endswith("ss") else w for w in found)


class Index:
    """Alert names, one label and symptom words of a catalogue, looked up instead of scanned. Built once per catalogue.

    Lookup by alert or label does not grow with the catalogue (performance.md section 5, bar 7).
    """

    def __init__(self, runbooks: Mapping[str, Runbook]) -> None:
        self.runbooks = runbooks
        self._alerts: dict[str, list[str]] = defaultdict(list)
        self._labels: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._words: dict[str, list[str]] = defaultdict(list)
        self._conditions: list[str] = []
        self.phrases: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {}
        for name, runbook in runbooks.items():
            self._add(name, runbook)
        count = max(1, len(runbooks))
        self._weights = {w: math.log(1 + (count - len(n) + 0.5) / (len(n) + 0.5)) for w, n in self._words.items()}

    def _add(self, name: str, runbook: Runbook) -> None:
        match = runbook.match
        for alert in match.alerts:
            self._alerts[alert].append(name)
        for pair in sorted(match.labels.items())[:1]:
            self._labels[pair].append(name)  # one pair finds the candidate, all pairs are compared afterwards
        self.phrases[name] = tuple((phrase, words(phrase)) for phrase in match.symptoms)
        for word in sorted({word for _, phrase in self.phrases[name] for word in phrase}):
            self._words[word].append(name)
        if match.when and not (match.alerts or match.labels or match.symptoms):
            self._conditions.append(name)

    def weight(self, word: str) -> float:
        """How telling a word is: rare words in the catalogue weigh more (the IDF of BM25)."""
        return self._weights.get(word, 0.0)

    def by_alert(self, alert: str) -> tuple[str, ...]:
        """Ids of the runbooks that name this alert exactly."""
        return tuple(self._alerts.get(alert, ())) if alert else ()

    def candidates(self, situation: Situation, text: Iterable[str]) -> list[str]:
        """Ids of the runbooks that have anything to do with the situation, sorted."""
        found = set(self.by_alert(situation.alert)).union(self._conditions)
        for pair in situation.labels.items():
            found.update(self._labels.get(pair, ()))
        for word in text:
            found.update(self._words.get(word, ()))
        return sorted(found)


def match(
    runbooks: Mapping[str, Runbook],
    situation: Situation,
    facts: Mapping[str, Mapping[str, Any]],
    index: Index | None = None,
) -> tuple[Ranked, ...]:
    """The runbooks that something speaks for: those that apply first, then by score, then by id.

    facts: name -> value. index: of these runbooks, else one is built. A runbook whose `when` does not hold, cannot be
    answered, or whose labels differ, is in the list as blocked, with the reason.
    """
    index = index if index is not None and index.runbooks is runbooks else Index(runbooks)
    text = words(" ".join((situation.title, *situation.details.values())))
    found = (_rank(runbooks[name], index, situation, text, facts) for name in index.candidates(situation, set(text)))
    return _ordered(ranked for ranked in found if ranked.score > 0)


def explain(
    runbooks: Mapping[str, Runbook], situation: Situation, facts: Mapping[str, Mapping[str, Any]]
) -> tuple[Ranked, ...]:
    """Like match, for every runbook: those that nothing speaks for are in it too, as blocked (mission R6)."""
    index = Index(runbooks)
    text = words(" ".join((situation.title, *situation.details.values())))
    return _ordered(_rank(runbook, index, situation, text, facts) for runbook in runbooks.values())


def _ordered(found: Iterable[Ranked]) -> tuple[Ranked, ...]:
    return tuple(sorted(found, key=lambda r: (bool(r.blocked), -r.score, r.runbook.id)))


def _rank(
    runbook: Runbook,
    index: Index,
    situation: Situation,
    text: tuple[str, ...],
    facts: Mapping[str, Mapping[str, Any]],
) -> Ranked:
    reasons: list[str] = []
    doubt = 1.0
    if situation.alert and situation.alert in runbook.match.alerts:
        reasons.append(f"the alert is {situation.alert}")
        doubt *= 1 - ALERT_WEIGHT
    different = [k for k, v in sorted(runbook.match.labels.items()) if situation.labels.get(k) != v]
    if runbook.match.labels and not different:
        reasons.append("the labels " + ", ".join(f"{k}={v}" for k, v in sorted(runbook.match.labels.items())))
        doubt *= 1 - LABEL_WEIGHT
    phrase, share = _best_phrase(index, runbook.id, text)
    if share > 0:
        reasons.append(f'the text says "{phrase}"' if share == 1 else f'the text resembles "{phrase}" ({share:.0%})')
        doubt *= 1 - TEXT_WEIGHT * share
    blocked = ""
    if different:
        key = different[0]
        blocked = f"the label {key} is not {runbook.match.labels[key]}"
    elif not reasons and (runbook.match.alerts or runbook.match.labels or runbook.match.symptoms):
        blocked = "neither alert, labels nor text fit"
    elif runbook.match.when:
        blocked = _condition(runbook.match.when, situation, facts)
        if not blocked:
            reasons.append(f"{runbook.match.when} holds")
            doubt *= 1 if doubt < 1 else 1 - CONDITION_WEIGHT
    elif not reasons:
        blocked = "it names no alert, label, symptom or condition; it is only run by name"
    return Ranked(runbook, round(1 - doubt, 4), tuple(reasons), blocked)


def _condition(when: str, situation: Situation, facts: Mapping[str, Mapping[str, Any]]) -> str:
    try:
        if holds(when, condition_variables(situation.variables(), facts)):
            return ""
    except ExpressionError as error:
        return f"{when} is not proven: {error}"
    return f"{when} does not hold"


def _best_phrase(index: Index, name: str, text: tuple[str, ...]) -> tuple[str, float]:
    """The symptom that fits best and how well: 1 when it stands in the text word for word, else a share below 1.

    The share is the weight of its words that occur over the weight of all its words, at most 0.9; less than half is
    none.
    """
    joined = f" {' '.join(text)} "
    present = set(text)
    best = ("", 0.0)
    for phrase, parts in index.phrases.get(name, ()):
        if not parts:
            continue
        if f" {' '.join(parts)} " in joined:
            return phrase, 1.0
        whole = sum(index.weight(word) for word in parts)
        share = sum(index.weight(word) for word in parts if word in present) / whole if whole else 0.0
        if share >= 0.5 and share * 0.9 > best[1]:
            best = (phrase, share * 0.9)
    return best
