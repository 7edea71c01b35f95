"""Pages of runbooks: every part is there, commands are what the bot's own planners say, hostile text stays text."""

from __future__ import annotations

import pytest

from bot.assembly import TEMPLATES
from bot.pages import content, index, page
from bot.render import Renderer
from runbooks.load import BUILTIN, Library, load_runbook
from runbooks.model import Runbook

RENDERER = Renderer(TEMPLATES)
SHIPPED = Library([BUILTIN])
PARTS = [
    "Meaning",
    "Impact",
    "Diagnosis",
    "When it is offered",
    "What it does",
    "When it does not help",
    "What it needs",
]


@pytest.mark.parametrize("name", sorted(SHIPPED.runbooks))
def test_a_page_has_every_part_and_reads_as_markdown(name: str) -> None:
    text = page(RENDERER, SHIPPED.runbooks[name], SHIPPED.runbooks)
    assert text.startswith(f"# {SHIPPED.runbooks[name].title}\n")
    assert [part for part in PARTS if f"\n\n## {part}\n\n" not in text] == []
    assert "\n\n\n" not in text
    assert text.count("```") % 2 == 0
    for before, line in zip(text.splitlines(), text.splitlines()[1:], strict=False):
        assert not line.startswith("#") or before == "", line
        assert line.rstrip() == line


@pytest.mark.parametrize("name", sorted(name for name, book in SHIPPED.runbooks.items() if not book.waits_for))
def test_what_works_is_shown_with_its_exact_command(name: str) -> None:
    found = content(SHIPPED.runbooks[name])
    for step in found["steps"]:
        assert not step["shown"].startswith(f"{step['step'].action} "), "no planner could plan it"
        assert "${" not in step["shown"]


def test_the_exact_commands_the_proof_the_undo_and_who_may() -> None:
    text = page(RENDERER, SHIPPED.runbooks["pause-canary"])
    for line in [
        "/usr/bin/kubectl --namespace shop rollout pause deployment payments-canary",
        "- Still needed: only while `facts.canary.paused == 0`",
        "- Proof: `canary: paused == 1`, in 3 of 3 looks, one every 5 s, within 1 min",
        "- Undo: `/usr/bin/kubectl --namespace shop rollout resume deployment payments-canary`",
        "- At most 3 times in 1 h per service",
        "- one target of kind `command_host` that lists `kubectl` and names `namespace`, `rollout`",
        "- the fact `canary` (kind figures) with `baseline_percent`, `error_percent`, `paused`",
        "Only while this is observed: `" + SHIPPED.runbooks["pause-canary"].match.when + "`",
    ]:
        assert f"{line}\n" in text
    assert "in prod somebody else approves (by the example policy" in text


def test_waves_and_increments_are_said() -> None:
    waves = page(RENDERER, SHIPPED.runbooks["cycle-leaking-workers"])
    assert "- In waves: 1, then 25%, then the rest; shown is the first of 4." in waves
    assert "- In steps of at most 50 %" in page(RENDERER, SHIPPED.runbooks["scale-workers"])


def test_a_runbook_that_waits_says_so_and_shows_what_it_would_be_given() -> None:
    text = page(RENDERER, SHIPPED.runbooks["kill-runaway-query"])
    assert "**Waits for sql.**" in text
    assert "sql.terminate_query target=payments-sql-database query=<query>\n" in text
    assert "**Works**" not in text


def test_what_the_service_must_offer_is_said() -> None:
    expected = {
        "reset-connection-pool": "- one target of kind `http_endpoint` that answers `POST /admin/pool/reset`",
        "enter-read-only": "- one target of kind `setting_file` that allows `read_only`",
        "roll-back-setting": "- one target of kind `setting_file` that allows `mode`, `upstream`, `pool_size`",
        "feature-flag-off": "- one target of kind `setting_file` that allows `experiment`",
    }
    for name, line in expected.items():
        assert f"{line}\n" in page(RENDERER, SHIPPED.runbooks[name])


def test_other_runbooks_are_linked_when_they_have_a_page() -> None:
    book = SHIPPED.runbooks["clean-known-safe-paths"]
    assert "[rotate-logs](rotate-logs.md)" in page(RENDERER, book, {"rotate-logs"})
    assert "rotate-logs.md" not in page(RENDERER, book)


def test_the_index_lists_every_runbook_once_with_its_state() -> None:
    text = index(RENDERER, SHIPPED.runbooks.values())
    for name, book in SHIPPED.runbooks.items():
        (line,) = [line for line in text.splitlines() if line.startswith(f"| [{name}]({name}.md) |")]
        state = f"waits for {', '.join(book.waits_for)}" if book.waits_for else "works"
        assert state in line


def _odd(**keys: str) -> Runbook:
    lines = "\n".join(f"{key}: {value}" for key, value in keys.items())
    text = f"id: odd\nowner: sre\n{lines}\ncommand: redis-cli FLUSHDB\nexpect: [{{pattern: OK}}]\n"
    return load_runbook(text + "safety: {requires_approval: true, scopes: [staging]}\n", "odd.yaml")


def test_T39_templates_in_a_runbook_stay_text_and_a_backtick_breaks_no_code() -> None:
    book = _odd(meaning="'{{ 7 * 7 }} {% raw %}'", match='{signatures: ["a`b"]}', title="'a | b'")
    text = page(RENDERER, book)
    assert "{{ 7 * 7 }} {% raw %}" in text
    assert "\n# x" not in page(RENDERER, _odd(meaning='"a\\n\\n# x\\n```"'))
    assert "\n\\# x &lt;script> y\n" in page(RENDERER, _odd(impact='"# x <script>\\ny"'))
    assert "`` a`b ``" in text
    assert "| a \\| b |" in index(RENDERER, [book])
