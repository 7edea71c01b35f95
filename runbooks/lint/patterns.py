"""Lint rules about patterns: what fits anything, what is slow elsewhere, what is written for nothing.

Called by runbooks/lint. Patterns were already accepted by RE2 when the runbook was loaded. Must not compile others.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from runbooks import pattern
from runbooks.lint.ambiguity import speed
from runbooks.lint.finding import Finding, Path, Repair
from runbooks.lint.rule import rule
from runbooks.lint.subject import Subject

# Texts that have nothing in common. A pattern that is found in all of them looks for nothing.
_UNRELATED = ("a", "7", "Z z", "-", "\u00e4", "x=1\n")
_SIGNS = frozenset(".*+?|()[]{}^$\\")
_ANYTHING = (".*", ".*?")


@lru_cache(maxsize=512)
def fits_any_output(text: str) -> bool:
    """Whether the pattern is found in an empty text, or in every text that is not empty."""
    if text and _SIGNS.isdisjoint(text):
        return False  # plain words
    return pattern.matches_anything(text) or all(pattern.search(text, each) for each in _UNRELATED)


@rule(
    "matches-everything",
    "error",
    why="A signature that fits any text would recognise every alert as its own, and offer its step for all of them.",
    bad='match: {signatures: [".+"]}',
    good='match: {signatures: ["OutOfMemoryError: Java heap space"]}',
)
def matches_everything(subject: Subject) -> Iterator[Finding]:
    """A signature that is found in any text."""
    for i, signature in enumerate(subject.runbook.match.signatures):
        if fits_any_output(signature):
            yield Finding(
                "matches-everything",
                "error",
                f"the signature {signature} fits any text.",
                "write what only this error says.",
                ("match", "signatures", i),
            )


@rule(
    "slow-pattern",
    "warning",
    why="RE2 is linear with any pattern, so the bot is safe. Monitors, log shippers and scripts that people copy the pattern "
    "to are not: one such pattern stopped all of Cloudflare in 2019 (case T40).",
    bad='match: {signatures: ["^(\\\\w+\\\\s*)+failed$"]}',
    good='match: {signatures: ["^\\\\w[\\\\w\\\\s]*failed$"]}',
)
def slow_pattern(subject: Subject) -> Iterator[Finding]:
    """A pattern that takes quadratic or exponential time in an engine that backtracks."""
    for text, path in _patterns(subject):
        found = speed(text)
        if found != "linear":
            yield Finding(
                "slow-pattern",
                "warning",
                f"the pattern {text} takes {found} time in engines that backtrack (not here: RE2 is linear).",
                "let no text fit two ways: no repeated part inside a repeated part that can follow itself."
                if found == "exponential"
                else "merge the two neighbouring repeats that fit the same text.",
                path,
            )


@rule(
    "padded-pattern",
    "warning",
    why="A pattern is looked for anywhere in the output, so `.*` at its ends changes nothing but its speed elsewhere.",
    bad="""
    steps:
      - id: look
        action: supervisor.tail_log
        with: {target: "${target}", lines: 50}
        expect: [{pattern: ".*started.*"}]
    """,
    good="""
    steps:
      - id: look
        action: supervisor.tail_log
        with: {target: "${target}", lines: 50}
        expect: [{pattern: "started"}]
    """,
    mends="cuts `.*` off both ends; the same outputs fit.",
)
def padded_pattern(subject: Subject) -> Iterator[Finding]:
    """A pattern begins or ends with `.*`."""
    for text, path in _patterns(subject):
        if ".*" not in text:
            continue
        bare = without_padding(text)
        if bare != text:
            yield Finding(
                "padded-pattern",
                "warning",
                f"the pattern {text} is looked for anywhere, so the .* at its ends says nothing.",
                f"write {bare}.",
                path,
                repair=Repair(text, bare),
            )


def without_padding(text: str) -> str:
    """The pattern without `.*` at its ends, where it finds the same; else the pattern itself."""
    bare = text
    if "\\Q" in text or "(?" in text:
        return text  # flags and quoting reach over the whole pattern; a person must look
    for padding in reversed(_ANYTHING):
        if bare.startswith(padding) and bare[len(padding) : len(padding) + 1] not in ("?", "*", "+", "{"):
            bare = bare[len(padding) :]
    for padding in reversed(_ANYTHING):
        head = bare.removesuffix(padding)
        if head != bare and (len(head) - len(head.rstrip("\\"))) % 2 == 0:
            bare = head
    return bare if bare and bare != text and not fits_any_output(bare) and not bare.startswith("|") else text


def _patterns(subject: Subject) -> Iterator[tuple[str, Path]]:
    for i, signature in enumerate(subject.runbook.match.signatures):
        yield signature, ("match", "signatures", i)
    for i, step in enumerate(subject.runbook.steps):
        for j, expected in enumerate(step.expect):
            yield expected.pattern, ("steps", i, "expect", j, "pattern")
