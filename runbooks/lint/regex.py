"""The structure of an RE2 pattern as a small tree: sets of characters, one after another, either-or, repeated.

Called by runbooks/lint/ambiguity.py for patterns that RE2 already accepted. What it does not know is Unreadable, never
guessed. Must not match anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DEEPEST = 40  # groups inside groups
OTHER = 1 << 128  # stands for every character beyond ASCII
EVERYTHING = (1 << 129) - 1


def _bits(characters: str) -> int:
    return sum(1 << min(ord(c), 128) for c in set(characters))


_DIGITS = _bits("0123456789")
_LETTERS = _bits("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_WORD = _DIGITS | _LETTERS | _bits("_")
_SPACE = _bits(" \t\n\r\f\v")
_CLASSES = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_CLASSES |= {name.upper(): EVERYTHING & ~bits for name, bits in _CLASSES.items()}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}
_NOT_NEWLINE = EVERYTHING & ~_bits("\n")


class Unreadable(Exception):
    """A pattern that this small reader does not understand, or that is too large."""


@dataclass(frozen=True, slots=True)
class Node:
    """kind set: `characters` as bits; repeat: one part, `least` to `most` times (None: for ever); the others: parts."""

    kind: Literal["set", "empty", "then", "either", "repeat"]
    parts: tuple[Node, ...] = ()
    characters: int = 0
    least: int = 0
    most: int | None = None


def read(pattern: str) -> Node:
    """The tree. Raises Unreadable."""
    reader = _Reader(pattern)
    node = reader.either()
    if not reader.done:
        raise Unreadable
    return node


class _Reader:
    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0
        self._ignore_case = False
        self._depth = 0

    @property
    def done(self) -> bool:
        return self._at >= len(self._text)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, count: int = 1) -> str:
        taken = self._text[self._at : self._at + count]
        if len(taken) < count:
            raise Unreadable
        self._at += count
        return taken

    def _until(self, end: str) -> str:
        stop = self._text.find(end, self._at)
        if stop < 0:
            raise Unreadable
        found = self._text[self._at : stop]
        self._at = stop + len(end)
        return found

    def either(self) -> Node:
        branches = [self._then()]
        while self._peek() == "|":
            self._take()
            branches.append(self._then())
        return branches[0] if len(branches) == 1 else Node("either", tuple(branches))

    def _then(self) -> Node:
        parts: list[Node] = []
        while not self.done and self._peek() not in ("|", ")"):
            parts.append(self._repeated(self._one()))
        return parts[0] if len(parts) == 1 else Node("then", tuple(parts)) if parts else Node("empty")

    def _repeated(self, node: Node) -> Node:
        while (sign := self._peek()) and sign in "*+?{":
            bounds = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(sign)
            start = self._at
            self._take()
            if bounds is None:
                bounds = self._count()
                if bounds is None:  # a brace that is only a brace
                    self._at = start
                    return node
            if self._peek() == "?":
                self._take()
            node = Node("repeat", (node,), least=bounds[0], most=bounds[1])
        return node

    def _count(self) -> tuple[int, int | None] | None:
        stop = self._text.find("}", self._at)
        low, comma, high = self._text[self._at : stop].partition(",") if stop > 0 else ("", "", "")
        if not (low.isdecimal() and low.isascii() and (not high or (high.isdecimal() and high.isascii()))):
            return None
        self._at = stop + 1
        return int(low), (int(high) if high else None) if comma else int(low)

    def _one(self) -> Node:
        sign = self._take()
        if sign == "(":
            return self._group()
        if sign == "[":
            return self._set(self._class())
        if sign == ".":
            return self._set(_NOT_NEWLINE)
        if sign in "^$":
            return Node("empty")
        if sign == "\\":
            return self._escape()
        if sign == "{" or sign not in "*+?":
            return self._set(self._bits_of(sign))
        raise Unreadable

    def _group(self) -> Node:
        before = self._ignore_case
        self._depth += 1
        if self._depth > DEEPEST:
            raise Unreadable
        if self._peek() == "?":
            self._take()
            if self._text.startswith(("P<", "<"), self._at):
                self._until(">")
            else:
                flags = ""
                while self._peek() not in (":", ")", ""):
                    flags += self._take()
                self._ignore_case = ("i" in flags.partition("-")[0]) or (before and "i" not in flags.partition("-")[2])
                if self._take() == ")":
                    self._depth -= 1
                    return Node("empty")  # holds until the end of the group around it
        node = self.either()
        if self.done or self._take() != ")":
            raise Unreadable
        self._ignore_case = before
        self._depth -= 1
        return node

    def _escape(self) -> Node:
        sign = self._take()
        if sign in _CLASSES:
            return self._set(_CLASSES[sign])
        if sign in "bBAzZ":
            return Node("empty")
        if sign == "Q":
            text = self._until("\\E") if "\\E" in self._text[self._at :] else self._take(len(self._text) - self._at)
            return Node("then", tuple(self._set(self._bits_of(c)) for c in text)) if text else Node("empty")
        return self._set(self._escaped(sign))

    def _escaped(self, sign: str) -> int:
        if sign in _CONTROLS:
            return _bits(_CONTROLS[sign])
        if sign == "x":
            digits = self._until("}") if self._peek() == "{" and self._take() else self._take(2)
            try:
                return self._bits_of(chr(int(digits, 16)))
            except (ValueError, OverflowError) as error:
                raise Unreadable from error
        if sign in "pP":
            name = self._until("}") if self._take() == "{" else ""
            del name
            return EVERYTHING  # a Unicode class may hold anything: rather too much than too little
        if sign.isalnum():
            raise Unreadable
        return self._bits_of(sign)

    def _class(self) -> int:
        negated = self._peek() == "^" and bool(self._take())
        found, first = 0, True
        while first or self._peek() != "]":
            first = False
            if self._text.startswith("[:", self._at):
                self._until(":]")
                found |= EVERYTHING >> 1  # some ASCII class: rather too much than too little
                continue
            low = self._member()
            if self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                self._take()
                high = self._member()
                if isinstance(low, str) and isinstance(high, str):
                    found |= self._range(low, high)
                    continue
                raise Unreadable
            found |= self._bits_of(low) if isinstance(low, str) else low
        self._take()
        return EVERYTHING & ~found if negated else found

    def _member(self) -> str | int:
        """One character, or the bits of a class such as backslash d."""
        sign = self._take()
        if sign != "\\":
            return sign
        sign = self._take()
        if sign in _CLASSES:
            return _CLASSES[sign]
        if sign in _CONTROLS:
            return _CONTROLS[sign]
        return self._escaped(sign) if sign.isalnum() else sign

    def _range(self, low: str, high: str) -> int:
        if ord(high) > 127:
            return OTHER | (self._range(low, "\x7f") if ord(low) <= 127 else 0)
        return self._fold(sum(1 << code for code in range(ord(low), ord(high) + 1)))

    def _bits_of(self, character: str) -> int:
        return self._fold(_bits(character))

    def _fold(self, bits: int) -> int:
        if not self._ignore_case:
            return bits
        upper, lower = _bits("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), _bits("abcdefghijklmnopqrstuvwxyz")
        return bits | (bits & upper) << 32 | (bits & lower) >> 32

    @staticmethod
    def _set(characters: int) -> Node:
        return Node("set", characters=characters)
