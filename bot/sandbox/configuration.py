"""The four configuration files of the sandbox's bot, written as a person would write them.

Used by bot/sandbox/workspace.py. The bot reads them with bot/config.py like anybody's; secrets are not in them.
Must not start anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import yaml

from bot.sandbox.people import CHECKOUT_ID, ESCALATION_POLICY, PAYMENTS_ID, TEAM, directory
from bot.sandbox.supervisor import Program
from bot.sandbox.worker_pool import WorkerPool
from runbooks import promotion
from runbooks.digest import digest
from runbooks.load import BUILTIN, load_catalog

CHANNEL = "C0INCIDENTS"
CHANNEL_NAME = "incidents"
PAYMENTS_REPOSITORY = "acme/payments"
CHECKOUT_REPOSITORY = "acme/checkout"
JIRA_PROJECT = "OPS"
CACHES = {"checkout": 2, "payments": 4}
"""The Redis database of each service's cache."""
LOWEST = "dev"
WITHOUT_RECORD = ("staging",)
EVIDENCE = "https://sandbox.invalid/no-evidence"
MADE_UP = "Made up so that the sandbox has something to show; nothing was tried anywhere."


@dataclass(frozen=True, slots=True)
class Freeze:
    """A freeze of prod that begins `after` seconds from the writing of the configuration and lasts `lasts` seconds."""

    after: float
    lasts: float

    def begins(self, written: datetime) -> datetime:
        """When, for a configuration written then; whole seconds."""
        return (written + timedelta(seconds=self.after)).astimezone(UTC).replace(microsecond=0)

    def as_policy(self, written: datetime) -> dict[str, Any]:
        """The entry of policy.yaml."""
        begins = self.begins(written)
        ends = begins + timedelta(seconds=self.lasts)
        local = [at.replace(tzinfo=None).isoformat(timespec="seconds") for at in (begins, ends)]
        return {"name": "month-end", "environments": ["prod"], "start": local[0], "end": local[1], "timezone": "UTC"}


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """How one workspace differs from the usual one.

    approval_seconds: how long an approval in prod waits; stop_seconds: how long a demo service keeps working after it
    was asked to stop; start_seconds: how long supervisord watches a start before it answers; runbooks: file name ->
    text, beside the built-in ones or (builtin_runbooks false) instead of them. limits: policy's rate limits, none by
    default. policy: top-level keys of policy.yaml, each put in the place of the usual one (docs/policy.md).
    amend_services: what differs in services.yaml, given where everything lies and the usual one.
    freeze: one that begins while the story is told. pool: the workers of payments. slack_mode: how Slack reaches the bot, its own socket or signed requests.
    """

    approval_seconds: int = 900
    stop_seconds: float = 0.0
    start_seconds: int = 1
    runbooks: Mapping[str, str] = field(default_factory=dict)
    builtin_runbooks: bool = True
    limits: tuple[Mapping[str, Any], ...] = ()
    policy: Mapping[str, Any] = field(default_factory=dict)
    freeze: Freeze | None = None
    pool: WorkerPool = field(default_factory=WorkerPool)
    slack_mode: Literal["socket", "http"] = "socket"
    amend_services: Callable[[Places, dict[str, Any]], dict[str, Any]] = lambda _places, usual: usual


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything of one workspace listens and lies.

    folder: of its files; supervisor_socket: of supervisord; redis_url: of the caches, empty when there is no Redis;
    pool: the workers of payments, None when supervisord has none.
    """

    folder: Path
    bot_port: int
    supervisor_socket: Path
    programs: tuple[Program, ...]
    redis_url: str = ""
    pool: WorkerPool | None = None

    @property
    def file(self) -> Path:
        """countersign.yaml."""
        return self.folder / "countersign.yaml"

    def program(self, name: str) -> Program:
        """One demo service. Raises LookupError for a name there is not."""
        found = next((program for program in self.programs if program.name == name), None)
        if found is None:
            raise LookupError(f"the sandbox has no service {name!r}")
        return found


class _Plain(yaml.SafeDumper):
    """YAML without anchors, which the strict loader refuses."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def dump(data: Mapping[str, Any]) -> str:
    """YAML text in the given order."""
    return str(yaml.dump(dict(data), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=110))


def countersign(places: Places, settings: SandboxSettings) -> dict[str, Any]:
    """countersign.yaml."""
    return {
        "state_dir": "state",
        "listen": {"host": "127.0.0.1", "port": places.bot_port},
        "runbooks": ["runbooks"],
        "builtin_runbooks": settings.builtin_runbooks,
        "slack": {
            "mode": settings.slack_mode,
            "channel": CHANNEL,
            "team": TEAM,
            "posts_per_second": 5.0,
            "burst": 10,
        },
        "pagerduty": {"poll_every": 5.0},
        "engine": {"poll": 0.2},
        "worker": "sandbox",
        "http_hosts": ["127.0.0.1"],
        # One run is evidence enough in a sandbox, so that a visitor can walk the whole way in ten minutes.
        "promotion": {
            "ladder": [LOWEST, "staging", "prod"],
            "without_record": list(WITHOUT_RECORD),
            "runs": 1,
            "min_age": 0.1,
        },
    }


