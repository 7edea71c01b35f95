"""The house's rules that a machine can check (design.md section 3, reference/houses.md 4.7)."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import guards
from bot.render import Renderer
from bot.transcript import Entry, EntryKind

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


# One edge each: what may catch everything, and why nothing smaller would do there.
EDGES = {
    "bot/flow.py": "a bug inside a run becomes an escalation, not a run that hangs",
    "bot/reconciler.py": "reminders and calls to people must not depend on an engine that has trouble",
    "bot/recorders/outbox.py": "a bug in a recorder must not lose a row or stop the other destinations",
    "bot/slack/desk.py": "the Slack room: whatever broke, it is logged and the person hears of it",
    "bot/triage.py": "text from outside that meets a bug is set aside, and a look that fails ends no other",
    "guards/asking.py": "an asker is anyone's code: every failure of it must refuse",
    "guards/chain.py": "a broken guard must refuse, whatever breaks in it (rule 4)",
}
BROAD = {"Exception", "BaseException"}


def catches_everything(tree: ast.AST) -> Iterator[ast.AST]:
    """Every except or suppress for all exceptions, and `gather(return_exceptions=True)` whose result is looked at."""
    dropped = {n.value.value for n in ast.walk(tree) if isinstance(n, ast.Expr) and isinstance(n.value, ast.Await)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            named = set() if node.type is None else {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)}
            if node.type is None or BROAD & named:
                yield node
        elif isinstance(node, ast.Call) and node not in dropped:
            quiet = {ast.unparse(argument) for argument in node.args} | {ast.unparse(word) for word in node.keywords}
            called = ast.unparse(node.func)
            if (called.endswith("suppress") and BROAD & quiet) or "return_exceptions=True" in quiet:
                yield node


def test_broad_excepts_only_at_the_edges() -> None:
    found = [name(p) for p in SOURCES for _ in catches_everything(ast.parse(p.read_text(encoding="utf-8")))]
    assert sorted(found) == sorted(EDGES)


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


# -- every module has its test -------------------------------------------------------------------------------------
# test file: (why its modules have none of their own name, folder, modules)
ELSEWHERE = {
    "tests/bot/clients/test_pagerduty.py": (
        "one call of that client, never used alone",
        "bot/clients",
        "pagerduty_call",
    ),
    "tests/bot/clients/test_slack.py": ("needs the same misbehaving Slack", "bot/clients", "slack_socket"),
    "tests/bot/facts/test_machine.py": (
        "one set of real processes and disks",
        "bot/facts",
        "disk process supervisor tcp",
    ),
    "tests/bot/facts/test_context.py": ("one stand-in for PagerDuty", "bot/facts", "changes oncall past_incidents"),
    "tests/bot/operations/test_planners.py": (
        "planners are one table of requests and acts",
        "bot/operations",
        "command disk http parameters redis settings supervisor",
    ),
    "tests/bot/recorders/test_tickets.py": ("two systems, the same promises", "bot/recorders", "jira servicenow"),
    "tests/bot/recorders/test_slack.py": ("asks what the Slack recorder wrote down", "bot/slack", "provenance"),
    "tests/bot/test_web.py": ("the door is tested through the server it stands in", "bot", "ingress"),
    "tests/bot/test_render.py": (
        "what counts is the message that comes out at the end",
        "bot/render",
        "limits renderer safe_text wording",
    ),
    "tests/bot/sandbox/test_slack_api.py": (
        "a stand-in is tested as the bot meets it",
        "bot/sandbox",
        (
            "slack_blocks slack_chat slack_directory slack_elements slack_memory slack_methods slack_payloads "
            "slack_records slack_state slack_views"
        ),
    ),
    "tests/bot/sandbox/test_pagerduty.py": (
        "a stand-in is tested as the bot meets it",
        "bot/sandbox",
        "pagerduty_directory pagerduty_events pagerduty_incidents pagerduty_records pagerduty_rest pagerduty_webhooks",
    ),
    "tests/bot/sandbox/test_tickets.py": (
        "a stand-in is tested as the bot meets it",
        "bot/sandbox",
        "adf jira jira_records jql listener servicenow",
    ),
    "tests/bot/sandbox/test_page_server.py": ("what it publishes is what the page shows", "bot/sandbox", "feed"),
    "tests/bot/sandbox/test_story.py": ("the eyes of a story", "bot/sandbox", "judge"),
    "tests/bot/sandbox/test_workspace.py": (
        "parts that only a whole workspace puts together",
        "bot/sandbox",
        "bot_process controls deployment environment history people",
    ),
    "tests/bot/sandbox/gameday/test_load.py": (
        "one table of files and mistakes",
        "bot/sandbox/gameday",
        "scenario sense",
    ),
    "tests/bot/sandbox/gameday/test_score.py": (
        "what was seen is data for it",
        "bot/sandbox/gameday",
        "reading sight words",
    ),
    "tests/scenarios/test_gameday.py": ("played for real", "bot/sandbox/gameday", "hands play watch world"),
    "tests/scenarios/test_stories.py": (
        "a story is a test",
        "bot/sandbox/stories",
        (
            "__init__ bot_killed break_glass clear_cache flapping_restart freeze_mid_run kill_switch not_approved"
            " first_runbook scale_with_approval scene service_crash slack_down two_groups unanswered verify_fails"
        ),
    ),
    "tests/runbooks/lint/test_lint.py": (
        "one table of runbooks and findings",
        "runbooks/lint",
        "care example finding known names parameters proof rule safety subject waves",
    ),
    "tests/runbooks/lint/test_ambiguity.py": ("a pattern is read to be judged", "runbooks/lint", "regex"),
    "tests/runbooks/test_schema.py": ("the words are part of the schema", "runbooks", "schema_words"),
    "tests/runbooks/test_load.py": ("a corpus of malformed files, each with its line", "runbooks", "model sense shape"),
}
COVERED = {
    f"{folder}/{module}.py": test for test, (_, folder, modules) in ELSEWHERE.items() for module in modules.split()
}
PACKAGES = {"__init__", "__main__", "base"}


def has_own_test(path: Path) -> bool:
    """A test file of the same name at the same place; for the face of a package, any test of that package."""
    folder = ROOT / "tests" / path.relative_to(ROOT).parent
    if path.stem in PACKAGES:
        return any(folder.glob("test_*.py")) or (folder.parent / f"test_{path.parent.name}.py").is_file()
    return (folder / f"test_{path.stem}.py").is_file()


def test_every_module_has_a_test_of_its_name_or_says_where_it_is_tested() -> None:
    assert not [name(p) for p in SOURCES if not has_own_test(p) and name(p) not in COVERED]


def test_every_module_that_is_tested_elsewhere_exists_and_has_no_test_of_its_own() -> None:
    assert not [test for test in ELSEWHERE if not (ROOT / test).is_file()]
    assert not [module for module in COVERED if not (ROOT / module).is_file() or has_own_test(ROOT / module)]


# -- everything that exists is used --------------------------------------------------------------------------------
ROLES = ("sources", "facts", "operations", "adapters", "recorders")
# Files of a role folder that something else than the roster's two readers puts to work.
USED_BY = {"bot/facts/gather.py": "bot/stages/enrich.py", "bot/sources/poller.py": "bot/polling.py"}


def imported(path: Path) -> set[Path]:
    """The files of this project that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    files = {(ROOT / n.replace(".", "/")) for n in names}
    return {f.with_suffix(".py") for f in files} | {f / "__init__.py" for f in files}


