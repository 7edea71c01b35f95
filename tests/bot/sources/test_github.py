"""GitHub webhooks as change events."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.incident import SignalKind
from bot.sources.base import Unreadable
from bot.sources.github import GitHubSource

PAYLOADS = Path(__file__).parents[4] / "shared" / "payloads" / "github"
needs_payloads = pytest.mark.skipif(not PAYLOADS.is_dir(), reason="../shared/payloads is not here")
NOW = datetime(2026, 4, 1, tzinfo=UTC)
SOURCE = GitHubSource(("old", "new"))
HEADERS = {"x-github-delivery": "11111111-2222-3333-4444-555555555555"}


def read(name: str, **changes: Any) -> Any:
    data = json.loads((PAYLOADS / name).read_text())
    data.update(changes)
    return SOURCE.read(HEADERS, json.dumps(data).encode(), NOW)


@needs_payloads
def test_known_answer_vector_verifies() -> None:
    vector = json.loads((PAYLOADS / "signature_vector.json").read_text())
    source = GitHubSource((vector["secret"],))
    assert source.verified(vector["header"], vector["body"].encode(), NOW)
    assert not source.verified(vector["header"], vector["body"].encode() + b"!", NOW)


def test_T20_either_secret_verifies_and_sha1_does_not() -> None:
    body = b"{}"
    for secret in ("old", "new"):
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        assert SOURCE.verified({"X-Hub-Signature-256": f"sha256={digest}"}, body, NOW)
        assert not SOURCE.verified({"X-Hub-Signature-256": digest}, body, NOW)
        assert not SOURCE.verified({"X-Hub-Signature": f"sha256={digest}"}, body, NOW)
    assert not GitHubSource(()).verified({"X-Hub-Signature-256": f"sha256={digest}"}, body, NOW)


@needs_payloads
def test_a_successful_deployment_status_is_a_change() -> None:
    signal = read("deployment_status.created.json")
    assert signal.kind is SignalKind.CHANGE
    assert signal.service.id == "Codertocat/Hello-World"
    assert signal.revision == "f95f852bd8fca8fcc58a9a2d6c842781e32a215e"
    assert signal.labels == {"environment": "production"}
    assert signal.title == "Deployed Codertocat/Hello-World f95f852bd8fc to production"
    assert signal.occurred_at == datetime(2019, 5, 15, 15, 20, 55, tzinfo=UTC)
    assert signal.url.startswith("https://github.com/Codertocat/Hello-World/commit/")
    assert signal.key == "deployment_status:209916254"


@needs_payloads
def test_X8_the_link_is_the_commit_and_not_the_log_of_the_pipeline() -> None:
    status = json.loads((PAYLOADS / "deployment_status.created.json").read_text())["deployment_status"]
    told = {**status, "log_url": "https://github.com/a/b/actions/runs/1", "target_url": "https://ci.example/1"}
    assert "/commit/" in read("deployment_status.created.json", deployment_status=told).url


@needs_payloads
@pytest.mark.parametrize(
    ("state", "said"), [("failure", "failed"), ("error", "failed"), ("pending", ""), ("inactive", "")]
)
def test_only_final_deployment_states_are_changes(state: str, said: str) -> None:
    status = json.loads((PAYLOADS / "deployment_status.created.json").read_text())["deployment_status"]
    signal = read("deployment_status.created.json", deployment_status={**status, "state": state})
    assert (said in signal.title) if said else signal is None


@needs_payloads
def test_a_deployment_is_a_change_and_a_ping_or_workflow_is_not() -> None:
    signal = read("deployment.created.json")
    assert signal.kind is SignalKind.CHANGE
    assert signal.details["state"] == "started"
    assert read("ping.json") is None
    assert read("workflow_run.completed.json") is None


@needs_payloads
def test_a_push_to_the_default_branch_is_a_change() -> None:
    base = json.loads((PAYLOADS / "push.json").read_text())
    branch = base["repository"]["default_branch"]
    pushed = {"ref": f"refs/heads/{branch}", "after": "a" * 40, "deleted": False}
    signal = read(
        "push.json", **pushed, head_commit={"message": "Fix it\n\nlong", "timestamp": "2026-03-31T10:00:00+02:00"}
    )
    assert signal.kind is SignalKind.CHANGE
    assert signal.title.endswith(": Fix it")
    assert signal.occurred_at == datetime(2026, 3, 31, 8, tzinfo=UTC)
    assert read("push.json", **{**pushed, "ref": "refs/heads/feature"}) is None
    assert read("push.json", **{**pushed, "deleted": True}) is None
    assert read("push.json", ref="refs/tags/simple-tag") is None


@needs_payloads
def test_T19_a_replay_under_another_delivery_id_has_the_same_key() -> None:
    body = (PAYLOADS / "deployment_status.created.json").read_bytes()
    assert SOURCE.key({"X-GitHub-Delivery": "a"}, body) == SOURCE.key({"X-GitHub-Delivery": "b"}, body)
    push = json.loads((PAYLOADS / "push.json").read_text())
    keys = {
        SOURCE.key({}, json.dumps({**push, "after": "b" * 40, "ref": ref}).encode()) for ref in ("refs/heads/é", "x y")
    }
    assert len(keys) == 2


@pytest.mark.parametrize("body", [b"", b"payload=%7B%7D", b"[1]", b'{"deployment_status": {"state": "success"}}'])
def test_T22_what_cannot_be_read_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        SOURCE.read({}, body, NOW)


def test_a_body_of_no_known_kind_has_the_delivery_as_key_or_none() -> None:
    assert SOURCE.key(HEADERS, b"{}") == HEADERS["x-github-delivery"]
    with pytest.raises(Unreadable):
        SOURCE.key({}, b"{}")
