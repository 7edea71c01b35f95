"""Output capture: bounds, hash, cleaning, and that nothing is cut in the middle of a word (T46, T47)."""

from __future__ import annotations

import hashlib

import pytest

from bot.adapters.output import HEAD, LINE, TAIL, Capture, clean


def fed(*pieces: bytes) -> Capture:
    capture = Capture()
    for piece in pieces:
        capture.feed(piece)
    return capture


def test_short_output_is_kept_whole() -> None:
    capture = fed(b"one\n", b"two\n")
    assert capture.text == "one\ntwo\n"
    assert capture.total == 8
    assert capture.sha256 == hashlib.sha256(b"one\ntwo\n").hexdigest()


@pytest.mark.parametrize("piece", [1, 7, 4096, 1_000_000])
def test_T47_head_tail_total_and_hash_do_not_depend_on_the_pieces(piece: int) -> None:
    stream = b"".join(f"line {n}\n".encode() for n in range(20_000))
    capture = fed(*(stream[i : i + piece] for i in range(0, len(stream), piece)))
    assert capture.total == len(stream)
    assert capture.sha256 == hashlib.sha256(stream).hexdigest()
    assert capture.text.startswith("line 0\nline 1\n")
    assert capture.text.endswith("line 19999\n")
    assert "bytes left out" in capture.text
    assert len(capture.text) <= HEAD + TAIL + 60


def test_T46_a_secret_is_never_left_in_halves_at_the_cut() -> None:
    secret = b"xoxb-" + b"S" * 60
    for shift in range(0, 80, 7):
        before = b"word " * ((HEAD - shift) // 5)
        text = fed(before, secret, b" ", b"tail " * 10_000).text
        assert secret.decode() in text or "xoxb-" not in text
        after = fed(b"head " * 5000, secret, b" ", b"t" * (TAIL - 1 - shift)).text
        assert secret.decode() in after or "SSS" not in after


def test_T46_one_endless_word_is_left_out_whole() -> None:
    assert "SSS" not in fed(b"S" * 100_000).text


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        (b"\x1b[31mred\x1b[0m", "red"),
        (b"\x1b]0;title\x07text", "text"),
        (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"a\x00b\x08c\x7f", "abc"),
        (b"50%\r100%\r\n", "50%\n100%\n"),
        (b"\xff\xfeok", "\ufffd\ufffdok"),
        ("a\u202eb\u200bc\ufeff".encode(), "abc"),
        ("größe\t1\n".encode(), "größe\t1\n"),
        (b"\x1b", ""),
    ],
)
def test_T31_T47_control_sequences_and_bad_utf8_are_removed(raw: bytes, wanted: str) -> None:
    assert fed(raw).text == wanted
    assert clean(wanted) == wanted


def test_last_line_is_the_last_finished_one() -> None:
    assert fed(b"one\ntw").last_line == "one"
    assert fed(b"one\ntw", b"o\nthr").last_line == "two"
    assert fed(b"10%\r20%\r3").last_line == "20%"
    assert fed(b"one\n", b"\n\n").last_line == "one"
    assert fed(b"nothing finished").last_line == ""
    assert len(fed(b"word " * 1000 + b"\n").last_line) <= LINE + 2
