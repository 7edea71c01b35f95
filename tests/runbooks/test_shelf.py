"""The shelf: pages are found by what they are about, broken ones are said, and nothing keeps the catalogue away."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbooks.footprint import footprint
from runbooks.knowledge import entry_text
from runbooks.load import Library, load_catalog
from runbooks.page import read_page
from runbooks.shelf import FOLDER, MOST_FOUND, Shelf, load_shelf

PAGES = {
    "billing": "# Restart the billing worker\n\n## Symptoms\n- billing queue grows\n\nRestart it.",
    "replica": "# Postgres replica lag\n\n## Symptoms\n- replica is behind\n\nRoot cause: a long report.",
    "quota": "# Object storage quota\n\n## Symptoms\n- uploads are refused\n\nAsk for more.",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / FOLDER).mkdir()
    for name, text in PAGES.items():
        (tmp_path / FOLDER / f"{name}.md").write_text(entry_text(read_page(text, name).entry), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        (["the billing queue grows since 14:02"], ["restart-the-billing-worker"]),
        (["checkout slow", "replica lag 300 s"], ["postgres-replica-lag"]),
        (["uploads refused: quota"], ["object-storage-quota"]),
        (["nothing of the kind"], []),
        ([""], []),
    ],
)
def test_R9_a_page_is_found_by_what_it_is_about(folder: Path, texts: list[str], wanted: list[str]) -> None:
    assert [reading.entry.id for reading in load_shelf([folder]).read_also(texts)] == wanted


def test_a_page_says_which_words_found_it(folder: Path) -> None:
    (reading,) = load_shelf([folder]).read_also(["replica lag"])
    assert set(reading.words) == {"replica", "lag"}
    assert reading.entry.kind == "postmortem"


def test_a_broken_page_is_left_out_and_keeps_no_runbook_away(folder: Path) -> None:
    (folder / FOLDER / "broken.md").write_text("no head", encoding="utf-8")
    (folder / FOLDER / "again.md").write_text((folder / FOLDER / "quota.md").read_text(), encoding="utf-8")
    (folder / FOLDER / "binary.md").write_bytes(b"\xff\xfe")
    outside = folder.parent / "outside.md"
    outside.write_text((folder / FOLDER / "quota.md").read_text(), encoding="utf-8")
    (folder / FOLDER / "linked.md").symlink_to(outside)
    found = load_catalog([folder])
    assert found.problems == ()
    assert len(found.shelf.entries) == len(PAGES)
    told = " ".join(str(problem) for problem in found.shelf.problems)
    assert all(name in told for name in ("broken.md", "binary.md", "linked.md", "is there twice"))


def test_the_library_takes_new_pages_with_the_catalogue(folder: Path) -> None:
    library, before = Library([folder]), footprint([folder])
    page = read_page("# Kafka lag\n\nConsumers are behind.", "kafka").entry
    (folder / FOLDER / "kafka.md").write_text(entry_text(page), encoding="utf-8")
    assert footprint([folder]) != before, "the running bot notices it"
    assert library.reload()
    assert [reading.entry.id for reading in library.shelf.read_also(["kafka consumers"])] == ["kafka-lag"]


def test_no_shelf_and_many_pages_are_both_fine(tmp_path: Path) -> None:
    assert load_shelf([tmp_path, tmp_path / "absent"]).read_also(["anything"]) == ()
    many = {f"p{n}": read_page(f"# Page {n} zebra", f"p{n}").entry for n in range(9)}
    assert len(Shelf(many).read_also(["zebra page"])) <= MOST_FOUND
