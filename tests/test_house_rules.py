"""The house's rules that a machine can check (design.md section 3, reference/houses.md 4.7)."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("bot", "guards", "runbooks")
SOURCES = sorted(p for room in ROOMS for p in (ROOT / room).rglob("*.py") if "migrations" not in p.parts)
BAD_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
LONGEST = 300


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_module_has_a_docstring_and_a_bearable_length(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if not text.strip():
        pytest.fail("empty module")
    assert ast.get_docstring(ast.parse(text)), "a module says what it is for"
    assert len(text.splitlines()) <= LONGEST, "split by noun"


def test_no_drawer_modules() -> None:
    assert not [name(p) for p in SOURCES if p.stem in BAD_NAMES]


def test_broad_excepts_only_at_the_edges() -> None:
    allowed = {"bot/flow.py", "bot/recorders/outbox.py", "guards/chain.py"}
    found = {
        name(p)
        for p in SOURCES
        if re.search(r"except (Exception|BaseException)?\s*(as \w+)?:", p.read_text(encoding="utf-8"))
    }
    assert found <= allowed | {"bot/slack/bolt.py"}, found - allowed


def test_no_shell_and_no_evaluation_anywhere() -> None:
    wrong = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called in {"eval", "exec", "os.system", "os.popen", "pickle.loads", "yaml.load"}:
                wrong.append((name(path), called))
            if called.endswith("create_subprocess_shell"):
                wrong.append((name(path), called))
            if any(k.arg == "shell" and getattr(k.value, "value", None) is True for k in node.keywords):
                wrong.append((name(path), "shell=True"))
    assert not wrong


def test_only_the_gate_unwraps_guarded_functions() -> None:
    users = {name(p) for p in SOURCES if p.parts[-2] != "guards" and "unguarded(" in p.read_text(encoding="utf-8")}
    assert users == {"bot/stages/gate.py"}


def test_only_clients_open_vendor_sockets() -> None:
    allowed = ("bot/clients/", "bot/sandbox/", "bot/facts/tcp.py", "bot/web.py", "bot/slack/")
    vendor = re.compile(r"^\s*(from|import) (pagerduty|slack_sdk|redis|xmlrpc)\b", re.MULTILINE)
    users = [name(p) for p in SOURCES if vendor.search(p.read_text(encoding="utf-8"))]
    assert not [u for u in users if not u.startswith(allowed)]


def test_every_path_named_in_the_architecture_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:bot|guards|runbooks|templates|tests|docs|deploy|bench)/[\w./-]+)`", text))
    assert named
    assert not sorted(n for n in named if not (ROOT / n).exists())


def test_no_index_address_and_no_machine_path_is_committed() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode != 0:
        pytest.skip("not a git checkout, so there is no list of committed files")
    files = tracked.stdout.split()
    assert "uv.lock" not in files
    for lock in ("requirements.lock", "requirements-dev.lock"):
        assert not re.search(r"https?://|--index|--extra-index|--find-links", (ROOT / lock).read_text(encoding="utf-8"))
