"""Strict YAML: the one way text becomes data, for runbooks and for configuration (trust cases T34, T38).

Called by runbooks/load.py, runbooks/promotion.py, runbooks/knowledge.py and bot/config_file.py.
No tags, anchors, aliases, merge keys, directives, second documents or duplicate keys; only `true`, `false`, `null` and
decimal numbers get a type, everything else stays the text that was written. Must not read files or build objects.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import re2
import yaml

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
MAX_NODES = 20_000
MAX_MESSAGE = 200
SHORT = 24  # characters of a number that is worth keeping
MAX_INTEGER = 2**53 - 1  # RFC 8785 numbers are IEEE doubles: a larger integer would change when it is signed

Path = tuple[str | int, ...]

_INTEGER = re2.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_LONG_INTEGER = re2.compile(r"-?[1-9][0-9]{19,}")
_FLOAT = re2.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_INVISIBLE_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0\u034f")


class StrictError(ValueError):
    """Text that is not strict YAML. message: what is wrong; line, column: from 1; fix: what to write instead."""

    def __init__(self, message: str, line: int, column: int, fix: str = "") -> None:
        super().__init__(f"line {line}, column {column}: {message}" + (f" Fix: {fix}" if fix else ""))
        self.message = message
        self.line = line
        self.column = column
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key or a list item begins, both from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """data: JSON-like values with text keys. marks: path of keys and indexes -> libyaml's mark of that key or item.

    Marks are kept as they come, for there is one for every key and hardly any is asked for.
    """

    data: Any
    marks: Mapping[Path, Any]

    def nearest(self, path: Path) -> Place:
        """The place of the longest known beginning of `path`, else of the first key, where what is missing belongs."""
        for length in range(len(path), 0, -1):
            mark = self.marks.get(path[:length])
            if mark is not None:
                return Place(mark.line + 1, mark.column + 1)
        first = min(((mark.line, mark.column) for path, mark in self.marks.items() if len(path) == 1), default=(0, 0))
        return Place(first[0] + 1, first[1] + 1)


def refused_character(text: str) -> str | None:
    """The first control, bidirectional, zero-width or otherwise invisible character of `text`, or None (case T31)."""
    if text.isascii() and text.isprintable():
        return None
    bad = {
        c
        for c in set(text)
        if c not in "\n\t" and (unicodedata.category(c) in _REFUSED_CATEGORIES or c in _INVISIBLE_LETTERS)
    }
    return min(bad, key=text.index) if bad else None


def load_strict(text: str) -> Any:
    """The data of one strict YAML document; None for an empty one. Raises StrictError, never anything else."""
    return parse(text).data


def parse(text: str) -> Document:
    """Like load_strict, with the place of every key. Raises StrictError."""
    if len(text) > MAX_BYTES:
        raise _too_large()
    text = text.replace("\r\n", "\n")
    bad = refused_character(text)
    if bad is not None:
        at = text.index(bad)
        line = text.count("\n", 0, at) + 1
        raise StrictError(
            f"the character U+{ord(bad):04X} is not allowed.",
            line,
            at - text.rfind("\n", 0, at),
            "remove the invisible or control character.",
        )
    if len(text.encode("utf-8")) > MAX_BYTES:
        raise _too_large()
    parser = yaml.CSafeLoader(text)  # only its events are used; it never builds an object for us
    try:
        return _Builder(parser).document()
    except yaml.YAMLError as error:
        raise _not_yaml(error, text) from error
    finally:
        parser.dispose()


HINTS = (
    ("mapping values are not allowed", "put a text that has `: ` in it in quotes, or correct the indentation."),
    (
        "cannot start any token",
        "indent with spaces, never with tabs, and put a text that begins with @, ` or % in quotes.",
    ),
    ("end of stream", "close the quote that begins here."),
    ("expected ',' or", "close the bracket, or put a comma between the items."),
    ("unknown escape", "write a backslash twice, or use single quotes."),
    ("block sequence entries", "begin the list on a line of its own."),
    ("expected '-' indicator", "indent the key, or begin the line with `- ` like those above."),
    ("expected key", "look at the quotes and the indentation of this line and of the one before."),
    ("expected <document start>", "give all keys of the file the same indentation, the first too."),
    ("expected node content", "write a value here, or remove the bracket or comma."),
)
"""What libyaml says -> what is mostly the matter."""


def _not_yaml(error: yaml.YAMLError, text: str) -> StrictError:
    """The syntax error where people look for it: at the quote that is not closed, and never behind the last line."""
    problem = getattr(error, "problem", None) or "cannot be read"
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if "end of stream" in problem:
        mark = getattr(error, "context_mark", None) or mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    last = text.rstrip("\n").count("\n") + 1
    if line > last:
        line, column = last, 1
    fix = next((hint for words, hint in HINTS if words in problem), "correct the syntax of this line.")
    return StrictError(f"not YAML: {problem}.", line, column, fix)


def _too_large() -> StrictError:
    return StrictError(f"larger than {MAX_BYTES // 1024} KiB.", 1, 1, "split the file.")


def scalar(text: str, event: yaml.ScalarEvent) -> Any:
    """The value of a plain scalar. Raises StrictError for a blank, a number that is no double or a huge integer."""
    if text in _WORDS:
        return _WORDS[text]
    if text == "":
        # A blank that silently became "nothing" is how a missing parameter turns into a default (case T34).
        raise _error(event, "a key or list item without a value.", 'write the value, or null, "" or [] on purpose.')
    if text[0] not in "-0123456789":
        return text
    number = _known_number(text) if len(text) <= SHORT else _number(text)
    if number is None:
        return text
    if (type(number) is int and abs(number) > MAX_INTEGER) or not math.isfinite(number):
        raise _error(event, "the number is too large.", "put it in quotes if it is an identifier.")
    return number


def _number(text: str) -> int | float | None:
    """The decimal number that is written, infinity when it is too long for one, None when it is none."""
    if _LONG_INTEGER.fullmatch(text):
        return math.inf
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else None


# a catalogue of thousands has the same few numbers again and again
_known_number = lru_cache(maxsize=1024)(_number)


def _error(event: Any, message: str, fix: str) -> StrictError:
    mark = event.start_mark
    message = message if len(message) <= MAX_MESSAGE else f"{message[:MAX_MESSAGE]}..."  # a key may be very long
    return StrictError(message, mark.line + 1, mark.column + 1, fix)


class _Builder:
    """Turns the events of one parser into data, refusing as it goes, so a bomb is never expanded first."""

    def __init__(self, parser: yaml.CSafeLoader) -> None:
        self._next: Callable[[], Any] = parser.get_event
        self._nodes = 0
        self._marks: dict[Path, Any] = {}

    def document(self) -> Document:
        self._next()  # stream start
        first = self._next()
        if isinstance(first, yaml.StreamEndEvent):
            return Document(None, {})
        if isinstance(first, yaml.DocumentStartEvent) and (first.version or first.tags):
            raise _error(first, "directives are not allowed.", "remove the line that begins with %.")
        root = self._next()
        blank = isinstance(root, yaml.ScalarEvent) and root.value == "" and not (root.style or root.tag or root.anchor)
        data = None if blank else self._node(root, (), 1)
        self._next()  # document end
        after = self._next()
        if not isinstance(after, yaml.StreamEndEvent):
            raise _error(
                after, "a second document in one file.", "one file, one document: remove `---` and what follows."
            )
        return Document(data, self._marks)

    def _node(self, event: Any, path: Path, depth: int) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _error(event, f"more than {MAX_NODES} values.", "split the file.")
        if event.anchor is not None:
            if type(event) is yaml.AliasEvent:
                raise _error(event, f"the alias *{event.anchor} is not allowed.", "write the value out.")
            raise _error(event, f"the anchor &{event.anchor} is not allowed.", "remove it and write the value out.")
        if type(event) is yaml.ScalarEvent:
            if event.tag is None and not event.style:
                return scalar(event.value, event)
            self._refuse_scalar(event)
            return event.value
        if event.tag is not None:
            raise _error(event, f"the tag {event.tag} is not allowed.", "remove the tag.")
        if depth > MAX_DEPTH:
            raise _error(event, f"nested deeper than {MAX_DEPTH} levels.", "make it flatter.")
        if type(event) is yaml.SequenceStartEvent:
            return self._sequence(path, depth)
        return self._mapping(path, depth)

    def _refuse_scalar(self, event: Any) -> None:
        if event.tag is not None:
            raise _error(event, f"the tag {event.tag} is not allowed.", "remove the tag.")
        if event.style != '"':
            return  # only double quotes have escapes; everything else was looked at as it was written
        bad = refused_character(event.value)
        if bad is not None:
            raise _error(event, f"the escaped character U+{ord(bad):04X} is not allowed.", "remove the escape.")

    def _sequence(self, path: Path, depth: int) -> list[Any]:
        items: list[Any] = []
        while type(event := self._next()) is not yaml.SequenceEndEvent:
            here = (*path, len(items))
            self._marks[here] = event.start_mark
            items.append(self._node(event, here, depth + 1))
        return items

    def _mapping(self, path: Path, depth: int) -> dict[str, Any]:
        items: dict[str, Any] = {}
        while type(event := self._next()) is not yaml.MappingEndEvent:
            key = self._key(event)
            here = (*path, key)
            if key in items:
                first = self._marks[here].line + 1
                raise _error(event, f"the key {key!r} is written twice (first on line {first}).", "keep one.")
            self._marks[here] = event.start_mark
            items[key] = self._node(self._next(), here, depth + 1)
        return items

    def _key(self, event: Any) -> str:
        """Keys are always text, as written: `1:` and `true:` are the words, so no two spellings can be one key."""
        if type(event) is not yaml.ScalarEvent:
            raise _error(event, "a key must be a plain word.", "no lists, mappings or aliases as keys.")
        if event.anchor is not None:
            raise _error(event, f"the anchor &{event.anchor} is not allowed.", "remove it.")
        if not event.style and event.value == "<<":
            raise _error(event, "merge keys (<<) are not allowed.", "write the keys out.")
        if event.value == "":
            raise _error(event, "an empty key.", "give it a name.")
        if event.tag is not None or event.style:
            self._refuse_scalar(event)
        return str(event.value)
