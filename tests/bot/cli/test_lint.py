"""Lint: exit 0 with warnings only, 1 with errors, 2 with nothing to lint; every finding with its place and a fix."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest
import yaml

from runbooks.lint import RULES
from tests.bot.cli.conftest import Command
from tests.runbooks.conftest import LONG
from tests.runbooks.conftest import SHORT as CLEAR_CACHE

ROOT = Path(__file__).resolve().parents[3]
SHORT = """\
id: restart-nginx
title: Restart nginx
command: systemctl restart nginx
expect: [{pattern: "active"}]
irreversible: true
safety: {scopes: [staging]}
"""


def written(folder: Path, text: str | bytes, name: str = "one.yaml") -> str:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(folder / name)


def test_the_shipped_catalogue_has_no_errors(runbookctl: Command) -> None:
    told = runbookctl("lint")
    assert told.code == 0, told.out
    assert " 0 errors" in told.out


def test_R2_the_short_form_lints_with_warnings_only(runbookctl: Command, tmp_path: Path) -> None:
    told = runbookctl("lint", written(tmp_path, CLEAR_CACHE))
    assert told.code == 0, told.out
    assert "1 runbook, 0 errors, 2 warnings" in told.out
    assert runbookctl("lint", "--strict", written(tmp_path, CLEAR_CACHE)).code == 1
    shipped = ROOT / "runbooks" / "catalog" / "cache" / "clear-cache.yaml"
    assert runbookctl("lint", str(shipped)).code == 0


def test_an_error_is_exit_1_with_file_line_and_fix(runbookctl: Command, tmp_path: Path) -> None:
    path = written(tmp_path, SHORT + "surprise: 1\n")
    told = runbookctl("lint", path)
    assert told.code == 1
    assert f"{path}:7:1: error [load]\n    surprise is not a" in told.out
    assert "    Fix:" in told.out


def test_several_paths_are_counted_together(runbookctl: Command, tmp_path: Path) -> None:
    good, bad = written(tmp_path, SHORT, "good.yaml"), written(tmp_path, "id: [", "bad.yaml")
    told = runbookctl("lint", good, bad)
    assert told.code == 1
    assert "1 runbook, 1 error, " in told.out


@pytest.mark.parametrize("words", [("--json",), ("--format", "json")])
def test_json_is_one_object(runbookctl: Command, tmp_path: Path, words: tuple[str, ...]) -> None:
    told = runbookctl("lint", *words, written(tmp_path, SHORT + "surprise: 1\n"))
    report = json.loads(told.out)
    assert (told.code, report["errors"], report["runbooks"], report["files"]) == (1, 1, 0, 1)
    (finding,) = [line for line in report["findings"] if line["severity"] == "error"]
    assert (finding["rule"], finding["line"], finding["column"]) == ("load", 7, 1)


def test_sarif_and_github_say_the_same_findings(runbookctl: Command, tmp_path: Path) -> None:
    path = written(tmp_path, CLEAR_CACHE)
    log = json.loads(runbookctl("lint", "--format", "sarif", path).out)
    lines = runbookctl("lint", "--format", "github", path).out.splitlines()
    results = log["runs"][0]["results"]
    assert len(results) == len(lines) == 2
    assert [f"lint%3A {result['ruleId']}::" in line for result, line in zip(results, lines, strict=True)] == [True] * 2
    assert re.match(r"::warning file=\S+one\.yaml,line=2,col=1,title=", lines[0])


def test_a_policy_is_compared_with(runbookctl: Command, tmp_path: Path) -> None:
    policy = str(ROOT / "docs" / "situations" / "policy.yaml")
    path = written(tmp_path, LONG.replace("risk: safe,", "risk: safe, autonomy: auto,"))
    assert runbookctl("lint", path).code == 0
    told = runbookctl("lint", "--policy", policy, path)
    assert "[loosened-guard]" in told.out
    broken = runbookctl("lint", "--policy", written(tmp_path, "version: 2\n", "policy.yml"), path)
    assert broken.code == 2
    assert "policy.yml" in broken.err


def test_an_installation_is_compared_with_its_own_policy_and_ladder(runbookctl: Command, installation: Path) -> None:
    config = ("--config", str(installation / "countersign.yaml"))
    folder = installation / "runbooks"
    (folder / "demo.yaml").write_text(LONG.replace("scopes:", "blast_radius: {max_targets: 40}, scopes:"))
    told = runbookctl("lint", *config)
    assert told.code == 1
    assert f"{folder / 'demo.yaml'}:21:" in told.out
    assert "it may touch 40 targets" in told.out
    assert "[scope-above-promotion]" in told.out
    assert "restart-service.yaml" not in told.out  # the shipped ones are not theirs to change
    assert runbookctl("lint", "--config", str(installation / "nowhere.yaml")).code == 2


def test_R8_reviews_are_judged_by_the_day_that_is_given(runbookctl: Command) -> None:
    assert "[overdue-review]" not in runbookctl("lint", "--today", "2020-01-01").out
    told = runbookctl("lint", "--today", "30.11.2026")
    assert (told.code, told.out) == (2, "")
    assert "2026-11-30" in told.err


# -- the rules ---------------------------------------------------------------------------------------------------------
def test_the_rules_are_listed_and_explained(runbookctl: Command) -> None:
    listed = runbookctl("lint", "--rules").out
    assert all(rule.id in listed for rule in RULES)
    told = runbookctl("lint", "--explain", "slow-pattern")
    assert told.code == 0
    assert told.out.startswith("slow-pattern (warning)")
    (rule,) = json.loads(runbookctl("lint", "--explain", "slow-pattern", "--json").out)["rules"]
    assert {"id", "severity", "what", "why", "bad", "good", "mends"} == set(rule)
    assert len(json.loads(runbookctl("lint", "--rules", "--json").out)["rules"]) == len(RULES)
    unknown = runbookctl("lint", "--explain", "slow-patern")
    assert unknown.code == 2
    assert "Did you mean slow-pattern?" in unknown.err
    assert runbookctl("lint", "--page").out == (ROOT / "docs" / "lint.md").read_text(encoding="utf-8")


# -- mending -----------------------------------------------------------------------------------------------------------
def test_fix_writes_only_the_lines_it_mends(runbookctl: Command, tmp_path: Path) -> None:
    untidy = CLEAR_CACHE.replace('"OK"', '".*OK"') + "title: Clear   \n"
    path = Path(written(tmp_path, untidy))
    path.chmod(0o640)
    told = runbookctl("lint", "--fix", str(path))
    assert told.code == 0
    assert path.read_text() == CLEAR_CACHE + "title: Clear\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert f"mended {path}: 2 repairs; its digest is new" in told.err
    assert "0 errors, 2 warnings" in told.out
    assert [each.name for each in tmp_path.iterdir()] == ["one.yaml"]
    again = runbookctl("lint", "--fix", str(path))
    assert (again.err, again.out) == ("", told.out)


def test_fix_of_a_linked_file_writes_the_file_and_keeps_the_link(runbookctl: Command, tmp_path: Path) -> None:
    written(tmp_path, SHORT + "\n\n", "real.yaml")
    (tmp_path / "link.yaml").symlink_to("real.yaml")
    told = runbookctl("lint", "--fix", str(tmp_path / "link.yaml"))
    assert told.code == 0
    assert (tmp_path / "link.yaml").is_symlink()


def test_what_does_not_load_is_not_touched(runbookctl: Command, tmp_path: Path) -> None:
    path = written(tmp_path, "id: [  \n")
    assert runbookctl("lint", "--fix", path).code == 1
    assert Path(path).read_text() == "id: [  \n"


# -- bad input ---------------------------------------------------------------------------------------------------------
def test_T38_a_hostile_file_is_a_finding_and_not_a_crash(runbookctl: Command, tmp_path: Path) -> None:
    told = runbookctl("lint", written(tmp_path, "a: &a [*a, *a]\n" * 10))
    assert told.code == 1
    assert "Traceback" not in told.out + told.err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"id: x\n" + b"# " + b"y" * 5_000_000, "larger than 256 KiB"),
        (b"id: \xff\xfe\n", "not UTF-8"),
        (b"", "the file is empty"),
        (b"\x00\x01", "U+0000"),
        (b"[" * 100_000, "nested deeper"),
        (b"id: x\nid: x\n", "written twice"),
    ],
)
@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
def test_every_kind_of_bad_file_is_one_located_error(
    runbookctl: Command, tmp_path: Path, content: bytes, words: str, form: str
) -> None:
    written(tmp_path, content, "bad.yaml")
    written(tmp_path, SHORT, "good.yaml")
    told = runbookctl("lint", "--format", form, str(tmp_path))
    assert told.code == 1
    assert words in told.out
    assert "Traceback" not in told.out + told.err
    if form == "text":
        assert re.search(r"bad\.yaml:\d+:\d+: error \[load\]", told.out)


def test_every_malformed_file_of_the_corpus_is_told(runbookctl: Command) -> None:
    folder = ROOT / "tests" / "runbooks" / "malformed"
    report = json.loads(runbookctl("lint", "--json", str(folder)).out)
    told = {finding["file"] for finding in report["findings"] if finding["severity"] == "error"}
    assert {path.name for path in folder.glob("*.yaml")} == {Path(file).name for file in told}
    assert report["runbooks"] == 0
    assert all(finding["line"] >= 1 and finding["fix"] for finding in report["findings"])


def test_a_link_out_of_the_folder_is_not_followed(runbookctl: Command, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    written(tmp_path, SHORT, "outside.yaml")
    (inside / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    (inside / "gone.yaml").symlink_to(tmp_path / "nothing.yaml")
    for given in (inside, inside / "link.yaml"):
        told = runbookctl("lint", str(given))
        assert told.code == 1
        assert "a symbolic link out of the folder" in told.out
    told = runbookctl("lint", str(inside / "gone.yaml"))
    assert told.code == 1
    assert "leads nowhere" in told.out


@pytest.mark.parametrize("name", ["missing.yaml", "missing", "empty"])
def test_nothing_to_lint_is_exit_2_with_words(runbookctl: Command, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    told = runbookctl("lint", str(tmp_path / name))
    assert (told.code, told.out) == (2, "")
    assert told.err.startswith("lint: there is no ")
    assert name in told.err


@pytest.mark.parametrize(
    ("words", "said"),
    [(("",), "empty never means"), (("--promotions", "nowhere"), "--promotions nowhere is no folder")],
)
def test_an_option_that_names_nothing_is_exit_2(runbookctl: Command, words: tuple[str, ...], said: str) -> None:
    told = runbookctl("lint", *words)
    assert (told.code, told.out) == (2, "")
    assert said in told.err


def test_an_unknown_format_is_exit_2(runbookctl: Command) -> None:
    assert runbookctl("lint", "--format", "xml").code == 2


def test_a_wrong_promotion_record_is_an_error(runbookctl: Command, tmp_path: Path) -> None:
    (tmp_path / "promotions").mkdir()
    written(tmp_path / "promotions", "id: [", "x.prod.yaml")
    told = runbookctl("lint", written(tmp_path, SHORT))
    assert told.code == 1
    assert "x.prod.yaml:1:" in told.out


# -- the hook ----------------------------------------------------------------------------------------------------------
def test_the_pre_commit_hook_runs_this_command_on_runbooks_only(runbookctl: Command, tmp_path: Path) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert hook["id"] in (ROOT / "docs" / "lint.md").read_text(encoding="utf-8")
    assert {"id", "name", "entry", "language", "files"} <= set(hook)
    program, *words = hook["entry"].split()
    assert program == "runbookctl"
    assert runbookctl(*words, written(tmp_path, SHORT)).code == 0
    chosen = ["runbooks/a.yaml", "x/runbooks/area/b.yml", "runbooks/promotions/a.prod.yaml", "deploy/c.yaml"]
    found = [name for name in chosen if re.search(hook["files"], name) and not re.search(hook["exclude"], name)]
    assert found == ["runbooks/a.yaml", "x/runbooks/area/b.yml"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("nope", "lint: there is no rule nope. Look for it. `runbookctl lint --rules` lists them.\n"),
        (
            "without-onwer",
            "lint: there is no rule without-onwer. Did you mean without-owner? `runbookctl lint --rules` lists them.\n",
        ),
    ],
)
def test_a_rule_that_is_not_there_is_said_with_the_nearest(runbookctl: Command, word: str, said: str) -> None:
    told = runbookctl("lint", "--explain", word)
    assert (told.code, told.err) == (2, said)
