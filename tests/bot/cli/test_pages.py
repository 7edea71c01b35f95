"""`runbookctl pages`: what is committed is up to date; it writes, checks, and removes only what it made itself."""

from __future__ import annotations

from pathlib import Path

from tests.bot.cli.conftest import Command

ROOT = Path(__file__).parents[3]
ONE = """id: clear-cache
command: redis-cli FLUSHDB
expect: [{pattern: OK}]
safety: {requires_approval: true, scopes: [staging]}
"""


def test_the_pages_in_docs_are_up_to_date(runbookctl: Command) -> None:
    """When they are not: `runbookctl pages`, and look at the difference before you commit it."""
    told = runbookctl("pages", "--check", "--output", str(ROOT / "docs" / "runbooks"))
    assert told.code == 0, told.out


def test_it_writes_checks_and_removes_what_it_made(runbookctl: Command, tmp_path: Path) -> None:
    books, out = tmp_path / "books", tmp_path / "pages"
    books.mkdir()
    (books / "one.yaml").write_text(ONE, encoding="utf-8")
    words = ("pages", str(books), "--output", str(out))
    missing = runbookctl(*words, "--check")
    assert (missing.code, out.exists()) == (1, False)
    assert "clear-cache.md: is missing." in missing.out
    assert f"Fix: runbookctl pages --output {out} {books}" in missing.out
    assert "2 pages, 2 written, 0 removed" in runbookctl(*words).out
    assert runbookctl(*words, "--check").code == 0
    (out / "mine.md").write_text("my own\n", encoding="utf-8")
    (books / "one.yaml").write_text(ONE.replace("clear-cache", "flush"), encoding="utf-8")
    old = runbookctl(*words, "--check")
    assert old.code == 1
    assert "index.md: is old." in old.out
    assert "clear-cache.md: there is no such runbook any more." in old.out
    assert "2 pages, 2 written, 1 removed" in runbookctl(*words).out
    assert sorted(path.name for path in out.iterdir()) == ["flush.md", "index.md", "mine.md"]


def test_what_is_no_runbook_and_what_cannot_be_written_is_said(runbookctl: Command, tmp_path: Path) -> None:
    assert runbookctl("pages", str(tmp_path / "nowhere")).code == 2
    assert runbookctl("pages", str(tmp_path)).code == 2
    book = tmp_path / "one.yaml"
    book.write_text(ONE + "spell: wrong\n", encoding="utf-8")
    broken = runbookctl("pages", str(book), "--output", str(tmp_path / "out"))
    assert broken.code == 2
    assert "spell" in broken.err
    assert not (tmp_path / "out").exists()
    book.write_text(ONE, encoding="utf-8")
    (tmp_path / "file").write_text("", encoding="utf-8")
    told = runbookctl("pages", str(book), "--output", str(tmp_path / "file" / "pages"))
    assert told.code == 2
    assert "cannot be written" in told.err
