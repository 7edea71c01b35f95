"""The installation that B2, B5, B6 and B16 work in: policy, directory, catalogue and runbooks, each in two versions.

Used by trust/b2_world.py and trust/b16_bot.py. Made from the places of trust/b2_model.py; must not judge.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bot.services import Catalogue, People
from guards.policy import Policy
from runbooks.load import Library
from trust.b2_model import PLACES, Human

TEAM = "T1"
USERGROUPS = {"S0BETA": "beta"}  # groups whose members Slack knows; the others are in people.yaml
RUNBOOK = """\
id: {id}
title: {title}
owner: sre
match: {{alerts: ["{id}"]}}
params:
  program: {{type: target, kind: supervisor_program}}
steps:
{look}  - id: change
    title: Change it
    action: supervisor.restart
    with: {{target: "${{program}}"}}
    rollback: [{{action: supervisor.start, with: {{target: "${{program}}"}}}}]
    safety: {{risk: caution, scopes: [{places}], requires_approval: {strict}, blast_radius: {{max_targets: 1}}}}
"""
LOOK = '  - {id: look, action: supervisor.tail_log, with: {target: "${program}", lines: 5}}\n'


def memory() -> Path | None:
    """A file system in memory, where commits cost no disk; None when this machine has none."""
    found = Path("/dev/shm")  # noqa: S108  # reason: not a file of a guessed name, the folder is given to tempfile
    return found if found.is_dir() else None


@asynccontextmanager
async def folder() -> AsyncIterator[Path]:
    """A new folder, gone at the end."""
    with tempfile.TemporaryDirectory(prefix="countersign-trust-", dir=memory()) as name:
        yield Path(name)


def policy(version: int = 0) -> Policy:
    """The policy of PLACES. version: another number is another policy with the same rules."""
    word = {True: "confirm", False: "approve"}
    written: dict[str, Any] = {
        "version": 1,
        "lowest_environment": "confirmed",
        "matrix": {
            place: {"read": "auto", "safe": word[rule.confirm], "caution": word[rule.confirm], "forbidden": "forbid"}
            for place, rule in PLACES.items()
        },
        "approvals": {
            place: {
                "count": rule.count,
                "timeout": f"{rule.minutes}m",
                **({"escalate": {"after": f"{rule.later_minutes}m", "to": list(rule.later)}} if rule.later else {}),
                **({"any_of": list(rule.any_of)} if rule.any_of else {}),
                **({"all_of": list(rule.all_of)} if rule.all_of else {}),
            }
            for place, rule in PLACES.items()
            if rule.count
        },
        "requesters": {"roles": ["responder"]},
        "operators": {"roles": ["operator"]},
        "limits": [{"max": 10_000 - version, "per": "global", "window": "1m"}],
        "confirmation_timeout": "120s",
    }
    return Policy.from_mapping(written)


def people(humans: dict[str, Human]) -> People:
    """The directory: each person has the account U<id>, and every even one a second account V<id>."""
    active = {name: human for name, human in humans.items() if human.active}
    return People.model_validate(
        {
            "people": [
                {
                    "id": name,
                    "name": name,
                    "roles": ["responder"] if human.responder else ["viewer"],
                    "slack": [{"team": TEAM, "user": account} for account in accounts(name)],
                }
                for name, human in active.items()
            ],
            "groups": {
                "alpha": sorted(name for name, human in active.items() if "alpha" in human.groups),
                **{group: {"slack_usergroup": number} for number, group in USERGROUPS.items()},
            },
        }
    )


def accounts(name: str) -> tuple[str, ...]:
    """The Slack accounts of a person."""
    return (f"U{name}", f"V{name}") if int(name[1:]) % 2 == 0 else (f"U{name}",)


def catalogue(version: int = 0) -> Catalogue:
    """One service `at-<place>` in each place. version: another number is another program."""
    program = {"url": "http://127.0.0.1:1/RPC2", "program": f"p{version}"}
    return Catalogue.model_validate(
        {
            "services": [
                {
                    "name": f"at-{place}",
                    "environment": place,
                    "owner": "team",
                    "tier": 2,
                    "channel": "C1",
                    "targets": [
                        {"kind": "supervisor_program", "name": f"p-{place}", "settings": program},
                    ],
                }
                for place in PLACES
            ]
        }
    )


def library(where: Path, version: int = 0) -> Library:
    """The runbooks `plain` (look, then change) and `strict` (change, after an approval). version: another title."""
    place = where / f"runbooks-{version}"
    place.mkdir(exist_ok=True)
    for name, strict in (("plain", "false"), ("strict", "true")):
        text = RUNBOOK.format(
            id=name,
            title=f"Change {version}",
            look=LOOK if name == "plain" else "",
            places=", ".join(PLACES),
            strict=strict,
        )
        (place / f"{name}.yaml").write_text(text, encoding="utf-8")
    found = Library([place])
    if found.problems:
        raise ValueError(str(found.problems[0]))
    return found
