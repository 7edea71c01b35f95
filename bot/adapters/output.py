"""What a target said, made safe to keep: bounded head and tail, count and hash of the whole, control characters gone.

Used by the adapters of this room. Must not keep more than HEAD + TAIL bytes whatever arrives (trust case T47), and must
not cut through a word that redaction would have to see whole (T46).
"""

from __future__ import annotations

import hashlib
import unicodedata

import re2

HEAD = 8_192  # bytes kept from the beginning
TAIL = 8_192  # bytes kept from the end
LINE = 200  # characters of a progress line
# CSI, OSC (ended by BEL or ESC \), and the other two-byte escapes of ECMA-48
ESCAPES = re2.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)?|\x1b[PX^_][^\x1b]*(\x1b\\)?|\x1b[ -/]*[0-~]?"
)


def clean(text: str) -> str:
    """The text without escape sequences and without control, format (bidi, zero width) and private characters."""
    plain = str(ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))
    if plain.isascii() and plain.isprintable():
        return plain
    return "".join(c for c in plain if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn"))


class Capture:
    """Takes a stream of bytes of any length; keeps its beginning, its end, its length, its hash and its last line."""

    def __init__(self, head: int = HEAD, tail: int = TAIL) -> None:
        self._head_limit, self._tail_limit = head, tail
        self._head = bytearray()
        self._tail = bytearray()
        self._digest = hashlib.sha256()
        self._open = b""
        self._finished = b""
        self.total = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        self.total += len(data)
        self._digest.update(data)
        room = self._head_limit - len(self._head)
        self._head += data[:room] if room > 0 else b""
        rest = data[max(0, room) :]
        if rest:
            self._tail += rest[-self._tail_limit :]
            del self._tail[: max(0, len(self._tail) - self._tail_limit)]
        self._follow(data)

    def _follow(self, data: bytes) -> None:
        """Remember the last finished line; an unfinished one may be half a secret and is never shown."""
        end = max(data.rfind(b"\n"), data.rfind(b"\r"))
        if end < 0:
            self._open = (self._open + data)[-4 * LINE :]
            return
        body = data[:end].rstrip(b"\r\n")
        start = max(body.rfind(b"\n"), body.rfind(b"\r")) + 1
        line = body[start:] if start else self._open + body
        self._finished = line[: 4 * LINE] or self._finished
        self._open = data[end + 1 :][-4 * LINE :]

    @property
    def sha256(self) -> str:
        """Hash of everything fed so far, hex."""
        return self._digest.hexdigest()

    @property
    def last_line(self) -> str:
        """The last finished line, cleaned, at most LINE characters."""
        text = clean(self._finished.decode("utf-8", errors="replace")).strip()
        return text if len(text) <= LINE else text[:LINE].rpartition(" ")[0] + " …"

    @property
    def text(self) -> str:
        """Head and tail as clean text, with a line between them that says how many bytes were left out."""
        dropped = self.total - len(self._head) - len(self._tail)
        if dropped <= 0:
            return clean((self._head + self._tail).decode("utf-8", errors="replace"))
        head, tail = bytes(self._head), bytes(self._tail)
        # cut at line ends, else at blanks, so that no secret is left in halves that nothing recognises
        head = head[: max(head.rfind(b"\n"), head.rfind(b" "), 0)]
        first = min((i for i in (tail.find(b"\n"), tail.find(b" ")) if i >= 0), default=len(tail))
        tail = tail[first:].lstrip()
        left_out = self.total - len(head) - len(tail)
        shown = [clean(part.decode("utf-8", errors="replace")) for part in (head, tail)]
        return f"{shown[0]}\n… {left_out} bytes left out …\n{shown[1]}"
