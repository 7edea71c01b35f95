"""The composition root: made whole from files, nothing half-guarded, and what it asks before it acts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from bot import app
from bot.app import Bot, assemble, claim_worker, live_status_of, make_policy
from bot.config import Configuration, load
from bot.errors import Ambiguous, ConfigurationError, Permanent, Transient
from bot.incident import Incident, IncidentStatus
from bot.roster import ADAPTERS, DESTINATIONS, OPERATIONS
from bot.stop_file import stops_in_file
from bot.store import workers
from tests.bot.test_incident import INCIDENT
from tests.fakes.installation import NEEDED, NOWHERE, write_installation


def found(folder: Path, **environ: str) -> Configuration:
    return load(write_installation(folder), {**NEEDED, **NOWHERE, **environ})


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[tuple[Bot, Configuration]]:
    """Assembled, never launched."""
    configuration = found(tmp_path)
    configuration.state_dir.mkdir()
    made = await assemble(configuration)
    yield made, configuration
    await made.clients.close()
    made.inbox.close()
    await made.store.close()


async def test_everything_on_the_roster_is_in_the_equipment(bot: tuple[Bot, Configuration]) -> None:
    equipment = bot[0].equipment
    assert set(equipment.adapters) == set(ADAPTERS)
    assert equipment.operations is OPERATIONS
    assert {"pagerduty"} <= set(equipment.sources)
    assert (equipment.pagerduty, equipment.jira, equipment.servicenow) == (True, True, True)
    assert "restart-service" in equipment.library.runbooks


async def test_T38_what_is_loaded_again_is_what_the_stages_use(bot: tuple[Bot, Configuration]) -> None:
    made, configuration = bot
    library = made.equipment.library
    book = configuration.path.parent / "runbooks" / "new.yaml"
    book.write_text("id: new\ncommand: uptime\nsafety: {scopes: [dev]}\n", encoding="utf-8")
    assert library.since is not None
    assert await made.reloading.once(asked=True) is True
    assert "new" in library.runbooks
    assert made.equipment.index().runbooks is library.runbooks


async def test_every_destination_has_a_recorder(bot: tuple[Bot, Configuration]) -> None:
    assert set(bot[0].outbox._desks) == set(DESTINATIONS)


async def test_T46_secrets_of_the_configuration_never_leave(bot: tuple[Bot, Configuration]) -> None:
    told = bot[0].equipment.redactor.text(f"the webhook secret is {NEEDED['PAGERDUTY_WEBHOOK_SECRETS']}!")
    assert NEEDED["PAGERDUTY_WEBHOOK_SECRETS"] not in told


async def test_without_tokens_there_is_no_client_and_no_route(tmp_path: Path) -> None:
    configuration = found(tmp_path, PAGERDUTY_API_TOKEN="", JIRA_URL="", SERVICENOW_URL="")
    configuration.state_dir.mkdir()
    made = await assemble(configuration)
    equipment = made.equipment
    assert (equipment.pagerduty, equipment.jira, equipment.servicenow) == (False, False, False)
    assert set(made.outbox._desks) == {"slack"}
    await made.clients.close()
    made.inbox.close()
    await made.store.close()


def edit(folder: Path, name: str, **changes: Any) -> None:
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}, sort_keys=False))


async def test_T43_a_policy_with_a_mistake_names_file_and_key(tmp_path: Path) -> None:
    file = write_installation(tmp_path)
    edit(tmp_path, "policy", lowest_environment="moon")
    configuration = load(file, NEEDED)
    with pytest.raises(ConfigurationError) as caught:
        make_policy(configuration)
    assert caught.value.place.startswith("policy.yaml: ")
    assert caught.value.fix
    configuration.state_dir.mkdir()
    with pytest.raises(ConfigurationError):
        await assemble(configuration)
    assert list(configuration.state_dir.iterdir()) == []


async def test_pitfall_4_the_worker_row_is_ours_before_the_engine_starts(bot: tuple[Bot, Configuration]) -> None:
    made, configuration = bot
    await claim_worker(made, configuration)
    now = app.utc_now()
    equipment = made.equipment
    assert await made.store.write(lambda s: workers.beat(s, equipment.worker, equipment.boot, now))


@pytest.mark.parametrize("seconds", [-10.0, 0.0, 3600.0])
async def test_T65_under_the_process_lock_an_old_row_is_dead_whatever_its_clock_said(
    bot: tuple[Bot, Configuration], seconds: float
) -> None:
    made, configuration = bot
    worker, at = made.equipment.worker, app.utc_now() + timedelta(seconds=seconds)
    await made.store.write(lambda s: workers.claim(s, worker, "an older boot", at, 0.0))
    await claim_worker(made, configuration)
    assert not await made.store.write(lambda s: workers.beat(s, worker, "an older boot", at))


async def test_pitfall_1_on_postgres_a_live_worker_of_the_same_name_is_refused(bot: tuple[Bot, Configuration]) -> None:
    made, configuration = bot
    postgres = configuration.model_copy(update={"addresses": {"DATABASE_URL": "postgresql+psycopg://a@b/c"}})
    worker, at = made.equipment.worker, app.utc_now()
    await made.store.write(lambda s: workers.claim(s, worker, "another boot", at, 0.0))
    with pytest.raises(ConfigurationError, match="another process is alive"):
        await claim_worker(made, postgres)


async def test_ready_means_both_databases_answer(bot: tuple[Bot, Configuration]) -> None:
    made, _ = bot
    ready = app._readiness(made.store, made.inbox, made.slack)
    fine, told = await ready()
    assert (fine, told["store"], told["slack"]) == (True, "ok", "away")
    made.inbox.close()
    fine, told = await ready()
    assert (fine, list(told)) == (False, ["store"])


async def test_T55_the_switch_file_is_the_one_that_runbookctl_kill_writes(bot: tuple[Bot, Configuration]) -> None:
    made, configuration = bot
    made.equipment.kill_switch.signal()
    assert len(stops_in_file(configuration.state_dir / "kill_switch")) == 1


class Monitor:
    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def incident(self, _incident_id: str) -> dict[str, Any]:
        if isinstance(self._answer, Exception):
            raise self._answer
        if self._answer is None:
            await asyncio.sleep(60)
        return dict(self._answer)


ASKED: dict[str, tuple[Any, IncidentStatus | None]] = {
    "resolved": ({"status": "resolved"}, IncidentStatus.RESOLVED),
    "triggered": ({"status": "triggered"}, IncidentStatus.TRIGGERED),
    "another word": ({"status": "merged"}, None),
    "no word": ({}, None),
    "away": (Transient("no answer"), None),
    "gone": (Permanent("not found"), None),
    "cut off": (Ambiguous("cut off"), None),
}


@pytest.mark.parametrize(("answer", "wanted"), ASKED.values(), ids=ASKED)
async def test_T23_the_monitor_is_asked_and_may_be_away(answer: Any, wanted: IncidentStatus | None) -> None:
    ask = live_status_of(SimpleNamespace(pagerduty=Monitor(answer)))  # type: ignore[arg-type]  # reason: a double
    assert await ask(Incident(**INCIDENT)) is wanted


async def test_T64_a_slow_monitor_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "LIVE_STATUS_SECONDS", 0.05)
    ask = live_status_of(SimpleNamespace(pagerduty=Monitor(None)))  # type: ignore[arg-type]  # reason: a double
    async with asyncio.timeout(5):
        assert await ask(Incident(**INCIDENT)) is None


@pytest.mark.parametrize(("source", "monitor"), [("github", Monitor({"status": "resolved"})), ("pagerduty", None)])
async def test_who_cannot_be_asked_says_nothing(source: str, monitor: Any) -> None:
    ask = live_status_of(SimpleNamespace(pagerduty=monitor))  # type: ignore[arg-type]  # reason: a double
    assert await ask(Incident(**{**INCIDENT, "source": source})) is None


async def test_a_part_that_fails_ends_the_bot_with_a_code(bot: tuple[Bot, Configuration]) -> None:
    """Better to stop loudly and be restarted than to go on deaf; a permanent failure is exit 2."""
    made, configuration = bot

    async def fail() -> None:
        raise Permanent("the token was revoked")

    class Part:
        def __init__(self, run: Any) -> None:
            self.run = run

        def launch(self) -> None:
            return None

        def wake(self) -> None:
            return None

        def warm(self) -> None:
            return None

        async def start(self, _host: str, _port: int) -> int:
            return 0

    async def forever() -> None:
        await asyncio.Event().wait()

    idle = Part(forever)
    parts = replace(
        made, engine=idle, server=idle, triage=idle, outbox=idle, reconciler=idle, renderer=idle, slack=Part(fail)
    )  # type: ignore[arg-type]  # reason: test doubles
    async with asyncio.timeout(10):
        assert await app._live(parts, configuration) == app.FATAL
