"""A rehearsal as JSON."""

from __future__ import annotations

import json

import pytest

from bot.simulation.values import values
from tests.bot.simulation.conftest import Rehearse


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({}, "asked"),
        ({"environment": "dev"}, "starts"),
        ({"asker": "dev"}, "refused"),
        ({"asker": None}, "offered"),
        ({"facts": {}}, "no_step"),
    ],
)
async def test_what_came_of_it_in_one_word(rehearsed: Rehearse, given: dict[str, object], word: str) -> None:
    async with rehearsed(**given) as one:
        assert values(one.equipment, one.rehearsal)["outcome"] == word


async def test_everything_is_json_and_the_same_every_time(rehearsed: Rehearse) -> None:
    texts = []
    for _ in range(2):
        async with rehearsed() as one:
            texts.append(json.dumps(values(one.equipment, one.rehearsal)))
    assert texts[0] == texts[1]
    found = json.loads(texts[0])
    assert set(found["messages"]) == {"summary", "summary_after", "card", "answer"}
    assert found["digest"] and found["plan"]["requester"] == "ana"
    assert found["questions"][0]["not"] == "ana"
    assert [row["event"] for row in found["audit"]][-1] == "asked"
