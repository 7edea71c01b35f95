"""Known error signatures: which patterns of a catalogue stand in an alert's text or in a log line (mission R6).

Called by runbooks/index.py. All patterns are looked for at once (RE2's set), so a large catalogue costs little more than a
small one; where RE2 runs out of memory they are looked for one by one, never left out. Must not use `re`: the text is an
attacker's (trust T40).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import re2

from runbooks import pattern
from runbooks.model import Runbook

TOGETHER = 500  # patterns of one set; a set of this size compiles within its memory
MEMORY = 8 << 20  # bytes that one set may use
MAX_PLACES = 600  # texts and log lines looked at for one incident
MAX_LINE = 2_000  # characters of each


@dataclass(frozen=True, slots=True)
class Passage:
    """A text in which signatures are looked for. place: in words, where it is from (`the title`, `a line of logs`)."""

    place: str
    text: str


@dataclass(frozen=True, slots=True)
class Found:
    """A signature that was found, and where. The text itself is left out: it may hold secrets, and reasons are stored."""

    signature: str
    place: str


class SignatureSearch:
    """Every signature of a catalogue. Never changes once made. Raises PatternError for one that RE2 does not accept."""

    def __init__(self, runbooks: Mapping[str, Runbook]) -> None:
        self._owners: dict[str, list[str]] = {}
        for name, runbook in runbooks.items():
            for signature in runbook.match.signatures:
                self._owners.setdefault(signature, []).append(name)
        for signature in self._owners:
            pattern.check(signature)
        known = list(self._owners)
        self._sets = tuple(_Together(known[i : i + TOGETHER]) for i in range(0, len(known), TOGETHER))

    def __call__(self, passages: Iterable[Passage]) -> dict[str, Found]:
        """Runbook name -> the first of its signatures that was found, in the order of the passages."""
        found: dict[str, Found] = {}
        seen: set[str] = set()
        for count, passage in enumerate(passages if self._sets else ()):
            if count >= MAX_PLACES:
                break
            text = passage.text[:MAX_LINE]
            if not text or text in seen:
                continue
            seen.add(text)
            for signature in sorted(s for some in self._sets for s in some.in_text(text.encode("utf-8", "replace"))):
                for name in self._owners[signature]:
                    if name not in found:
                        found[name] = Found(signature, passage.place)
        return found


class _Together:
    """Some patterns looked for at once. The first of the set is found in every text: its absence says that RE2 gave up."""

    def __init__(self, signatures: list[str]) -> None:
        self._signatures = signatures
        options = re2.Options()
        options.log_errors = False
        options.max_mem = MEMORY
        made = re2.Set.SearchSet(options)
        made.Add(b"")
        for signature in signatures:
            made.Add(signature.encode("utf-8"))
        try:
            made.Compile()
        except re2.error:
            made = None
        self._set: Any = made

    def in_text(self, raw: bytes) -> Iterator[str]:
        """The patterns that occur in the text."""
        numbers = self._set.Match(raw) if self._set is not None else None
        if numbers and 0 in numbers:
            yield from (self._signatures[number - 1] for number in numbers if number > 0)
            return
        text = raw.decode("utf-8", "replace")
        yield from (signature for signature in self._signatures if pattern.search(signature, text))