def test_every_file_of_a_role_is_put_to_work() -> None:
    everything = {p for p in SOURCES if p.parent.name in ROLES and p.parent.parent.name == "bot"}
    used: set[Path] = set()
    ways = [ROOT / "bot" / "assembly.py", ROOT / "bot" / "roster.py"]
    while ways:
        fresh = (imported(ways.pop()) & everything) - used
        used |= fresh
        ways += fresh
    for file, user in USED_BY.items():
        assert ROOT / file in imported(ROOT / user), f"{user} does not use {file}"
    left = {name(p) for p in everything - used if p.stem != "__init__"}
    assert left == set(USED_BY)


def test_every_guard_is_offered_to_scripts_or_used_by_the_policy() -> None:
    policy = imported(ROOT / "guards" / "policy.py")
    found = set()
    for path in sorted((ROOT / "guards").glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            methods = (
                {m.name for m in node.body if isinstance(m, ast.FunctionDef)}
                if isinstance(node, ast.ClassDef)
                else set()
            )
            if not {"check", "inputs"} <= methods or node.name == "Guard":  # type: ignore[union-attr]  # reason: only classes have methods
                continue
            found.add(node.name)  # type: ignore[union-attr]  # reason: as above
            offered = node.name in guards.__all__ and path.stem in guards.__all__  # type: ignore[union-attr]  # reason: as above
            assert offered or path in policy, f"{name(path)}: nobody can use this guard"
    assert {"AllowedEnvs", "KillSwitch", "Scopes"} <= found


# -- everything that happens has words -----------------------------------------------------------------------------
AT = datetime(2026, 11, 21, 14, 2, 7, tzinfo=UTC)


def wordings(kind: EntryKind) -> dict[str, str]:
    """What each destination says about an entry of which nothing but the kind is known."""
    renderer = Renderer(ROOT / "templates")
    entry = Entry(incident_id="inc_1", kind=kind, at=AT, actor="ana", seq=1)
    slack = renderer.blocks("entry", entry=entry, names=str, mentions=[], now=AT)
    notes = {place: renderer.text(place, "entry", entry=entry, names=str) for place in ("pagerduty", "ticket")}
    return {"slack": slack.text, **notes}


def test_every_kind_of_entry_has_words_of_its_own_at_every_destination() -> None:
    said = {kind: wordings(kind) for kind in EntryKind}
    for destination in ("slack", "pagerduty", "ticket"):
        words = {kind: texts[destination].replace("2026-11-21 14:02:07Z", "").strip() for kind, texts in said.items()}
        assert not [kind for kind, text in words.items() if not re.search(r"[A-Za-z]{4,}", text)], destination
        assert len(set(words.values())) == len(EntryKind), destination


# -- nothing is left undone, and no rule is switched off in silence ------------------------------------------------
WRITTEN = [
    p
    for folder in ("bot", "guards", "runbooks", "templates", "docs", "deploy", "bench", "tests")
    for p in sorted((ROOT / folder).rglob("*"))
    if p.suffix in {".py", ".j2", ".yaml", ".yml", ".md", ".js", ".css", ".html", ".sh", ".conf", ".service"}
    and p != Path(__file__).resolve()
] + [ROOT / "README.md", ROOT / "Makefile", ROOT / "pyproject.toml", ROOT / "ruff.toml"]
UNDONE = re.compile(
    r"\b(TODO|FIXME|XXX|HACK|TBD)\b|(?i:\bnot (yet )?implemented\b|\bfor now\b|\bcoming soon\b|\blorem ipsum\b)"
    # as prose; `placeholder` is also a key of Block Kit, ADF, HTML and CSS
    r"|(?i:(?<![\w./:?\"'])placeholders?(?![\w:?.]*[\"':?(]))"
)
# Their own words say that these things are missing or not allowed.
ABOUT_IT = {"ruff.toml"}


def test_nothing_says_that_it_is_unfinished() -> None:
    wrong = [
        f"{name(p)}:{number}: {line.strip()[:80]}"
        for p in WRITTEN
        if name(p) not in ABOUT_IT
        for number, line in enumerate(p.read_text(encoding="utf-8").splitlines(), 1)
        if UNDONE.search(line)
    ]
    assert not wrong


SWITCHED_OFF = re.compile(r"#\s*(type:\s*ignore(\[[\w, -]+\])?|noqa(:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*)?)")


def comments(path: Path) -> Iterator[tuple[int, str]]:
    """Line numbers and comments of a Python file."""
    for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def test_every_rule_that_is_switched_off_on_a_line_has_its_reason_there() -> None:
    wrong = []
    for path in (p for p in WRITTEN if p.suffix == ".py"):
        for line, comment in comments(path):
            rest, count = SWITCHED_OFF.subn("", comment)
            reason = [word for word in re.findall(r"[A-Za-z][\w'`.-]*", rest) if word != "reason"]
            narrow = re.search(r"ignore\[|noqa:\s*[A-Z]", comment)
            if count and (len(reason) < 2 or not narrow):
                wrong.append(f"{name(path)}:{line}: {comment}")
    assert not wrong
