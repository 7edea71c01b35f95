"""Bad input of every kind: a located error with a fix, nothing loaded of it, never a traceback (cases T30-T34, T38, T40)."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.cli import main
from runbooks.load import RunbookError, load_catalog, load_runbook
from runbooks.pattern import search

CORPUS = sorted((Path(__file__).parent / "malformed").glob("*.yaml"))
MEGABYTE = 1 << 20


def linted(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *paths: Path) -> tuple[int, str, str]:
    """What `runbookctl lint` says about these paths: exit code, standard output, standard error."""
    monkeypatch.setattr("sys.argv", ["runbookctl", "lint", "--json", *map(str, paths)])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr()
    code = ended.value.code
    return (code if isinstance(code, int) else 1), told.out, told.err


def test_the_corpus_has_more_than_sixty_files() -> None:
    assert len(CORPUS) > 60


def test_T38_nothing_of_the_corpus_is_loaded_and_every_file_is_told(tmp_path: Path, long_text: str) -> None:
    for path in CORPUS:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "good.yaml").write_text(long_text)
    catalogue = load_catalog([tmp_path])
    assert list(catalogue.runbooks) == ["demo"], "the good one, and nothing of the others"
    assert {Path(problem.file).name for problem in catalogue.problems} == {path.name for path in CORPUS}
    assert all(p.line >= 1 and p.column >= 1 and p.message and p.fix for p in catalogue.problems)
    assert max(len(str(p)) for p in catalogue.problems) < 1200, "what is told can be read"
    assert all(str(p).isprintable() for p in catalogue.problems), "and cannot change a terminal (T31)"


def test_T38_lint_ends_with_1_and_a_place_for_every_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code, out, err = linted(capsys, monkeypatch, *CORPUS)
    assert code == 1
    assert "Traceback" not in out + err
    found = json.loads(out)["findings"]
    assert {Path(one["file"]).name for one in found if one["severity"] == "error"} == {path.name for path in CORPUS}


# trust case -> files of the corpus that stand for it
STAND_FOR = {
    "T30": "short_semicolon short_pipe short_backtick short_substitution short_quotes short_glob parameter_inside_text",
    "T31": "ansi bidi zero_width escaped_nul escaped_bidi null_byte_name line_separator bom_inside short_newline",
    "T32": "enum_cyrillic",
    "T33": "enum_leading_dash short_dash_first id_with_dash_first",
    "T34": "blank_scope empty_scopes null_scopes wildcard_scope all_scope zero_targets waves_empty waves_all waves_zero"
    " waves_truth coerced_true_id infinite negative_limit limit_zero huge_limit target_with_default waits_for_wildcard",
    "T38": "alias_bomb billion_laughs quadratic_bomb cycle_list cycle_mapping python_object binary_tag duplicate_key"
    " duplicate_nested unknown_key coerced_no coerced_octal coerced_time too_deep deep_flow yes_is_no_truth",
    "T40": "pattern_backreference pattern_lookahead signature_backreference signature_lookahead signature_too_long",
}


@pytest.mark.parametrize(("case", "names"), STAND_FOR.items(), ids=STAND_FOR)
def test_T30_T31_T32_T33_T34_T38_T40_every_case_stands_in_the_corpus(case: str, names: str) -> None:
    assert set(names.split()) <= {path.stem for path in CORPUS}, case


@pytest.mark.parametrize("key", ["{{ 7 * 7 }}", "{0.__class__}", "{key}", "${jndi:x}", "%s", "<!channel>"])
def test_T39_what_is_written_is_told_as_it_was_written(key: str, long_text: str) -> None:
    with pytest.raises(RunbookError) as caught:
        load_runbook(f"{long_text}'{key}': 1\n", "demo.yaml")
    assert [problem.message for problem in caught.value.problems] == [f"{key} is not a known key."]
    titled = load_runbook(long_text.replace("title: Demo", f"title: '{key}'"), "demo.yaml")
    assert titled.title == key


def test_a_key_as_long_as_the_file_is_told_in_one_line(long_text: str) -> None:
    for text in (f"{long_text}{'k' * 900}: 1\n", f"{'k' * 900}: 1\n{'k' * 900}: 1\n"):
        with pytest.raises(RunbookError) as caught:
            load_runbook(text, "demo.yaml")
        assert all(len(problem.message) < 300 for problem in caught.value.problems)


def huge(folder: Path) -> Path:
    path = folder / "huge.yaml"
    path.write_bytes(b"id: demo\ntitle: x\n# " + b"a" * (5 * MEGABYTE) + b"\n")
    return path


def huge_list(folder: Path) -> Path:
    path = folder / "list.yaml"
    path.write_bytes(b"id: demo\nmatch:\n  symptoms:\n" + b"    - word\n" * (5 * MEGABYTE // 11))
    return path


def one_long_line(folder: Path) -> Path:
    path = folder / "line.yaml"
    path.write_bytes(b"id: demo\ntitle: '" + b"a" * 250_000 + b"'\n")
    return path


def many_lines(folder: Path) -> Path:
    path = folder / "lines.yaml"
    path.write_bytes(b"id: demo\n" + b"\n" * 240_000 + b"title: [\n")
    return path


def latin(folder: Path) -> Path:
    path = folder / "latin.yaml"
    path.write_bytes("id: demo\ntitle: Größe\n".encode("latin-1"))
    return path


def wide(folder: Path) -> Path:
    path = folder / "wide.yaml"
    path.write_bytes("id: demo\ntitle: Demo\n".encode("utf-16"))
    return path


def overlong(folder: Path) -> Path:
    path = folder / "overlong.yaml"
    path.write_bytes(b"id: demo\ntitle: \xc0\xaf\n")
    return path


def surrogate(folder: Path) -> Path:
    path = folder / "surrogate.yaml"
    path.write_bytes(b"id: demo\ntitle: \xed\xa0\x80\n")
    return path


def zeros(folder: Path) -> Path:
    path = folder / "zeros.yaml"
    path.write_bytes(b"\x00" * 4096)
    return path


def outside(folder: Path) -> Path:
    (folder.parent / "outside.yaml").write_text("id: outside\ncommand: uptime\nsafety: {scopes: [dev]}\n")
    path = folder / "link.yaml"
    path.symlink_to(folder.parent / "outside.yaml")
    return path


def up(folder: Path) -> Path:
    (folder.parent / "outside.yaml").write_text("id: outside\ncommand: uptime\nsafety: {scopes: [dev]}\n")
    path = folder / "up.yaml"
    path.symlink_to("../outside.yaml")
    return path


def device(folder: Path) -> Path:
    path = folder / "device.yaml"
    path.symlink_to("/dev/zero")
    return path


def round_and_round(folder: Path) -> Path:
    path = folder / "a.yaml"
    path.symlink_to("b.yaml")
    (folder / "b.yaml").symlink_to("a.yaml")
    return path


def pipe(folder: Path) -> Path:
    path = folder / "pipe.yaml"
    os.mkfifo(path)
    return path


MADE: list[tuple[Callable[[Path], Path], str]] = [
    (huge, "larger than 256 KiB"),
    (huge_list, "larger than 256 KiB"),
    (one_long_line, "neither steps nor command"),
    (many_lines, "not YAML"),
    (latin, "not UTF-8"),
    (wide, "not UTF-8"),
    (overlong, "not UTF-8"),
    (surrogate, "not UTF-8"),
    (zeros, "U+0000"),
    (outside, "link out of the folder"),
    (up, "link out of the folder"),
    (device, "link out of the folder"),
    (round_and_round, "leads nowhere"),
    (pipe, "not a regular file"),
]


@pytest.mark.parametrize(("make", "words"), MADE, ids=[make.__name__ for make, _ in MADE])
def test_T38_what_cannot_be_a_runbook_is_told_at_once_and_read_no_further(
    make: Callable[[Path], Path],
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "catalogue"
    folder.mkdir()
    path = make(folder)
    began = time.perf_counter()
    catalogue = load_catalog([folder])
    assert time.perf_counter() - began < 2, "bounded, whatever is in it"
    assert not catalogue.runbooks
    told = [problem for problem in catalogue.problems if problem.file == str(path)]
    assert any(words in problem.message for problem in told), catalogue.problems
    assert all(problem.fix and problem.line >= 1 for problem in told)
    for given in (folder, path):
        code, out, err = linted(capsys, monkeypatch, given)
        assert code == 1, out
        assert "Traceback" not in out + err
        assert json.loads(out)["errors"] >= 1


def test_T34_a_path_that_is_not_there_is_an_error_and_not_an_empty_catalogue(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code, out, err = linted(capsys, monkeypatch, tmp_path / "nothing")
    assert code != 0
    assert str(tmp_path / "nothing") in out + err
    assert "does not exist" in load_catalog([tmp_path / "nothing"]).problems[0].message


def test_T40_a_pattern_that_would_backtrack_is_found_in_no_time(long_text: str) -> None:
    text = long_text.replace('alerts: ["ServiceDown"]', 'signatures: ["(a+)+$", "(x|x)*y"]')
    runbook = load_runbook(text, "demo.yaml")
    began = time.perf_counter()
    assert not any(search(signature, "a" * 100_000 + "!") for signature in runbook.match.signatures)
    assert time.perf_counter() - began < 0.1, "linear in the text, so the loop is never held up"