def service(
    places: Places, name: str, *, environment: str, tier: int, pagerduty: str, repository: str
) -> dict[str, Any]:
    """One entry of services.yaml."""
    program = places.program(name)
    reach = {"url": f"unix://{places.supervisor_socket}", "program": name}
    address = f"http://127.0.0.1:{program.port}"
    return {
        "name": name,
        "environment": environment,
        "owner": f"{name}-team",
        "tier": tier,
        "channel": CHANNEL,
        "targets": [
            {"kind": "supervisor_program", "name": name, "settings": reach},
            {
                "kind": "http_endpoint",
                "name": f"{name}-http",
                "settings": {"base_url": address},
            },
            {
                "kind": "setting_file",
                "name": f"{name}-settings",
                "settings": {"path": str(program.settings), "allowed": {"mode": ["normal", "safe", "slow"]}},
            },
            *cache(places, name),
        ],
        "facts": {
            "health": {"kind": "http", "settings": {"url": f"{address}/health", "deadline": 2}},
            "state": {"kind": "supervisor", "settings": reach},
            "oncall": {"kind": "oncall", "settings": {"escalation_policy": ESCALATION_POLICY}},
            "past_incidents": {"kind": "past_incidents", "settings": {}},
            "changes": {"kind": "changes", "settings": {}},
        },
        "match": {"pagerduty": [pagerduty], "github": [repository]},
        "escalation_policy": ESCALATION_POLICY,
        "tickets": {"jira_project": JIRA_PROJECT, "servicenow": True},
        "links": {"dashboard": f"{address}/health"},
    }


def cache(places: Places, name: str) -> list[dict[str, Any]]:
    """The service's cache as a target, none without a Redis."""
    if not places.redis_url:
        return []
    reach = {"url": places.redis_url, "database": CACHES[name]}
    return [{"kind": "redis_database", "name": f"{name}-cache", "settings": reach}]


def workers(places: Places, entry: dict[str, Any]) -> dict[str, Any]:
    """The service with its pool of workers as a target and as a fact, unchanged where there is none."""
    pool = places.pool
    if pool is None:
        return entry
    reach = {"url": f"unix://{places.supervisor_socket}", "group": pool.group}
    settings = {**reach, "pattern": pool.pattern, "most": pool.total, "unit_cost": pool.unit_cost}
    return {
        **entry,
        "targets": [*entry["targets"], {"kind": "supervisor_pool", "name": pool.group, "settings": settings}],
        "facts": {**entry["facts"], "pool": {"kind": "supervisor_pool", "settings": {**reach, "settled": 1}}},
    }


def services(places: Places) -> dict[str, Any]:
    """services.yaml: payments with its workers in prod, and checkout, which depends on it, in staging."""
    payments = workers(
        places,
        service(places, "payments", environment="prod", tier=1, pagerduty=PAYMENTS_ID, repository=PAYMENTS_REPOSITORY),
    )
    checkout = service(
        places, "checkout", environment="staging", tier=2, pagerduty=CHECKOUT_ID, repository=CHECKOUT_REPOSITORY
    )
    return {"services": [payments, {**checkout, "depends_on": ["payments"]}]}


def policy(settings: SandboxSettings, now: datetime) -> dict[str, Any]:
    """policy.yaml: nothing changes prod without a second person. now: when it is written."""
    return {
        "version": 1,
        "lowest_environment": LOWEST,
        "matrix": {
            "dev": {"read": "auto", "safe": "auto", "caution": "confirm", "forbidden": "forbid"},
            "staging": {"read": "auto", "safe": "confirm", "caution": "approve", "forbidden": "forbid"},
            "prod": {"read": "auto", "safe": "approve", "caution": "approve", "forbidden": "forbid"},
        },
        "confirmation_timeout": "120s",
        "approvals": {
            "staging": {"count": 1, "any_of": ["payments-oncall", "sre"], "timeout": "30m"},
            "prod": {"count": 1, "any_of": ["payments-oncall"], "timeout": f"{settings.approval_seconds}s"},
        },
        "requesters": {"roles": ["responder", "approver", "operator"]},
        "operators": {"roles": ["operator", "admin"]},
        "limits": [dict(limit) for limit in settings.limits],
        **({"freezes": [settings.freeze.as_policy(now)]} if settings.freeze else {}),
        **settings.policy,
    }


def write(places: Places, settings: SandboxSettings, now: datetime) -> Path:
    """Write all files of a workspace; the folder's older ones are replaced. Returns the path of countersign.yaml.

    Every runbook of the catalogue and of the story gets a promotion record for prod that says itself that it is made up:
    otherwise there would be nothing to see. What a visitor writes has none, and may be tried in staging (docs/promotion.md).
    """
    files = {
        "countersign.yaml": countersign(places, settings),
        "services.yaml": settings.amend_services(places, services(places)),
        "policy.yaml": policy(settings, now),
        "people.yaml": directory(),
    }
    for name, data in files.items():
        (places.folder / name).write_text(dump(data), encoding="utf-8")
    own = places.folder / "runbooks"
    records = own / "promotions"
    records.mkdir(parents=True, exist_ok=True)
    for name, text in settings.runbooks.items():
        (own / name).write_text(text, encoding="utf-8")
    catalogue = load_catalog([own, *([BUILTIN] if settings.builtin_runbooks else [])])
    for runbook in catalogue.runbooks.values():
        for environment in promotion.above_lowest(runbook, LOWEST):
            if environment in WITHOUT_RECORD:
                continue
            record = promotion.new_record(
                runbook.id, digest(runbook), environment, EVIDENCE, 0, "sandbox", now, tried_in="", why=MADE_UP
            )
            file = records / promotion.file_name(runbook.id, environment)
            file.write_text(promotion.record_text(record), encoding="utf-8")
    return places.file
