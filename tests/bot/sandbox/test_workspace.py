"""The workspace: files the bot can load, a world that breaks and mends, a process that is killed, nothing left behind."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

import aiohttp
import pytest

from bot.config import load
from bot.errors import Permanent
from bot.policy_inputs import make_promotions
from bot.sandbox import configuration
from bot.sandbox.configuration import Places, SandboxSettings
from bot.sandbox.environment import slack_secret
from bot.sandbox.history import past_incidents
from bot.sandbox.people import ANA, BEN, DEV, EVERYBODY, TEAM, directory
from bot.sandbox.stories import STORIES
from bot.sandbox.supervisor import Program
from bot.sandbox.workspace import SERVICES, Workspace, utc_now
from guards.decision import Deny
from guards.policy import Policy
from runbooks.digest import digest
from runbooks.load import BUILTIN, load_catalog
from runbooks.promotion import load_promotions, promoted

FAKE_BOT = """
import json, os, sys
from pathlib import Path
import yaml
from aiohttp import web
if sys.argv[1] != "serve":
    print("words:", *sys.argv[1:], "of", Path(os.environ["COUNTERSIGN_CONFIG"]).name)
    sys.exit(0)
folder = Path(sys.argv[-1]).parent
(folder / "environ.json").write_text(json.dumps(dict(os.environ)))
async def ready(request):
    return web.Response(text="ok")
async def take(request):
    with (folder / "taken").open("a") as file:
        file.write(request.match_info["source"] + " " + (await request.read()).decode() + "\\n")
    return web.Response(status=202)
