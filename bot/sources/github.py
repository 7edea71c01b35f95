"""GitHub webhooks as change events: deployments, their statuses and pushes to the default branch (mission S3).

`verified` and `key` are called by bot/web.py, `read` by bot/stages/ingest.py. Pure. Facts: reference/apis.md 4.6.
Must not trust unsigned headers: the event's kind and key come from the signed body.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.incident import ServiceReference, Severity, Signal, SignalKind
from bot.sources.base import Unreadable
from bot.sources.signature import header, key_of, keyed, link, moment, parse, part, signed, text

SIGNATURE_HEADER = "X-Hub-Signature-256"
DELIVERY_HEADER = "X-GitHub-Delivery"
FINAL_STATES: Mapping[str, str] = {
    "success": "Deployed",
    "failure": "Deployment failed:",
    "error": "Deployment failed:",
}


class GitHubSource:
    """The `github` source. secrets: webhook secrets in force; none means that nothing verifies."""

    name = "github"

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._keyed = keyed(secrets)

    def verified(self, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
        """Whether `sha256=<hex>` matches any secret. The SHA-1 header is ignored."""
        value = header(headers, SIGNATURE_HEADER).strip()
        return value.startswith("sha256=") and signed(self._keyed, body, (value[7:],))

    def key(self, headers: Mapping[str, str], body: bytes) -> str:
        """The id of what happened, from the signed body, so a replay under another delivery header is deduplicated.

        Kinds we do not read fall back to the delivery GUID.
        """
        data = parse(body)
        if status := part(data, "deployment_status").get("id"):
            return key_of(f"deployment_status:{text(status, 40)}")
        if deployment := part(data, "deployment").get("id"):
            return key_of(f"deployment:{text(deployment, 40)}")
        if "pusher" in data and text(data.get("after")):
            branch = hashlib.sha256(str(data.get("ref")).encode("utf-8", "replace")).hexdigest()[:16]
            return key_of(f"push:{text(part(data, 'repository').get('id'), 40)}:{branch}:{text(data.get('after'), 64)}")
        return key_of(header(headers, DELIVERY_HEADER))

    def read(self, headers: Mapping[str, str], body: bytes, received_at: datetime) -> Signal | None:
        """A CHANGE signal, or None for a ping, an unfinished deployment status, and everything else GitHub sends."""
        data = parse(body)
        repository = text(part(data, "repository").get("full_name"), 200)
        if part(data, "deployment_status"):
            made = self._status(data, repository, received_at)
        elif part(data, "deployment") and data.get("action", "created") == "created":
            made = self._deployment(data, repository, received_at)
        elif "pusher" in data:
            made = self._push(data, repository, received_at)
        else:
            return None
        if made is not None:
            if not repository:
                raise Unreadable("the event names no repository")
            made = made.model_copy(update={"key": self.key(headers, body)})
        return made

    def _status(self, data: Mapping[str, Any], repository: str, received_at: datetime) -> Signal | None:
        status, deployment = part(data, "deployment_status"), part(data, "deployment")
        words = FINAL_STATES.get(text(status.get("state"), 40))
        if words is None:
            return None
        environment = text(status.get("environment") or deployment.get("environment"), 100)
        return _change(
            data,
            repository,
            title=f"{words} {repository} {_short(deployment.get('sha'))} to {environment or 'an unnamed environment'}",
            occurred_at=moment(status.get("updated_at") or status.get("created_at"), received_at),
            environment=environment,
            revision=deployment.get("sha"),
            # The summary calls this link "diff", so the commit comes before the pipeline's log.
            url=_page(data, deployment) or link(status.get("target_url")) or link(status.get("log_url")),
            details={"state": text(status.get("state"), 40), "ref": text(deployment.get("ref"), 200)},
        )

    def _deployment(self, data: Mapping[str, Any], repository: str, received_at: datetime) -> Signal:
        deployment = part(data, "deployment")
        environment = text(deployment.get("environment"), 100)
        return _change(
            data,
            repository,
            title=f"Deploying {repository} {_short(deployment.get('sha'))} to {environment or 'an unnamed environment'}",
            occurred_at=moment(deployment.get("created_at"), received_at),
            environment=environment,
            revision=deployment.get("sha"),
            url=_page(data, deployment),
            details={"state": "started", "ref": text(deployment.get("ref"), 200)},
        )

    def _push(self, data: Mapping[str, Any], repository: str, received_at: datetime) -> Signal | None:
        branch = text(data.get("ref"), 200).removeprefix("refs/heads/")
        if data.get("deleted") is True or branch != text(part(data, "repository").get("default_branch"), 200):
            return None
        head = part(data, "head_commit")
        message = head.get("message")
        first_line = text(message.splitlines()[0], 200) if isinstance(message, str) and message.strip() else ""
        return _change(
            data,
            repository,
            title=f"Pushed {_short(data.get('after'))} to {repository} {branch}"
            + (f": {first_line}" if first_line else ""),
            occurred_at=moment(head.get("timestamp"), received_at),
            environment="",
            revision=data.get("after"),
            url=link(data.get("compare")) or link(head.get("url")),
            details={"state": "pushed", "ref": branch},
        )


def _change(
    data: Mapping[str, Any],
    repository: str,
    *,
    title: str,
    occurred_at: datetime,
    environment: str,
    revision: Any,
    url: str,
    details: dict[str, str],
) -> Signal:
    sender = part(data, "sender")
    return Signal(
        source=GitHubSource.name,
        key="unset",
        kind=SignalKind.CHANGE,
        occurred_at=occurred_at,
        title=title,
        severity=Severity.INFO,
        service=ServiceReference(id=repository, name=repository),
        labels={"environment": environment} if environment else {},
        details={name: value for name, value in details.items() if value},
        url=url,
        actor_id=text(sender.get("id"), 40),
        actor_name=text(sender.get("login"), 100),
        revision=text(revision, 64),
    )


def _short(revision: Any) -> str:
    return text(revision, 64)[:12]


def _page(data: Mapping[str, Any], deployment: Mapping[str, Any]) -> str:
    """The commit's page at GitHub, which shows the difference."""
    page, sha = link(part(data, "repository").get("html_url")), text(deployment.get("sha"), 64)
    return f"{page}/commit/{sha}" if page and sha.isalnum() else page
