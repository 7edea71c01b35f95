"""A deployment as GitHub tells it: the signed `deployment_status` webhook (reference/apis.md 4.6).

Used by bot/sandbox/workspace.py, so that the summary has a recent change to show. Must not know the bot.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime
from typing import Any

import aiohttp

from bot.errors import Permanent


def deployment_status(repository: str, at: datetime, version: str = "v2.4.1") -> dict[str, Any]:
    """The parts of the payload that say what went where, by whom and when."""
    owner, name = repository.split("/")
    sha = hashlib.sha1(f"{repository} {at.isoformat()}".encode(), usedforsecurity=False).hexdigest()
    moment = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    creator = {"login": "dev-rao", "id": 21031067, "type": "User"}
    deployment_id = int(at.timestamp())
    address = f"https://github.com/{repository}"
    return {
        "action": "created",
        "deployment_status": {
            "id": deployment_id + 1,
            "state": "success",
            "creator": creator,
            "description": "",
            "environment": "production",
            "target_url": "",
            "log_url": f"{address}/actions/runs/{deployment_id}",
            "created_at": moment,
            "updated_at": moment,
        },
        "deployment": {
            "id": deployment_id,
            "sha": sha,
            "ref": version,
            "task": "deploy",
            "payload": {},
            "environment": "production",
            "description": "new ledger client, larger connection pool",
            "creator": creator,
            "created_at": moment,
            "updated_at": moment,
        },
        "repository": {
            "id": 186853002,
            "name": name,
            "full_name": repository,
            "private": True,
            "owner": {"login": owner},
            "html_url": address,
        },
        "sender": creator,
    }


async def send_deployment(url: str, *, secret: str, repository: str, at: datetime, delivery: str, version: str) -> None:
    """Post it as GitHub does. delivery: its GUID; version: the tag that was deployed. Raises Permanent when the receiver does not take it."""
    body = json.dumps(deployment_status(repository, at, version)).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/sandbox",
        "X-GitHub-Event": "deployment_status",
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}",
    }
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
        if answer.status >= 300:
            raise Permanent(f"the webhook was not taken: HTTP {answer.status} {await answer.text()}")
