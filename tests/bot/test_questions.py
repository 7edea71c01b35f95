"""Questions that wait, for those who answer with a key: the whole plan and digest, and nothing that is not a question."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.plan import Plan
from bot.store import approvals
from tests.fakes.equipment import alert
from tests.fakes.scene import Scene, scene


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Scene]:
    """Ana asked for a restart of payments, and the question waits."""
    async with scene(tmp_path) as made:
        await made.fold(alert())
        assert (await made.ask("ana")).ok
        yield made


async def test_T64_a_question_is_shown_with_its_whole_plan_and_digest(asked: Scene) -> None:
    waiting, run = await asked.approval(), await asked.run()
    reply = await asked.requests.question(waiting.id, asked.person("ben"))
    assert (reply.ok, reply.name, reply.data["id"]) == (True, "question", waiting.id)
    assert reply.data["digest"] == run.plan.digest == Plan.model_validate(reply.data["plan"]).digest
    assert (reply.data["kind"], reply.data["state"]) == ("approval", "pending")
    assert reply.data["expires_at"] == waiting.expires_at.isoformat(timespec="seconds")


async def test_T64_those_that_wait_are_listed_and_ones_own_are_marked(asked: Scene) -> None:
    waiting = await asked.approval()
    for who, yours in (("ana", True), ("ben", False)):
        reply = await asked.requests.open_questions(asked.person(who))
        assert [(line["id"], line["yours"]) for line in reply.data["questions"]] == [(waiting.id, yours)]
        assert (reply.ok, reply.name) == (True, "questions")


async def test_what_was_answered_no_longer_waits_but_can_be_looked_at(asked: Scene) -> None:
    waiting = await asked.approval()
    assert (await asked.vote("ben", approve=False)).ok
    assert (await asked.requests.open_questions(asked.person("ben"))).data == {"questions": []}
    assert (await asked.requests.question(waiting.id, asked.person("ben"))).data["state"] == "rejected"


@pytest.mark.parametrize("forged", ["", "*", "apr_404", "run_0001"])
async def test_T12_a_question_that_is_none_of_ours(asked: Scene, forged: str) -> None:
    reply = await asked.requests.question(forged, asked.person("ben"))
    assert (reply.ok, reply.data["code"]) == (False, "unknown_question")


@pytest.mark.parametrize("kind", ["unknown", "paused"])
async def test_a_doubt_is_answered_in_slack_and_not_with_a_key(asked: Scene, kind: str) -> None:
    first = await asked.approval()
    await asked.write(lambda s: approvals.open(s, replace(first, id="apr_doubt", kind=kind)))
    assert (await asked.requests.question("apr_doubt", asked.person("cora"))).data["code"] == "unknown_question"
    listed = (await asked.requests.open_questions(asked.person("cora"))).data["questions"]
    assert [line["id"] for line in listed] == [first.id]
