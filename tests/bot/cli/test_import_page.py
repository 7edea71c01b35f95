"""`runbookctl import`: pages in, knowledge and drafts out; secrets and shells stay out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli.commands import app
from runbooks.load import load_catalog, load_runbook

RUN = CliRunner()
PAGE = (
    "# Restart billing\n\n## Symptoms\n- billing down\n\n```\nsupervisorctl tail b\nsupervisorctl restart b\n{}\n```\n"
)


def call(page: Path, into: Path, *words: str) -> tuple[int, str]:
    result = RUN.invoke(app, ["import", str(page), "--into", str(into), *words])
    return result.exit_code, result.output


def written(folder: Path, text: str) -> Path:
    page = folder / "page.md"
    page.write_text(text)
    return page


def test_a_procedure_becomes_knowledge_and_a_draft_that_is_not_in_force(tmp_path: Path) -> None:
    code, output = call(written(tmp_path, PAGE.format("a | b")), tmp_path / "rb")
    assert code == 0, output
    draft = tmp_path / "rb" / "restart-billing.yaml.draft"
    assert [step.action for step in load_runbook(draft.read_text(), "x").steps] == [
        "supervisor.tail_log",
        "supervisor.restart",
    ]
    assert (tmp_path / "rb" / "knowledge" / "restart-billing.md").is_file()
    assert "left out, it contains |" in output
    found = load_catalog([tmp_path / "rb"])
    assert (dict(found.runbooks), found.problems) == ({}, ())


def test_a_page_without_commands_is_knowledge_only(tmp_path: Path) -> None:
    code, output = call(written(tmp_path, "# Words\n\nOnly words."), tmp_path / "rb", "--json")
    told = json.loads(output)
    assert (code, told["draft"], told["kind"]) == (0, None, "procedure")


def test_T46_a_secret_of_the_page_is_not_kept(tmp_path: Path) -> None:
    call(written(tmp_path, PAGE.format("deploy --password hunter2hunter2")), tmp_path / "rb")
    kept = "".join(path.read_text() for path in (tmp_path / "rb").rglob("*") if path.is_file())
    assert "hunter2" not in kept
    assert "[redacted:" in kept


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file"),
        (b"\xff\xfe", "not UTF-8"),
        (b"", "empty. Fix: "),
        (b"#" * (1 << 20) + b"##", "larger"),
    ],
)
def test_what_cannot_be_read_is_said(content: bytes | None, said: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    if content is not None:
        page.write_bytes(content)
    code, output = call(page, tmp_path / "rb")
    assert (code, said in output) == (2, True), output
    assert not (tmp_path / "rb").exists()


def test_importing_twice_overwrites_nothing(tmp_path: Path) -> None:
    page = written(tmp_path, PAGE.format(""))
    assert call(page, tmp_path / "rb")[0] == 0
    code, output = call(page, tmp_path / "rb")
    assert (code, "is there already" in output) == (2, True)


def test_R9_an_imported_page_is_found_by_match(tmp_path: Path) -> None:
    call(written(tmp_path, "# Tidal wave in the ledger\n\n## Symptoms\n- ledger is flooded\n"), tmp_path / "rb")
    (tmp_path / "rb" / "a.yaml").write_text(load_runbook_text(), encoding="utf-8")
    result = RUN.invoke(app, ["match", "--runbooks", str(tmp_path / "rb"), "--symptom", "the ledger is flooded"])
    assert result.exit_code == 1, "a page is something to read, not a step"
    assert "READ ALSO (1)" in result.output
    assert "tidal-wave-in-the-ledger.md" in result.output


def load_runbook_text() -> str:
    return "id: a\ncommand: systemctl restart a\nirreversible: true\nsafety: {scopes: [dev]}\n"


def test_T47_the_text_of_a_page_is_no_order_to_a_terminal(tmp_path: Path) -> None:
    page = written(tmp_path, PAGE.format("a | \x1b]0;owned\x07 \x1b[2J\u202eb"))
    result = RUN.invoke(app, ["import", str(page), "--into", str(tmp_path / "rb")], color=True)
    assert result.exit_code == 0, result.output
    assert "left out, it contains ; |" in result.output
    assert not {"\x1b", "\x07", "\u202e"} & set(result.output)


def test_a_picture_in_the_title_spoils_neither_page_nor_draft(tmp_path: Path) -> None:
    page = written(
        tmp_path,
        PAGE.format("").replace("# Restart billing", "# 🔥 Restart billing").replace("billing down", "💥 down"),
    )
    code, output = call(page, tmp_path / "rb")
    assert code == 0, output
    assert load_runbook((tmp_path / "rb" / "restart-billing.yaml.draft").read_text("utf-8"), "x").title.startswith("🔥")
    assert load_catalog([tmp_path / "rb"]).shelf.problems == ()


def test_a_linked_folder_of_pages_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "rb").mkdir()
    (tmp_path / "rb" / "knowledge").symlink_to(tmp_path / "elsewhere")
    code, output = call(written(tmp_path, PAGE.format("")), tmp_path / "rb")
    assert (code, "is a link" in output) == (2, True), output
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_folder_is_called_a_folder(tmp_path: Path) -> None:
    code, output = call(tmp_path, tmp_path / "rb")
    assert (code, "this is a folder. Fix: " in output) == (2, True), output


def test_when_the_draft_cannot_be_written_the_page_is_not_left_behind(tmp_path: Path) -> None:
    folder = tmp_path / "rb"
    folder.mkdir()
    (folder / "restart-billing.yaml.draft").write_text("mine")
    code, output = call(written(tmp_path, PAGE.format("")), folder)
    assert (code, "import: " in output, "is there already. Fix: " in output) == (2, True, True), output
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["restart-billing.yaml.draft"]


@pytest.mark.parametrize(
    ("symptoms", "said"), [("", "by its words."), ("## Symptoms\n- billing down", "by 1 symptom.")]
)
def test_what_a_page_is_found_by_is_said(symptoms: str, said: str, tmp_path: Path) -> None:
    code, output = call(written(tmp_path, f"# Words\n\n{symptoms}\n"), tmp_path / "rb")
    assert (code, said in output) == (0, True), output
