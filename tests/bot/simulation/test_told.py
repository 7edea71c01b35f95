"""The text of a rehearsal: complete, at most 100 columns wide, the same every time, and harmless whatever an alert says."""

from __future__ import annotations

from bot.simulation.slack_text import columns
from bot.simulation.told import told
from tests.bot.simulation.conftest import Rehearse

HEADINGS = (
    "The summary, as it is posted",
    "Why this step, and not another",
    "Ana Marin asks for it",
    "The card, in the thread of the summary",
    "The plan",
    "What every guard says",
    "Who is asked",
    "The transcript",
    "The audit",
)
HOSTILE = "\x1b[2J<!channel> ```x``` *bold* <https://evil.example|click> {{ 7 * 7 }} \u202e " + "W" * 400


async def text_of(rehearsed: Rehearse, **given: object) -> str:
    async with rehearsed(**given) as one:
        return told(one.equipment, one.rehearsal, about="About", notes=["A note."])


async def test_every_part_is_there_in_order(rehearsed: Rehearse) -> None:
    text = await text_of(rehearsed)
    lines = text.splitlines()
    assert [line for line in lines if line in HEADINGS] == list(HEADINGS)
    assert lines[:2] == ["About", "A note."]
    assert "? matrix              Approve supervisor.restart on payments in prod?" in text
    assert "1 of payments-oncall (Ben Osei)" in text
    assert text.endswith("\n") and not text.endswith("\n\n")


async def test_the_same_input_gives_the_same_text(rehearsed: Rehearse) -> None:
    assert await text_of(rehearsed) == await text_of(rehearsed)


async def test_it_fits_a_hundred_columns_and_carries_no_escape(rehearsed: Rehearse) -> None:
    text = await text_of(rehearsed, title=HOSTILE, details={"a": HOSTILE}, alert_name="ServiceDown")
    assert max(columns(line) for line in text.splitlines()) <= 100
    assert "\x1b" not in text and "\u202e" not in text
    assert "{{ 7 * 7 }}" in text


async def test_where_facts_are_missing_those_of_the_runbooks_own_test_are_named(rehearsed: Rehearse) -> None:
    text = await text_of(rehearsed, facts={})
    assert "Why no step is offered" in text
    assert "    --fact health.status=503" in text
    assert "There is no step to ask for." in text


async def test_a_refusal_says_what_would_help(rehearsed: Rehearse) -> None:
    text = await text_of(rehearsed, asker="dev")
    assert "✗ require_role" in text
    assert "→ " in text
    assert "It was not started. This is what it would have been:" in text


async def test_an_undo_and_increments_are_told(rehearsed: Rehearse) -> None:
    names = [f"payments-workers:worker_{number:02d}" for number in range(4)]
    pool = {"pool": {"running": 4, "healthy": 4, "total": 12, "names": names}}
    text = await text_of(rehearsed, title="queue backlog", facts=pool, environment="staging")
    assert "1. Change how many workers run, 1 of" in text
    assert "undo     supervisorctl stop" in text


async def test_without_cards_only_the_rest_is_told(rehearsed: Rehearse) -> None:
    async with rehearsed() as one:
        text = told(one.equipment, one.rehearsal, about="About", cards=False)
    assert "╭" not in text
    assert "The plan" in text
