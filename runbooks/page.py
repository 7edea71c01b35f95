"""A page of Markdown, read: its title, what it is for, and the commands that stand in it (mission R9).

Called by `runbookctl import`. What becomes of a page is knowledge and at most a draft that a person edits; a command that
needs a shell is named and left out. Must not read files, and must not run, fetch or render anything.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

from runbooks.knowledge import LONGEST_TEXT, Entry
from runbooks.pattern import identifier
from runbooks.strict import refused_character

MOST_BYTES = 1 << 20
POSTMORTEM = ("postmortem", "post-mortem", "root cause", "incident review", "lessons learned")
SYMPTOM_SECTIONS = ("symptom", "when to use", "alert", "detection", "impact", "problem")
LONGEST_SYMPTOM, MOST_SYMPTOMS = 80, 8
PROMPT = "$ "


@dataclass(frozen=True, slots=True)
class Command:
    """One command of the page. argv: as a shell without expansions would split it; line: from 1, in the page."""

    argv: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A command that cannot become an argv list, with the reason: it needs a shell, and there is none here."""

    text: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Page:
    """What was found in a page."""

    entry: Entry
    commands: tuple[Command, ...]
    unreadable: tuple[Unreadable, ...]


def read_page(text: str, name: str) -> Page:
    """A page of Markdown. name: for its id when it has no heading. Raises ValueError with a sentence for no page."""
    if not text.strip():
        raise ValueError("the page is empty.")
    if len(text.encode()) > MOST_BYTES:
        raise ValueError(f"the page is larger than {MOST_BYTES} bytes; split it.")
    tokens = MarkdownIt("commonmark").parse(text)
    title = _line(next((t for _, t in _headings(tokens)), name))[:200] or name
    made = identifier(title) or identifier(name)
    if not made:
        raise ValueError("neither heading nor file name can become an id; begin the page with `# Title`.")
    lower = text.lower()
    kind = "postmortem" if any(word in lower for word in POSTMORTEM) else "procedure"
    entry = Entry(id=made, title=title, kind=kind, symptoms=tuple(_symptoms(tokens)), text=text[:LONGEST_TEXT])
    commands, unreadable = _commands(tokens)
    return Page(entry, commands, unreadable)


def _line(text: str) -> str:
    """One line without invisible characters, which the head of an entry could not hold (runbooks/strict.py)."""
    return " ".join("".join(c for c in text if refused_character(c) is None).split())


def _headings(tokens: list[Token]) -> Iterator[tuple[int, str]]:
    for position, token in enumerate(tokens):
        if token.type == "heading_open":
            yield position, tokens[position + 1].content


def _symptoms(tokens: list[Token]) -> list[str]:
    """Short lines under headings about symptoms, alerts or impact: what a person would search for."""
    found: list[str] = []
    inside = False
    for position, token in enumerate(tokens):
        if token.type == "heading_open":
            inside = any(word in tokens[position + 1].content.lower() for word in SYMPTOM_SECTIONS)
        elif token.type == "inline" and inside and tokens[position - 1].type != "heading_open":
            for line in token.content.splitlines():
                phrase = _line(line.replace("`", "").replace("*", "")).rstrip(".")
                if 3 <= len(phrase) <= LONGEST_SYMPTOM and phrase not in found:
                    found.append(phrase)
    return found[:MOST_SYMPTOMS]


def _commands(tokens: list[Token]) -> tuple[tuple[Command, ...], tuple[Unreadable, ...]]:
    """Every line of a code block, each a command or the reason why it is none."""
    commands: list[Command] = []
    unreadable: list[Unreadable] = []
    for token in tokens:
        if token.type not in ("fence", "code_block") or (token.info or "shell").split()[0] not in _SHELL_BLOCKS:
            continue
        first = (token.map[0] if token.map else 0) + (2 if token.type == "fence" else 1)
        for number, line in enumerate(token.content.splitlines(), first):
            plain = line.strip()
            plain = plain.removeprefix(PROMPT).strip()
            if not plain or plain.startswith("#"):
                continue
            made = _argv(plain)
            if isinstance(made, str):
                unreadable.append(Unreadable(plain[:200], number, made))
            else:
                commands.append(Command(made, number))
    return tuple(commands), tuple(unreadable)


_SHELL_BLOCKS = frozenset({"shell", "sh", "bash", "console", "text", "shell-session", "zsh"})
_NEEDS_A_SHELL = frozenset("|&;<>`$*?~()")


def _argv(line: str) -> tuple[str, ...] | str:
    """The words of a command, or why a person has to rewrite it."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    bad = sorted({c for c in line if c in _NEEDS_A_SHELL})
    if bad:
        return f"it contains {' '.join(bad)}, and no shell reads it here"
    try:
        words = tuple(lexer)
    except ValueError as error:
        return f"its quotes do not close ({error})"
    if not words or not all(word.isascii() and word.isprintable() for word in words):
        return "it holds characters that are not plain ASCII"
    return words
