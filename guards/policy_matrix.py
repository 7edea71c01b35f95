"""Reads the matrix of policy.yaml, its stricter words for tiers, and what the bot may do by itself (mission G3, G11).

Called by guards/policy_reading.py only. Every cell that is not written is filled in with the strictest meaning, so that
leaving it out and writing it have the same digest. Must not decide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from guards.policy_values import PolicyError, mapping, one_of, tiers

RISKS = ("read", "safe", "caution", "forbidden")
WORDS = ("auto", "confirm", "approve", "forbid")
"""From lax to strict."""

CEILINGS = ("shadow", "suggest", "approve", "auto")
"""From the least that the bot may do by itself to the most."""

_ENVIRONMENT = re.compile(r"\A[a-z0-9][a-z0-9-]{0,30}\Z", re.ASCII)


def read_matrix(value: object) -> dict[str, dict[str, str]]:
    """The word for each environment and risk; `forbid` where none is written. Raises PolicyError."""
    rows = mapping(value, "matrix")
    if not rows:
        raise PolicyError("matrix", "it is empty.", "write one row per environment.")
    matrix = {}
    for environment, row in rows.items():
        place = f"matrix.{environment}"
        if not _ENVIRONMENT.match(environment):
            raise PolicyError(place, "this is not an environment name.", "use lower-case letters, digits and dashes.")
        matrix[environment] = dict.fromkeys(RISKS, "forbid") | _words(row, place)
    return matrix


def read_tiers(value: object, matrix: Mapping[str, Mapping[str, str]]) -> dict[str, dict[int, dict[str, str]]]:
    """The words that replace those of the matrix for a tier; only what is really stricter is kept. Raises PolicyError."""
    found: dict[str, dict[int, dict[str, str]]] = {}
    for environment, rows in mapping(value, "tiers").items():
        place = f"tiers.{environment}"
        row = matrix[one_of(environment, place, tuple(matrix))]
        for tier, cells in tiers(rows, place).items():
            words = _words(cells, f"{place}.{tier}")
            for risk, word in words.items():
                if WORDS.index(word) < WORDS.index(row[risk]):
                    fix = f"write {row[risk]} or stricter; a tier may only be stricter than the matrix."
                    raise PolicyError(f"{place}.{tier}.{risk}", f"{word} is laxer than {row[risk]}.", fix)
            stricter = {risk: word for risk, word in words.items() if word != row[risk]}
            if stricter:
                found.setdefault(environment, {})[tier] = stricter
    return found


def read_autonomy(value: object, matrix: Mapping[str, object]) -> dict[str, dict[str, str]]:
    """The most the bot may do by itself in each environment at each risk; `suggest` where none is written."""
    ceilings = {environment: dict.fromkeys(RISKS, "suggest") for environment in matrix}
    for environment, row in mapping(value, "autonomy").items():
        place = f"autonomy.{environment}"
        one_of(environment, place, tuple(matrix))
        cells = mapping(row, place, optional=RISKS)
        ceilings[environment] |= {risk: one_of(word, f"{place}.{risk}", CEILINGS) for risk, word in cells.items()}
    return ceilings


def _words(row: object, place: str) -> dict[str, Any]:
    cells = mapping(row, place, optional=RISKS)
    words = {risk: one_of(word, f"{place}.{risk}", WORDS) for risk, word in cells.items()}
    if words.get("forbidden", "forbid") != "forbid":
        raise PolicyError(f"{place}.forbidden", "what is forbidden stays so (T42).", "write forbidden: forbid.")
    return words
