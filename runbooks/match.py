"""Which runbooks fit an incident: known errors first, then alert names, labels and symptoms, then words (mission R6).

Called by bot/stages/match.py, `runbookctl match` and `simulate`. Pure and repeatable: same input, same order. Text from
outside can only change the ranking, never what a runbook is allowed to do. Must not decide about permission.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from runbooks.evidence import observed
from runbooks.expression import ExpressionError, condition_variables, holds
from runbooks.index import Index
from runbooks.model import Runbook
from runbooks.search import Hit, words
from runbooks.signatures import Found
from runbooks.situation import Situation, alert_texts, passages

__all__ = ["THRESHOLD", "Index", "Ranked", "Situation", "explain", "match", "waiting_for", "words"]

THRESHOLD = 0.5  # below this a runbook is only mentioned, never offered as the next step (mission R6)
# What one sign alone makes of a runbook. A known error or an alert's name is never outweighed by weaker signs together:
# they only move the score inside the room that the stronger one leaves.
SIGNATURE_WEIGHT, SIGNATURE_MOST = 0.95, 0.99
ALERT_WEIGHT, ALERT_MOST = 0.9, 0.94
SYMPTOM_WEIGHT = 0.7
LABEL_WEIGHT = 0.6
TEXT_WEIGHT = 0.45  # below the threshold: text search alone only suggests
CONDITION_WEIGHT = 0.4
PARTLY = 0.9  # of a symptom whose words are all there, but not as it is written
SHOWN = 3

Obstacle = Literal["", "waits", "labels", "condition", "unproven", "nothing"]


@dataclass(frozen=True, slots=True)
class Ranked:
    """One runbook's place. score: 0 to 1. reasons: what speaks for it. blocked: why it does not apply, else empty.

    obstacle: the same as a word: it `waits` for an adapter, its `labels` differ, its `condition` does not hold or is
    `unproven` with these facts, or `nothing` speaks for it.
    """

    runbook: Runbook
    score: float
    reasons: tuple[str, ...]
    blocked: str = ""
    obstacle: Obstacle = ""


@dataclass(frozen=True, slots=True)
class _Sight:
    """What is looked at, found once for all runbooks."""

    situation: Situation
    facts: Mapping[str, Mapping[str, Any]]
    index: Index
    joined: str
    present: frozenset[str]
    signatures: Mapping[str, Found]
    hits: Mapping[str, Hit]


def match(
    runbooks: Mapping[str, Runbook],
    situation: Situation,
    facts: Mapping[str, Mapping[str, Any]],
    index: Index | None = None,
) -> tuple[Ranked, ...]:
    """The runbooks that something speaks for: those that apply first, then by score, then by id.

    facts: name -> value. index: of these runbooks, else one is built. A runbook whose `when` does not hold or cannot be
    answered, whose labels differ, or that waits for an adapter, is in the list as blocked, with the reason.
    """
    sight = _look(_index_of(runbooks, index), situation, facts)
    names = sight.index.candidates(situation.alert, situation.labels, sight.present)
    found = (_rank(runbooks[name], sight) for name in names.union(sight.signatures, sight.hits))
    return _ordered(ranked for ranked in found if ranked.score > 0)


def explain(
    runbooks: Mapping[str, Runbook],
    situation: Situation,
    facts: Mapping[str, Mapping[str, Any]],
    index: Index | None = None,
) -> tuple[Ranked, ...]:
    """Like match, for every runbook: those that nothing speaks for are in it too, as blocked (mission R6)."""
    sight = _look(_index_of(runbooks, index), situation, facts)
    return _ordered(_rank(runbook, sight) for runbook in runbooks.values())


def waiting_for(runbook: Runbook) -> str:
    """Why a runbook that waits for adapters cannot be run, in words; empty when it waits for none."""
    if not runbook.waits_for:
        return ""
    plural = "adapters" if len(runbook.waits_for) > 1 else "adapter"
    return f"it waits for the {plural} {' and '.join(runbook.waits_for)}, which this bot does not have"


def _index_of(runbooks: Mapping[str, Runbook], index: Index | None) -> Index:
    return index if index is not None and index.runbooks is runbooks else Index(runbooks)


def _look(index: Index, situation: Situation, facts: Mapping[str, Mapping[str, Any]]) -> _Sight:
    texts = alert_texts(situation, facts)
    present = frozenset(word for text in texts for word in text)
    joined = "\n".join(f" {' '.join(text)} " for text in texts)
    found = index.by_signature(passages(situation, facts))
    return _Sight(situation, facts, index, joined, present, found, index.by_words(present))


def _ordered(found: Iterable[Ranked]) -> tuple[Ranked, ...]:
    return tuple(sorted(found, key=lambda r: (bool(r.blocked), -r.score, r.runbook.id)))


def _rank(runbook: Runbook, sight: _Sight) -> Ranked:
    wanted = runbook.match
    signature = sight.signatures.get(runbook.id)
    alert = bool(sight.situation.alert) and sight.situation.alert in wanted.alerts
    different = [k for k, v in sorted(wanted.labels.items()) if sight.situation.labels.get(k) != v]
    labels = bool(wanted.labels) and not different
    phrase, share = _best_phrase(sight, runbook.id)
    hit = sight.hits.get(runbook.id)
    text = TEXT_WEIGHT * hit.share if hit else 0.0
    reasons = [f'{signature.place} has the known error "{signature.signature}"'] if signature else []
    if alert:
        reasons.append(f"the alert is {sight.situation.alert}")
    if labels:
        reasons.append("the labels " + ", ".join(f"{k}={v}" for k, v in sorted(wanted.labels.items())))
    if share > 0:
        reasons.append(f'the text says "{phrase}"' if share == 1 else f'the text resembles "{phrase}" ({share:.0%})')
    elif hit:
        told = hit.words[:SHOWN]
        reasons.append(f"its description has the word{'s' if len(told) > 1 else ''} {', '.join(told)}")
    doubt = (1 - LABEL_WEIGHT if labels else 1) * (1 - max(SYMPTOM_WEIGHT * share, text))
    obstacle, blocked = _obstacle(runbook, sight, different, found=bool(reasons))
    if not blocked and wanted.when:
        doubt = doubt if reasons else 1 - CONDITION_WEIGHT
        reasons.append(f"{wanted.when} holds")
    score = 1 - doubt
    if alert:
        score = ALERT_WEIGHT + (ALERT_MOST - ALERT_WEIGHT) * score
    if signature:
        score = SIGNATURE_WEIGHT + (SIGNATURE_MOST - SIGNATURE_WEIGHT) * score
    return Ranked(runbook, round(score, 4), tuple(reasons), blocked, obstacle)


def _obstacle(runbook: Runbook, sight: _Sight, different: list[str], *, found: bool) -> tuple[Obstacle, str]:
    """The first thing that stands in the way; found: whether anything but the condition speaks for the runbook."""
    wanted = runbook.match
    if different:
        return "labels", f"the label {different[0]} is not {wanted.labels[different[0]]}"
    if not found:
        looked_for = _looked_for(runbook)
        if looked_for:
            return "nothing", f"nothing fits: it looks for {looked_for}"
        if not wanted.when:
            return "nothing", "it names no known error, alert, label, symptom or condition; it is only run by name"
    if runbook.waits_for:
        return "waits", waiting_for(runbook)
    return _condition(wanted.when, sight) if wanted.when else ("", "")


def _looked_for(runbook: Runbook) -> str:
    wanted = runbook.match
    kinds = (
        ("the error", [f'"{s}"' for s in wanted.signatures]),
        ("the alert", list(wanted.alerts)),
        ("the label", [f"{k}={v}" for k, v in sorted(wanted.labels.items())]),
        ("the words", [f'"{s}"' for s in wanted.symptoms]),
    )
    parts = [f"{kind} {', '.join(each[:SHOWN])}{', …' if len(each) > SHOWN else ''}" for kind, each in kinds if each]
    return " or ".join(parts)


def _condition(when: str, sight: _Sight) -> tuple[Obstacle, str]:
    variables = condition_variables(sight.situation.variables(), sight.facts)
    try:
        if holds(when, variables):
            return "", ""
    except ExpressionError as error:
        return "unproven", f"{when} is not proven: {error}"
    seen = observed(when, variables)
    return "condition", f"{when} does not hold" + (f" ({seen})" if seen else "")


def _best_phrase(sight: _Sight, name: str) -> tuple[str, float]:
    """The symptom that fits best and how well: 1 when it stands in the text word for word, else a share below 1.

    The share is the weight of its words that occur over the weight of all its words, at most 0.9; less than half is
    none.
    """
    best = ("", 0.0)
    for phrase, parts in sight.index.phrases.get(name, ()):
        if not parts:
            continue
        if f" {' '.join(parts)} " in sight.joined:
            return phrase, 1.0
        whole = sum(sight.index.weight(word) for word in parts)
        share = sum(sight.index.weight(word) for word in parts if word in sight.present) / whole if whole else 0.0
        if share >= 0.5 and share * PARTLY > best[1]:
            best = (phrase, share * PARTLY)
    return best
