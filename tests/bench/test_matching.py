"""bench/matching.py: what is timed finds the same as its limit, over runbooks like those of the loader."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import matching
from bench.__main__ import FIGURES
from bench.reference import Missing
from bench.run import Run
from runbooks.index import Index

SEED = 7


@pytest.fixture(scope="module")
def prepared() -> matching.Prepared:
    try:
        return matching.Prepared(300, SEED, 20)
    except Missing as error:
        pytest.skip(str(error))


def test_the_index_and_the_scan_find_the_same_one_runbook(prepared: matching.Prepared) -> None:
    for labels, _ in prepared.alerts:
        found = list(prepared.index.by_labels(labels))
        assert found == matching.scan(prepared.books, labels)
        assert len(found) == 1


def test_text_search_and_fts5_agree_about_the_best_hit(prepared: matching.Prepared) -> None:
    assert prepared.agreement() >= 0.8
    assert all(len(prepared.search(text)) <= matching.TOP for _, text in prepared.alerts)


def test_the_catalogue_is_the_same_for_the_same_seed() -> None:
    assert matching.catalogue(5, SEED) == matching.catalogue(5, SEED)
    assert matching.catalogue(5, SEED) != matching.catalogue(5, SEED + 1)
    assert isinstance(Index(matching.catalogue(5, SEED)), Index)


async def test_it_is_measured_beside_a_scan_and_fts5(tmp_path: Path) -> None:
    assert FIGURES["matching"] is matching.measure
    run = Run(rounds=1, quick=True, seed=SEED, scratch=tmp_path, say=lambda text: None)
    found = [figure async for figures in matching.measure(run) for figure in figures]
    assert [figure.name for figure in found] == [
        "label match, 1,000 runbooks",
        "label match, 10 to 1,000 runbooks",
        "text search, 10 runbooks",
        "text search, 1,000 runbooks",
        "whole match, 1,000 runbooks",
    ]
    assert [figure.target for figure in found] == [matching.SCAN_SHARE, matching.FLAT, 1, 1, None]
    assert all(figure.ours > 0 for figure in found)
