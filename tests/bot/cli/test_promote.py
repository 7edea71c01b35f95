"""`runbookctl promote`: X3 from three runs in staging to a run in prod, and every way it is refused."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import select

from bot.config import load
from bot.errors import Transient
from bot.policy_inputs import make_promotions
from bot.services import Catalogue
from bot.stages import paging
from bot.store import approvals, audit, incidents
from bot.store.entries import ENTRY
from bot.store.session import Store
from bot.transcript import EntryKind
from guards.policy import Policy
from runbooks.load import Library
from tests.bot.cli.conftest import Command, Told
from tests.fakes.scene import Scene, scene

URL = "https://example.com/game-days/clear-cache"
CLEAR = """\
id: clear-sessions
command: "redis-cli FLUSHDB"
expect: [{pattern: "OK"}, {pattern: "(empty list or set)", allow_failure: true}]
rollback: none
rollback_note: a cache fills itself again
safety: {requires_approval: true, scopes: [staging, dev]}
"""


def services() -> Catalogue:
    """A cache in staging, and one in prod."""
    return Catalogue.model_validate(
        {
            "services": [
                {
                    "name": f"shop-{place}",
                    "environment": place,
                    "owner": "shop-team",
                    "tier": 2,
                    "channel": "C1",
                    "targets": [
                        {
                            "kind": "redis_database",
                            "name": f"cache-{place}",
                            "settings": {"url": "redis://127.0.0.1:1", "database": 1},
                        }
                    ],
                }
                for place in ("staging", "prod")
            ]
        }
    )


@dataclass
class Shop:
    """An installation with that runbook, a bot over its database, and `runbookctl` beside it."""

    folder: Path
    room: Scene
    call: Command

    @property
    def record(self) -> Path:
        return self.folder / "runbooks" / "promotions" / "clear-sessions.prod.yaml"

    def promote(self, *more: str, env: str = "prod", by: str = "cora") -> Told:
        words = ("--action", "clear-sessions", "--env", env, "--evidence-url", URL, "--by", by)
        return self.call("promote", *words, *more)

    async def use(self, place: str, *, works: bool = True) -> str:
        """Ask for it there, confirm, have it approved, carry it out: the outcome, or the code of the refusal."""
        room = self.room
        room.world.ok = works
        before = len(room.started)
        reply = await room.requests.run_runbook("clear-sessions", f"shop-{place}", place, room.person("ana"), "C1")
        if len(room.started) == before:
            return str(reply.data["code"])
        for question in await room.read(lambda s: approvals.for_run(s, room.started[-1])):
            who = "ana" if question.kind == "confirmation" else "ben"
            assert (await room.requests.vote(question.id, room.person(who), True, "", "", "")).ok
        return await room.carry_out()

    async def over(self) -> None:
        """People mended it by hand: its incident is resolved."""

        def write(session: Any) -> None:
            for incident in incidents.open_incidents(session):
                paging.resolve(session, self.room.equipment, incident, "ana")

        await self.room.write(write)


@asynccontextmanager
async def shop(folder: Path, call: Command) -> AsyncIterator[Shop]:
    found = load(folder / "countersign.yaml", {})
    policy = Policy.from_mapping(found.policy)
    async with scene(
        folder,
        catalogue=services(),
        library=Library([folder / "runbooks"]),
        promotions=make_promotions(found, policy),
    ) as room:
        room.clock.now = datetime.now(UTC) - timedelta(hours=30)
        yield Shop(folder, room, call)


@pytest.fixture
def installed(installation: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (installation / "runbooks" / "clear-sessions.yaml").write_text(CLEAR, encoding="utf-8")
    file = installation / "countersign.yaml"
    written = yaml.safe_load(file.read_text(encoding="utf-8"))
    written["promotion"] = {"ladder": ["dev", "staging", "prod"], "without_record": ["staging"]}  # else as usual
    file.write_text(yaml.safe_dump(written), encoding="utf-8")
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{installation / 'app.db'}")
    return installation


async def in_thread(work: Any) -> Told:
    """The command has an event loop of its own, as in a terminal."""
    told: Told = await asyncio.to_thread(work)
    return told


async def test_X3_a_cache_cleared_in_staging_three_times_is_promoted_to_prod(
    installed: Path, runbookctl: Command
) -> None:
    async with shop(installed, runbookctl) as it:
        assert await it.use("prod") == "wrong_environment"
        for number in range(3):
            told = await in_thread(it.promote)
            assert told.code == 1
            assert f"{number} of 3 successful runs" in told.out
            assert not it.record.exists()
            assert await it.use("staging") == "succeeded"
        told = await in_thread(lambda: it.promote("--reason", "Sessions may be lost, and are."))
        assert (told.code, told.err) == (0, "")
        assert "Promoted clear-sessions" in told.out
        assert "git -C" in told.out
        written = it.record.read_text(encoding="utf-8")
        assert '"https://example.com/game-days/clear-cache"' in written
        assert "runs: 3\n" in written
        it.room.clock.now = datetime.now(UTC) + timedelta(seconds=1)
        assert await it.use("prod") == "succeeded"
        assert (await in_thread(it.promote)).out.endswith(f"on {datetime.now(UTC):%Y-%m-%d}.\n")
        heads = await it.room.read(lambda s: [row for row in audit.every_row(s) if row.event == "promoted"])
        assert [(row.actor, row.subject) for row in heads] == [("cora", "clear-sessions.prod")]

        assert await it.use("prod", works=False) == "failed"
        await it.over()
        assert await it.use("prod") == "not_promoted"
        kinds = await it.room.read(_kinds)
        assert EntryKind.DEMOTED.value in kinds
        assert await it.use("staging") == "succeeded", "below, nothing was taken back"
        told = await in_thread(it.promote)
        assert told.code == 1
        assert "ended the last promotion" in told.out
        assert "Say with `--reason` why it may be used again." in told.out


def _kinds(session: Any) -> list[str]:
    return [row[0] for row in session.connection().execute(select(ENTRY.c.kind))]


async def test_T41_a_changed_runbook_has_no_runs_and_no_promotion(installed: Path, runbookctl: Command) -> None:
    async with shop(installed, runbookctl) as it:
        for _ in range(3):
            assert await it.use("staging") == "succeeded"
        assert (await in_thread(it.promote)).code == 0
        (installed / "runbooks" / "clear-sessions.yaml").write_text(CLEAR.replace("again", "anew"), encoding="utf-8")
        assert "0 of 3 successful runs" in (await in_thread(it.promote)).out
        it.room.change(library=Library([installed / "runbooks"]), promotions=it.room.equipment.promotions)
        it.room.clock.now = datetime.now(UTC) + timedelta(seconds=1)
        assert await it.use("prod") == "wrong_environment"


async def test_as_json_it_says_the_same(installed: Path, runbookctl: Command) -> None:
    async with shop(installed, runbookctl) as it:
        told = await in_thread(lambda: it.promote("--json"))
    data = json.loads(told.out)
    assert (told.code, data["promoted"]) == (1, False)
    assert [piece["name"] for piece in data["evidence"] if not piece["there"]] == ["runs", "age", "steps"]


async def test_commit_makes_a_branch_and_the_bot_sees_nothing_of_it(installed: Path, runbookctl: Command) -> None:
    for words in (["init", "-q", "-b", "main"], ["config", "user.email", "a@b.c"], ["config", "user.name", "A"]):
        subprocess.run(["git", "-C", str(installed), *words], check=True)
    subprocess.run(["git", "-C", str(installed), "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    async with shop(installed, runbookctl) as it:
        for _ in range(3):
            assert await it.use("staging") == "succeeded"
        told = await in_thread(lambda: it.promote("--commit"))
        assert told.code == 0
        assert "waits for its review in promote-clear-sessions-prod-" in told.out
        assert not it.record.exists()
        assert (await in_thread(lambda: it.promote("--commit"))).code == 1, "its branch is there already"
        events = await it.room.read(lambda s: [row.event for row in audit.every_row(s) if "promot" in row.event])
        assert events == ["promoted_proposed", "promoted_proposed"]
    branches = subprocess.run(["git", "-C", str(installed), "branch"], capture_output=True, text=True, check=True)
    assert "promote-clear-sessions-prod-" in branches.stdout


def test_an_unknown_runbook_is_a_usage_error(installed: Path, runbookctl: Command) -> None:
    told = runbookctl("promote", "--action", "nope", "--env", "prod", "--evidence-url", URL)
    assert told.code == 2
    assert "there is no runbook 'nope'" in told.err
    assert "clear-sessions" in told.err


async def test_without_audit_there_is_no_record(
    installed: Path, runbookctl: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shop(installed, runbookctl) as it:
        for _ in range(3):
            assert await it.use("staging") == "succeeded"

        async def full(_store: Store, _work: Any) -> None:
            raise Transient("the disk is full")

        with monkeypatch.context() as broken:
            broken.setattr(Store, "write", full)
            told = await in_thread(it.promote)
    assert (told.code, told.err) == (1, "failed: the disk is full\n")
    assert not it.record.exists()


async def test_a_folder_that_takes_nothing_is_told(installed: Path, runbookctl: Command) -> None:
    async with shop(installed, runbookctl) as it:
        for _ in range(3):
            assert await it.use("staging") == "succeeded"
        file = installed / "file"
        file.write_text("x")
        told = await in_thread(lambda: it.promote("--to", str(file)))
        assert told.code == 2
        assert "give a folder with `--to`" in told.err
        elsewhere = installed / "checkout" / "promotions"
        assert (await in_thread(lambda: it.promote("--to", str(elsewhere)))).code == 0
    assert (elsewhere / "clear-sessions.prod.yaml").is_file()
    assert not it.record.exists()
