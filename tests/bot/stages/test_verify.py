"""Verify: k of n fresh observations, and everything that does not count as one (T58)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.errors import Permanent, Transient
from bot.facts.base import Fact, FactRequest
from bot.plan import Check
from bot.stages.verify import KEPT, sample, verify
from tests.fakes.equipment import START
from tests.fakes.scene import Scene

CHECK = Check(fact="health", expect="status == 200", within_seconds=10, every_seconds=1, required=3, of=4)
G, B = {"status": 200}, {"status": 500}
GONE: Exception = Transient("no answer")


class Series:
    """Answers in turn; the last one for ever."""

    kind = "http"

    def __init__(self, answers: list[Any]) -> None:
        self.answers = answers
        self.asked = 0

    async def observe(self, request: FactRequest) -> dict[str, Any]:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if isinstance(answer, Exception):
            raise answer
        return answer


CASES: dict[str, tuple[list[Any], bool, int]] = {
    "three in a row": ([G], True, 3),
    "one bad among four": ([G, B, G, G], True, 4),
    "bad first": ([B, G, G, G], True, 4),
    "two of four for ever": ([G, B, G, B, B, G, B, G, B, B, G], False, 10),
    "flaps then holds": ([G, B, B, G, B, G, G, G], True, 7),
    "never": ([B], False, 10),
    "no data at all": ([GONE], False, 10),
    "one good then silence": ([G, GONE], False, 10),
    "gaps count as bad": ([G, GONE, GONE, G, G, GONE, GONE], False, 10),
    "a gap among four is forgiven": ([G, GONE, G, G], True, 4),
    "the field is missing": ([{"took_ms": 1}], False, 10),
    "the field is null": ([{"status": None}], False, 10),
    "the field is text": ([{"status": "200"}], False, 10),
    "truth is not a number": ([{"status": True}], False, 10),
    "the source is broken": ([Permanent("no route")], False, 10),
}


@pytest.mark.parametrize(("answers", "proved", "samples"), CASES.values(), ids=CASES)
async def test_T58_k_of_n(trouble: Scene, answers: list[Any], proved: bool, samples: int) -> None:
    source = Series(answers)
    trouble.change(fact_sources={"http": source})
    found = await verify(trouble.equipment, await trouble.incident(), CHECK, trouble.clock())
    assert (found["ok"], source.asked) == (proved, samples)
    assert len(found["evidence"]) == min(samples, KEPT)
    assert found["took_seconds"] <= CHECK.within_seconds + CHECK.every_seconds


async def test_T58_old_data_does_not_count(trouble: Scene) -> None:
    trouble.change(fact_sources={"http": Series([G])})
    future = trouble.clock() + timedelta(minutes=1)
    found = await verify(trouble.equipment, await trouble.incident(), CHECK, future)
    assert not found["ok"]
    assert {line["value"] for line in found["evidence"]} == {"older than the act"}


def fact(**changes: Any) -> Fact:
    values: dict[str, Any] = {"name": "health", "kind": "http", "observed_at": START + timedelta(seconds=1), "value": G}
    return Fact(**{**values, **changes})


@pytest.mark.parametrize(
    ("facts", "good", "shown"),
    [
        ((fact(),), True, "status=200"),
        ((), False, "no fact called health in the catalogue"),
        ((fact(name="state"),), False, "no fact called health in the catalogue"),
        ((fact(gap="no answer", value={}),), False, "no answer"),
        ((fact(gap="no answer"),), False, "no answer"),
        ((fact(observed_at=START),), False, "older than the act"),
        ((fact(observed_at=START - timedelta(days=1)),), False, "older than the act"),
        ((fact(value=B),), False, "status=500"),
        ((fact(value={"status": 200, "body_head": "x" * 999}),), True, "status=200"),
    ],
)
def test_T58_one_sample(facts: tuple[Fact, ...], good: bool, shown: str) -> None:
    assert sample(CHECK, facts, START) == (good, shown)


async def test_T58_a_source_with_a_mistake_in_it_proves_nothing(trouble: Scene) -> None:
    trouble.change(fact_sources={"http": Series([ValueError("oops")])})
    short = CHECK.model_copy(update={"within_seconds": 1.0})
    found = await verify(trouble.equipment, await trouble.incident(), short, trouble.clock())
    assert not found["ok"]
    assert "ValueError" in found["evidence"][0]["value"]


async def test_T58_a_catalogue_without_the_fact_proves_nothing(trouble: Scene) -> None:
    check = CHECK.model_copy(update={"fact": "disk", "within_seconds": 2.0})
    found = await verify(trouble.equipment, await trouble.incident(), check, trouble.clock())
    assert not found["ok"]
    assert "no fact called disk" in found["evidence"][0]["value"]


async def test_T46_what_a_sample_showed_is_redacted_before_it_is_kept(trouble: Scene) -> None:
    """The engine stores what this returns, beside the transcript, which is redacted anyway."""
    trouble.change(fact_sources={"http": Series([{"status": 200, "banner": "token=hunter2"}])})
    found = await verify(trouble.equipment, await trouble.incident(), CHECK, trouble.clock())
    assert "hunter2" not in str(found)
    assert found["evidence"][0]["value"].startswith("banner=token=[redacted:")
