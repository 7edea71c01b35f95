"""The filters, the words and Slack's limits, without templates of the product."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Permanent
from bot.render import Renderer, limits
from bot.render.safe_text import clean, code, exact, link, mrkdwn, plain, quote
from bot.render.wording import ago, counted, duration, observed, slack_time, utc, utc_date

FENCE = "`" * 3
NOW = datetime(2026, 11, 21, 14, 2, 7, tzinfo=UTC)

ESCAPED = [
    ("a & b < c > d", "a &amp; b &lt; c &gt; d"),
    ("<!channel>", "&lt;!channel&gt;"),
    ("&lt;", "&amp;lt;"),
    ("@here @HERE @channel @everyone", "@ here @ HERE @ channel @ everyone"),
    ("a@b.example", "a@b.example"),
    (f"{FENCE}x{FENCE}", "'''x'''"),
    ("two\nlines\r\nand\ttab", "two lines and tab"),
    ("pay\u202ements", "payments"),
    ("\u200bz\u200dw\ufeff\u2066", "zw"),
    ("\x1b[31mred\x07", "[31mred"),
    ("x\ud800y", "xy"),
    (503, "503"),
    (None, "None"),
]


@pytest.mark.parametrize(("text", "safe"), ESCAPED)
def test_T44_mrkdwn_cannot_ping_link_or_break_out(text: object, safe: str) -> None:
    assert mrkdwn(text) == safe


@given(st.text())
def test_T44_mrkdwn_of_any_text_has_no_markup(text: str) -> None:
    safe = mrkdwn(text)
    assert "<" not in safe
    assert ">" not in safe
    assert "`" not in safe
    assert "\n" not in safe
    assert "@here" not in safe.lower()
    assert json.loads(json.dumps(safe)) == safe


@given(st.text())
def test_T45_every_line_of_a_quotation_is_quoted(text: str) -> None:
    assert all(line.startswith("> ") for line in quote(text).split("\n"))


@given(st.text())
def test_T13_a_code_block_cannot_be_left(text: str) -> None:
    assert code(text).count("`") == 6
    assert "\n" not in exact(text)


def test_T13_nothing_of_a_command_disappears() -> None:
    assert exact("rm\u200b -rf `x`\n<y>") == "rm\\u200b -rf \\u0060x\\u0060\\u000a&lt;y&gt;"


def test_cutting_is_visible() -> None:
    assert plain("x" * 400, 20) == "xxxxxxxxx… (trimmed)"
    assert len(plain("x" * 400, 20)) <= 20
    assert quote("\n".join("abcdefghijkl"), lines=3).split("\n")[-1] == "> … (9 more lines)"


def test_clean_keeps_line_ends() -> None:
    assert clean("a\r\nb\u2028c") == "a\nb\nc"


LINKS = [
    (
        "https://acme.pagerduty.com/incidents/1?a=1&b=2",
        "<https://acme.pagerduty.com/incidents/1?a=1&amp;b=2|Open (acme.pagerduty.com)>",
    ),
    ("javascript:alert(1)", "Open"),
    ("https://evil|Approve", "Open"),
    ("https://good@evil/", "Open"),
    ("https://evil/\u202e", "Open"),
    ("", "Open"),
    ("//evil/", "Open"),
    ("https://p\u0430ypal.com/", "Open"),
    ("https://[::1", "Open"),
    ("https://x/ y", "Open"),
    ("https://x/>", "Open"),
    ("https://x/" + "y" * 3000, "Open"),
]


@pytest.mark.parametrize(("url", "shown"), LINKS)
def test_T44_a_link_shows_where_it_goes_or_is_none(url: str, shown: str) -> None:
    assert link(url, "Open") == shown


DURATIONS = [
    (0, "0 s"),
    (0.44, "0.4 s"),
    (12, "12 s"),
    (12.7, "12 s"),
    (60, "1 min"),
    (192, "3 min 12 s"),
    (3600, "1 h"),
    (7500, "2 h 5 min"),
    (277200, "3 d 5 h"),
    (-5, "0 s"),
    (timedelta(seconds=192), "3 min 12 s"),
    ("x", "unknown time"),
    (True, "unknown time"),
]


@pytest.mark.parametrize(("seconds", "said"), DURATIONS)
def test_durations_are_said_in_two_units(seconds: object, said: str) -> None:
    assert duration(seconds) == said


def test_times_are_utc() -> None:
    assert utc(NOW) == "14:02:07Z"
    assert utc("2026-11-21T15:02:07+01:00") == "14:02:07Z"
    assert utc_date(NOW) == "2026-11-21 14:02:07Z"
    assert slack_time(NOW) == "<!date^1795269727^{time_secs}|14:02:07Z>"
    assert ago(NOW - timedelta(seconds=192), NOW) == "3 min 12 s"


@pytest.mark.parametrize("value", ["<!channel>", None, 5, ""])
def test_T44_a_time_that_is_none_cannot_carry_text(value: object) -> None:
    assert utc(value) == utc_date(value) == slack_time(value) == "unknown time"


FACTS: list[tuple[dict[str, Any], str]] = [
    ({"value": {"status": 503, "ok": False}, "gap": ""}, "status 503, ok False"),
    ({"value": {}, "gap": "connection refused"}, "no data (connection refused)"),
    ({"value": {}, "gap": ""}, "observed, no values"),
    ({"value": {str(i): i for i in range(9)}, "gap": ""}, "0 0, 1 1, 2 2, 3 3, 4 4, 5 5, … 3 more"),
]


@pytest.mark.parametrize(("fact", "said"), FACTS)
def test_a_fact_or_its_gap_is_said(fact: dict[str, Any], said: str) -> None:
    assert observed(fact) == said


def test_counting() -> None:
    assert (counted(1, "target"), counted(2, "target"), counted(2, "person", "people")) == (
        "1 target", "2 targets", "2 people",
    )  # fmt: skip


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def button(**changes: Any) -> dict[str, Any]:
    element = {"type": "button", "action_id": "a", "value": "v", "text": {"type": "plain_text", "text": "Go"}} | changes
    return {"type": "actions", "elements": [element]}


def test_long_texts_are_trimmed_visibly() -> None:
    blocks: list[Any] = [
        {"type": "header", "text": {"type": "plain_text", "text": "h" * 200}},
        section("s" * 4000),
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "f" * 2500}] * 12},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "c"}] * 12},
        button(text={"type": "plain_text", "text": "b" * 90}),
        None,
    ]
    header, long, fields, context, buttons = limits.fit(blocks)
    assert len(header["text"]["text"]) == 150
    assert header["text"]["text"].endswith("… (trimmed)")
    assert len(long["text"]["text"]) <= 3000
    assert long["text"]["text"].endswith("… (trimmed)")
    assert len(fields["fields"]) == 10
    assert len(context["elements"]) == 10
    assert len(buttons["elements"][0]["text"]["text"]) == 75
    assert limits.size(limits.fit(blocks)) <= limits.TOTAL


def test_sixty_blocks_become_fifty_and_keep_their_buttons() -> None:
    fitted = limits.fit([section(str(i)) for i in range(60)] + [button()])
    assert len(fitted) == 50
    assert fitted[-1]["type"] == "actions"
    assert "12 more parts" in json.dumps(fitted)


def test_thirteen_thousand_characters_are_not_exceeded() -> None:
    fitted = limits.fit([section("&lt;" * 740) for _ in range(20)] + [button()])
    assert limits.size(fitted) <= limits.TOTAL
    assert fitted[-1]["type"] == "actions"
    for block in fitted[:-1]:
        text = (block.get("text") or block["elements"][0])["text"]
        rest = text.replace("&lt;", "").replace("… (trimmed)", "")
        assert set(rest) <= set(" 0123456789morepats")


CUTS = ["&lt;" * 900, f"x {FENCE}" + "y" * 4000, "z" * 2960 + "<https://ok.example/|a long label>" * 3, "", " "]


@pytest.mark.parametrize("text", CUTS)
@pytest.mark.parametrize("limit", [200, 997, 2990, 3000])
def test_a_cut_leaves_nothing_open(text: str, limit: int) -> None:
    made = limits.cut(text, limit)
    assert 0 < len(made) <= limit
    assert made.count(FENCE) % 2 == 0
    assert made.count("<") == made.count(">")
    assert made.count("&") == made.count(";")


def test_the_fallback_text_fits_slacks_bytes() -> None:
    assert len(limits.cut_bytes("é" * 5000).encode()) <= limits.TEXT_BYTES


@pytest.mark.parametrize("change", [{"value": "v" * 2001}, {"action_id": "a" * 256}])
def test_a_buttons_meaning_is_never_trimmed(change: dict[str, str]) -> None:
    with pytest.raises(Permanent, match="more than Slack allows"):
        limits.fit([button(**change)])


def test_a_view_keeps_its_titles_short() -> None:
    view = limits.fit_view({"title": {"type": "plain_text", "text": "t" * 40}, "blocks": [None, section("x")]})
    assert len(view["title"]["text"]) == 24
    assert len(view["blocks"]) == 1
    with pytest.raises(Permanent):
        limits.fit_view({"blocks": [], "private_metadata": "x" * 3001})


def templates(folder: Path, text: str) -> Renderer:
    (folder / "slack").mkdir()
    (folder / "slack" / "x.json.j2").write_text(text, encoding="utf-8")
    return Renderer(folder)


def test_a_missing_name_is_an_error_not_a_gap(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match=r"x\.json\.j2"):
        templates(tmp_path, '{"text": {{ missing | tojson }}, "blocks": []}').blocks("x")


def test_a_template_that_makes_no_json_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="did not make JSON"):
        templates(tmp_path, '{"text": ').blocks("x")


@given(text=st.text())
def test_T39_data_is_never_rendered_again(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("t")
    renderer = templates(folder, '{"text": {{ t | tojson }}, "blocks": []}')
    assert renderer.blocks("x", t="{{ 7*7 }}").text == "{{ 7*7 }}"
    assert renderer.blocks("x", t=f"a{text}").text.startswith("a")