app = web.Application()
app.router.add_get("/readyz", ready)
app.router.add_post("/webhooks/{source}", take)
port = yaml.safe_load((folder / "countersign.yaml").read_text())["listen"]["port"]
print("fake bot on", port, flush=True)
web.run_app(app, host="127.0.0.1", port=port, print=None)
"""


@pytest.fixture
def command(tmp_path: Path) -> tuple[str, ...]:
    script = tmp_path / "fake_bot.py"
    script.write_text(FAKE_BOT)
    return (sys.executable, str(script))


def places(folder: Path) -> Places:
    programs = tuple(
        Program(name, 18_000 + n, folder / f"{name}.ledger", folder / f"{name}.json", folder / f"{name}.log")
        for n, name in enumerate(SERVICES)
    )
    return Places(folder=folder, bot_port=18_080, supervisor_socket=folder / "s.sock", programs=programs)


@pytest.mark.parametrize("name", [None, *STORIES])
def test_the_files_load_and_every_runbook_is_promoted(tmp_path: Path, name: str | None) -> None:
    settings = STORIES[name].settings if name else SandboxSettings()
    file = configuration.write(places(tmp_path), settings, utc_now())
    found = load(file, {})
    payments = found.catalogue.named("payments", "prod")
    assert payments is not None
    assert (payments.owner, payments.tier) == ("payments-team", 1)
    assert payments.target("supervisor_program") is not None
    assert payments.target("setting_file", "payments-settings") is not None
    assert set(payments.facts) == {"health", "state", "oncall", "past_incidents", "changes"}
    policy = Policy.from_mapping(found.policy)
    assert policy.word("prod", "safe") == "approve"
    catalogue = load_catalog([tmp_path / "runbooks", *([BUILTIN] if settings.builtin_runbooks else [])])
    assert not catalogue.problems
    assert catalogue.runbooks
    promotions, problems = load_promotions([tmp_path / "runbooks" / "promotions"])
    ladder = make_promotions(found, policy).ladder
    assert not problems
    for runbook in catalogue.runbooks.values():
        for scope in {scope for step in runbook.steps if step.safety for scope in step.safety.scopes}:
            assert not isinstance(promoted(runbook.id, digest(runbook), scope, promotions, ladder), Deny)


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_how_slack_reaches_the_bot_is_a_setting(tmp_path: Path, mode: Literal["socket", "http"]) -> None:
    workspace = Workspace(SandboxSettings(slack_mode=mode), folder=tmp_path / "sandbox")
    file = configuration.write(places(tmp_path), workspace.settings, utc_now())
    assert load(file, {}).file.slack.mode == mode
    secret = {"socket": "SLACK_APP_TOKEN", "http": "SLACK_SIGNING_SECRET"}[mode]
    assert list(slack_secret(workspace)) == [secret]
    assert slack_secret(workspace)[secret] in (workspace.slack.app_token, workspace.slack.signing_secret)
    assert workspace.slack_events_url.endswith("/slack/events")
    await workspace.supervisor.stop()  # takes the folder of its socket away


def test_every_service_has_a_cache_of_its_own_when_there_is_a_redis(tmp_path: Path) -> None:
    url = "redis://127.0.0.1:7000"
    with_redis = replace(places(tmp_path), redis_url=url)
    found = load(configuration.write(with_redis, SandboxSettings(), utc_now()), {}).catalogue
    caches = {}
    for service in found.services:
        target = service.target("redis_database")
        assert target is not None
        caches[service.environment, target.name] = dict(target.settings)
    assert caches == {
        ("prod", "payments-cache"): {"url": url, "database": 4},
        ("staging", "checkout-cache"): {"url": url, "database": 2},
    }
    without = load(configuration.write(places(tmp_path), SandboxSettings(), utc_now()), {}).catalogue
    assert [service.target("redis_database") for service in without.services] == [None, None]


def test_the_people_are_who_the_stories_need() -> None:
    people = directory()
    groups = people["groups"]
    assert isinstance(groups, dict)
    # Ana is in the approving group, so only the rule against self-approval keeps her from approving (T01).
    assert {ANA.id, BEN.id} <= set(groups["payments-oncall"])
    assert DEV.id not in {member for members in groups.values() for member in members}
    assert len({human.slack for human in EVERYBODY}) == len(EVERYBODY)


def test_the_past_is_resolved_and_older_than_a_day() -> None:
    now = utc_now()
    past = past_incidents(now, "C0", "HealthCheckFailing: payments does not answer", "HealthCheckFailing")
    assert len(past) == 2
    for incident in past:
        assert incident.status.value == "resolved"
        assert (now - incident.opened_at).days >= 9


async def test_a_world_that_breaks_and_mends_and_goes_away(tmp_path: Path, command: tuple[str, ...]) -> None:
    folder = tmp_path / "sandbox"
    async with Workspace(folder=folder, command=command) as workspace:
        assert await workspace.health("payments") == 200
        assert workspace.starts("payments") == 1
        await workspace.break_service("payments")
        assert await workspace.health("payments") == 0
        incident = await workspace.alert("payments")
        await workspace.pagerduty.drained()
        taken = (folder / "taken").read_text()
        assert taken.startswith("github "), "the change comes before the alert"
        assert incident in taken
        await workspace.restore("payments")
        assert await workspace.health("payments") == 200
        assert workspace.starts("payments") == 2
        await workspace.break_service("payments", "broken")
        assert await workspace.health("payments") == 503
        assert {user.id for user in workspace.slack.users.values()} >= {human.slack for human in EVERYBODY}
        async with aiohttp.ClientSession() as session, session.get(workspace.page_url) as page:
            assert page.status == 200
        with pytest.raises(LookupError, match="killed or broken"):
            await workspace.break_service("payments", "sideways")
        assert workspace.bot is not None
        pids = [(await workspace.supervisor.state("payments")).pid, workspace.supervisor.pid, workspace.bot.pid]
        if workspace.redis is not None:
            pids.append(workspace.redis.pid)
    for pid in pids:
        assert pid
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert not folder.exists()


async def test_the_bot_gets_the_stand_ins_and_nothing_of_ours(
    tmp_path: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "a-real-one")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-real-one")
    async with Workspace(folder=tmp_path / "sandbox", command=command, keep=True) as workspace:
        environ = workspace.environ()
        written = (workspace.folder / "environ.json").read_text()
    assert "a-real-one" not in written
    assert "another-real-one" not in written
    for name in ("SLACK_API_URL", "PAGERDUTY_API_URL", "PAGERDUTY_EVENTS_URL", "JIRA_URL", "SERVICENOW_URL"):
        assert environ[name].startswith("http://127.0.0.1:")
    assert len(environ["PAGERDUTY_ROUTING_KEY"]) == 32
    assert TEAM in (tmp_path / "sandbox" / "people.yaml").read_text()
    assert environ["SLACK_BOT_TOKEN"] not in (tmp_path / "sandbox" / "countersign.yaml").read_text()


async def test_the_bot_is_killed_and_comes_back(tmp_path: Path, command: tuple[str, ...]) -> None:
    async with Workspace(folder=tmp_path / "sandbox", command=command) as workspace:
        assert workspace.bot is not None
        first = workspace.bot.pid
        await workspace.kill_bot()
        assert workspace.bot.pid is None
        await workspace.kill_bot()
        await workspace.start_bot()
        assert workspace.bot.pid not in (None, first)
        assert await workspace.command("audit", "verify") == (0, "words: audit verify of countersign.yaml\n")
        assert workspace.bot_log_tail(5).count("fake bot on") == 2


async def test_a_bot_that_does_not_start_stops_everything(tmp_path: Path) -> None:
    dead = (sys.executable, "-c", "import sys; print('no such setting'); sys.exit(2)")
    workspace = Workspace(folder=tmp_path / "sandbox", command=dead)
    with pytest.raises(Permanent, match="no such setting"):
        await workspace.__aenter__()
    assert workspace.supervisor.pid is None
    assert not workspace.supervisor.socket.parent.exists()
    assert not workspace.folder.exists()
