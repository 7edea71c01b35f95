"""Loading runbooks: both forms, every mistake with its line, a catalogue that is swapped whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbooks.digest import canonical
from runbooks.load import Library, RunbookError, load_catalog, load_runbook, place_of
from runbooks.model import Runbook

MALFORMED = sorted((Path(__file__).parent / "malformed").glob("*.yaml"))


@pytest.mark.parametrize("path", MALFORMED, ids=lambda p: p.stem)
def test_T38_malformed_file_is_refused_at_its_line(path: Path) -> None:
    text = path.read_bytes().decode("utf-8")
    line, words = text.split("\n", 1)[0].removeprefix("# expect line ").split(": ", 1)
    with pytest.raises(RunbookError) as caught:
        load_runbook(text, path.name)
    told = [p for p in caught.value.problems if p.line == int(line) and words in p.message + p.fix]
    assert told, caught.value
    assert all(p.file == path.name and p.fix and p.column >= 1 for p in caught.value.problems)


def test_the_corpus_is_large_enough() -> None:
    assert len(MALFORMED) >= 30


def test_long_form_becomes_the_model(long_text: str) -> None:
    runbook = load_runbook(long_text, "demo.yaml")
    act = runbook.steps[1]
    assert runbook.source == "demo.yaml"
    assert act.verify is not None
    assert act.safety is not None
    assert (act.verify.within, act.verify.every, act.verify.required, act.verify.of) == (30.0, 1.0, 3, 4)
    assert act.safety.limits[0].window == 3600.0
    assert act.rollback == ()
    assert act.rollback_note == "none"
    assert not runbook.short_form


def test_G7_increments_are_a_share_and_only_in_the_digest_when_written(long_text: str) -> None:
    plain = load_runbook(long_text, "demo.yaml")
    assert plain.steps[1].increments is None
    assert b"increments" not in canonical(plain)
    sized = long_text.replace(
        'action: supervisor.restart\n    with: {target: "${target}"}',
        'action: supervisor.scale\n    with: {target: "${target}", wanted: 9}\n    increments: 50%',
    )
    runbook = load_runbook(sized, "demo.yaml")
    assert runbook.steps[1].increments == 50.0
    assert b'"increments":50' in canonical(runbook)


def test_R2_short_form_of_the_mission_becomes_the_same_model(short_text: str) -> None:
    runbook = load_runbook(short_text, "clear-cache.yaml")
    step = runbook.steps[0]
    assert runbook.short_form
    assert runbook.title == "Clear cache"
    assert step.action == "redis.flush_database"
    assert step.with_ == {"target": "${target}"}
    assert runbook.params["target"].kind == "redis_database"
    assert [(p.pattern, p.allow_failure) for p in step.expect] == [("OK", False), ("(empty list or set)", True)]
    assert step.safety is not None
    assert step.safety.requires_approval
    assert step.safety.scopes == ("staging",)


def test_another_short_command_becomes_an_argv_of_plain_words(short_text: str) -> None:
    runbook = load_runbook(short_text.replace("redis-cli FLUSHDB", "systemctl  restart demo"), "x.yaml")
    assert runbook.steps[0].action == "command.run"
    assert runbook.steps[0].with_ == {"target": "${target}", "argv": ["systemctl", "restart", "demo"]}
    assert runbook.params["target"].kind == "command_host"


@pytest.mark.parametrize("extra", ["rollback: none", "irreversible: true"])
def test_short_form_may_reach_production_once_it_says_how_it_is_undone(short_text: str, extra: str) -> None:
    text = short_text.replace('["staging"]', '["staging", "prod"]')
    with pytest.raises(RunbookError, match="without rollback"):
        load_runbook(text, "x.yaml")
    assert load_runbook(f"{text}{extra}\n", "x.yaml").steps[0].safety is not None


@given(st.text(max_size=80))
def test_T30_a_command_is_words_or_an_error(command: str) -> None:
    import json

    text = f'id: x\ncommand: {json.dumps(command)}\nsafety: {{scopes: ["dev"]}}\n'
    try:
        runbook = load_runbook(text, "x.yaml")
    except RunbookError as error:
        assert error.problems
    else:
        assert runbook.steps[0].with_.get("argv", command.split()) == command.split()
        assert not set(command) & set(";|&$`<>(){}*?~'\"\\\n")


@given(st.text(max_size=300))
def test_T38_any_text_gives_a_runbook_or_problems(text: str) -> None:
    with pytest.raises(RunbookError) as caught:
        load_runbook(text, "x.yaml")
    assert caught.value.problems


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title: x\n", ["id is missing.", "neither steps nor command."]),
        ("id: a\ntitle: x\n", ["neither steps nor command."]),
    ],
)
def test_what_is_missing_is_said_once_and_all_of_it(text: str, said: list[str]) -> None:
    with pytest.raises(RunbookError) as refused:
        load_runbook(text, "a.yaml")
    assert [problem.message for problem in refused.value.problems] == said


def test_all_mistakes_are_told_at_once(make: Callable[..., Runbook]) -> None:
    with pytest.raises(RunbookError) as caught:
        make("within: 30s", "within: 30", "window: 1h", "window: 1", "owner: sre", "ownr: sre")
    assert [p.line for p in caught.value.problems] == [3, 19, 21]


def _write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_catalogue_collects_good_runbooks_and_problems(tmp_path: Path, long_text: str, short_text: str) -> None:
    _write(tmp_path, "a/demo.yaml", long_text)
    _write(tmp_path, "b/cache.yml", short_text)
    _write(tmp_path, "b/bad.yaml", "id: x\nid: y\n")
    _write(tmp_path, "README.md", "not a runbook")
    _write(tmp_path, "promotions/demo.prod.yaml", "id: demo\n")
    (tmp_path / "latin.yaml").write_bytes(b"id: a\ntitle: caf\xe9\n")
    catalogue = load_catalog([tmp_path])
    assert list(catalogue.runbooks) == ["clear-cache", "demo"]
    assert [(Path(p.file).name, p.line) for p in catalogue.problems] == [("latin.yaml", 2), ("bad.yaml", 2)]


def test_two_files_with_one_id_give_neither(tmp_path: Path, long_text: str) -> None:
    _write(tmp_path, "one.yaml", long_text)
    _write(tmp_path, "two.yaml", "# the same again\n" + long_text)
    catalogue = load_catalog([tmp_path])
    assert dict(catalogue.runbooks) == {}
    assert (catalogue.problems[0].line, "one.yaml" in catalogue.problems[0].message) == (2, True)


def test_a_missing_folder_is_a_problem(tmp_path: Path) -> None:
    assert "does not exist" in load_catalog([tmp_path / "none"]).problems[0].message


def test_links_out_of_the_folder_are_refused_and_links_inside_are_read(tmp_path: Path, long_text: str) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    _write(outside, "demo.yaml", long_text)
    _write(inside, "..data/other.yaml", long_text.replace("id: demo", "id: other"))
    (inside / "demo.yaml").symlink_to(outside / "demo.yaml")
    (inside / "folder").symlink_to(outside)
    (inside / "gone.yaml").symlink_to(outside / "gone.yaml")
    (inside / "other.yaml").symlink_to("..data/other.yaml")
    catalogue = load_catalog([inside])
    assert list(catalogue.runbooks) == ["other"]
    assert sorted(Path(p.file).name for p in catalogue.problems) == ["demo.yaml", "folder", "gone.yaml"]


def test_a_pipe_and_an_oversized_file_do_not_hang_or_load(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "big.yaml").write_bytes(b"#" * 300_000)
    messages = [p.message for p in load_catalog([tmp_path]).problems]
    assert messages == ["larger than 256 KiB.", "not a regular file."]


def test_T38_reload_keeps_the_last_good_catalogue(tmp_path: Path, long_text: str) -> None:
    path = _write(tmp_path, "demo.yaml", long_text)
    library = Library([tmp_path])
    before = library.runbooks
    assert list(before) == ["demo"]
    _write(tmp_path, "new.yaml", long_text.replace("id: demo", "id: new"))
    path.write_text(long_text.replace("title: Demo", "title: &a Demo"), encoding="utf-8")
    assert library.reload() is False
    assert library.runbooks is before
    assert library.problems[0].line == 2
    path.write_text(long_text, encoding="utf-8")
    assert library.reload() is True
    assert list(library.runbooks) == ["demo", "new"]
    assert library.problems == ()
    assert library.index.runbooks is library.runbooks
    assert library.get("nothing") is None


def test_place_of_finds_keys_of_both_forms(long_text: str, short_text: str) -> None:
    assert place_of(long_text, ("steps", 1, "verify")) == (19, 5)
    assert place_of(long_text, ("steps", 1, "nothing")) == (15, 5)
    assert place_of(short_text, ("steps", 0, "safety", "scopes")) == (4, 35)
    assert place_of(short_text, ("steps", 0, "action")) == (2, 1)
