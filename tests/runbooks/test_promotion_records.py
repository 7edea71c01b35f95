"""The records in force: read again when a file changed, and nothing that cannot be read promotes anything."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from guards.decision import Deny
from runbooks.ladder import Ladder
from runbooks.promotion import Promotion, new_record, record_text
from runbooks.promotion_records import PromotionRecords

DIGEST, OTHER = "a" * 64, "b" * 64
LADDER = Ladder("dev", ("dev", "staging", "prod"))


def record(digest: str = DIGEST, env: str = "prod") -> Promotion:
    return new_record("demo", digest, env, "https://example.test/1", 3, "ana", datetime(2026, 1, 2, tzinfo=UTC))


def write(folder: Path, made: Promotion) -> Path:
    path = folder / f"demo.{made.env}.yaml"
    path.write_text(record_text(made), encoding="utf-8")
    return path


def test_T41_a_record_counts_from_when_it_is_there_until_it_is_gone(tmp_path: Path) -> None:
    records = PromotionRecords([tmp_path, tmp_path / "none"], LADDER)
    assert isinstance(records.promoted("demo", DIGEST, "prod"), Deny)
    path = write(tmp_path, record())
    records.refresh()
    assert records.record("demo", DIGEST, "prod") == record()
    assert isinstance(records.promoted("demo", OTHER, "prod"), Deny)
    path.unlink()
    records.refresh()
    assert isinstance(records.promoted("demo", DIGEST, "prod"), Deny)


def test_T41_a_file_of_the_same_size_and_time_is_still_noticed(tmp_path: Path) -> None:
    path = write(tmp_path, record())
    records = PromotionRecords([tmp_path], LADDER)
    before = path.stat()
    fresh = tmp_path / "fresh"
    fresh.write_text(record_text(record(OTHER)), encoding="utf-8")
    os.utime(fresh, ns=(before.st_atime_ns, before.st_mtime_ns))
    fresh.replace(path)  # as editors and `promote` write
    records.refresh()
    assert path.stat().st_size == before.st_size
    assert records.record("demo", DIGEST, "prod") is None
    assert records.record("demo", OTHER, "prod") is not None


@pytest.mark.parametrize("text", ["", "id: demo\n", "\x00", "a: &x 1\n"])
def test_T41_what_cannot_be_read_promotes_nothing_and_is_told(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, record())
    records = PromotionRecords([tmp_path], LADDER)
    path.write_text(text, encoding="utf-8")
    records.refresh()
    assert isinstance(records.promoted("demo", DIGEST, "prod"), Deny)
    assert [problem.file for problem in records.problems] == [str(path)]


def test_T41_a_link_out_of_the_folder_promotes_nothing(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (inside / "demo.prod.yaml").symlink_to(write(outside, record()))
    records = PromotionRecords([inside], LADDER)
    assert isinstance(records.promoted("demo", DIGEST, "prod"), Deny)
    assert records.problems


@pytest.mark.parametrize("text", ["", "id: demo\nwithdrawn: {}\n", "\x00"])
def test_T41_two_records_of_one_pair_count_for_nothing_while_one_of_them_cannot_be_read(
    tmp_path: Path, text: str
) -> None:
    """It may be the withdrawal of the other."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    write(one, record())
    write(one, record(env="staging"))
    spoiled = write(two, record())
    records = PromotionRecords([one, two], LADDER)
    assert isinstance(records.promoted("demo", DIGEST, "prod"), Promotion)
    spoiled.write_text(text, encoding="utf-8")
    records.refresh()
    assert isinstance(records.promoted("demo", DIGEST, "prod"), Deny)
    assert isinstance(records.promoted("demo", DIGEST, "staging"), Promotion), "only that pair"


def test_T41_while_a_folder_cannot_be_looked_into_nothing_is_promoted_and_nothing_breaks(tmp_path: Path) -> None:
    unseen = tmp_path / ("x" * 300)  # no file system has such a name, so looking fails for everybody, root too
    write(tmp_path, record())
    records = PromotionRecords([tmp_path, unseen], LADDER)
    assert isinstance(records.promoted("demo", DIGEST, "prod"), Deny)
    assert [problem.file for problem in records.problems] == [str(unseen)]
    assert "cannot be looked into" in records.problems[0].message


def test_T41_a_file_written_over_in_place_with_its_old_time_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path, record())
    records = PromotionRecords([tmp_path], LADDER)
    before = path.stat()
    path.write_text(record_text(record(OTHER)), encoding="utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    while path.stat().st_ctime_ns == before.st_ctime_ns:  # the file system's clock has ticks
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_ino) == (before.st_size, before.st_ino)
    records.refresh()
    assert records.record("demo", DIGEST, "prod") is None


def test_without_a_word_nothing_is_promoted_anywhere() -> None:
    assert isinstance(PromotionRecords().promoted("demo", DIGEST, "dev"), Deny)


def test_what_did_not_change_is_not_read_again(tmp_path: Path) -> None:
    write(tmp_path, record())
    records = PromotionRecords([tmp_path], LADDER)
    before = records.of("demo", "prod")
    records.refresh()
    assert records.of("demo", "prod") is before


def test_T41_more_files_than_are_looked_at_promote_nothing_and_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before every decision each file is looked at, and one that is not may be a withdrawal."""
    monkeypatch.setattr("runbooks.promotion_records.MOST", 4)
    write(tmp_path, record())
    (tmp_path / "deep").mkdir()
    for number in range(2):
        (tmp_path / "deep" / f"other-{number}.txt").touch()
    records = PromotionRecords([tmp_path], LADDER)
    assert (records.record("demo", DIGEST, "prod"), records.problems) == (record(), ())
    (tmp_path / "deep" / "one-more.txt").touch()
    records.refresh()
    assert isinstance(records.promoted("demo", DIGEST, "prod"), Deny)
    (problem,) = records.problems
    assert "more than 4 files" in problem.message
    (tmp_path / "deep" / "one-more.txt").unlink()
    records.refresh()
    assert records.record("demo", DIGEST, "prod") == record()


def test_folders_in_folders_are_looked_at_however_deep(tmp_path: Path) -> None:
    place = tmp_path
    for _ in range(40):
        place = place / "d"
        place.mkdir()
    records = PromotionRecords([tmp_path], LADDER)
    path = write(place, record())
    records.refresh()
    assert records.record("demo", DIGEST, "prod") == record()
    path.unlink()
    records.refresh()
    assert records.record("demo", DIGEST, "prod") is None
