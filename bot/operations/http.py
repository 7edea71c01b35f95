"""HTTP operations: get or post one path of a listed endpoint (mission E2, trust case T28).

Plans only; carried out by bot/adapters/http.py. Kind `http_endpoint`, settings {base_url}. The host always comes from
the catalogue; a runbook chooses only the path and the JSON body.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import re2
from pydantic import Field

from bot.operations.base import Operation, PlanRequest
from bot.operations.parameters import Parameters, TargetSettings, clean_text, given, settings_of
from bot.plan import Act
from guards import exclusive, rate_limit

KIND = "http_endpoint"
ADAPTER = "http"
BODY_LIMIT = 16_384  # bytes of JSON that a runbook may post
PATH = re2.compile(r"\A(/[A-Za-z0-9._~-]+)+/?\z|\A/\z")


class EndpointSettings(TargetSettings):
    """base_url: scheme, host, port and perhaps a path prefix; no query, no user name."""

    base_url: str


class Path(Parameters):
    """path: below base_url, starts with `/`; letters, digits and `._~-` only."""

    path: str = Field(max_length=300)


class Post(Path):
    """body: a JSON object."""

    body: dict[str, Any]


def endpoint_url(request: PlanRequest, path: str) -> str:
    """base_url + path. Raises ValueError when either could lead elsewhere."""
    base = settings_of(EndpointSettings, request.entry.settings).base_url
    clean_text(base, "base_url")
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("base_url must be http(s)://host[:port][/prefix] and nothing more.")
    if not PATH.match(path) or any(part in (".", "..") for part in path.split("/")):
        raise ValueError(f"{path!r} is not a plain path that starts with `/`.")
    return base.rstrip("/") + path


@rate_limit(max=120, per="target", window=3600)
def get(request: PlanRequest) -> Act:
    """Read one path; changes nothing."""
    url = endpoint_url(request, given(Path, request.parameters).path)
    return Act(
        adapter=ADAPTER,
        operation="http.get",
        target=request.target,
        request={"method": "GET", "url": url},
        shown=f"GET {url}",
        deadline_seconds=request.deadline_seconds,
        idempotent=True,
        cancel_safe=True,
    )


@exclusive(per="target")
def post(request: PlanRequest) -> Act:
    """Post a JSON object to one path."""
    wanted = given(Post, request.parameters)
    url = endpoint_url(request, wanted.path)
    try:
        text = json.dumps(wanted.body, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the body is not JSON: {error}.") from error
    if len(text) > BODY_LIMIT:
        raise ValueError(f"the body is longer than {BODY_LIMIT} bytes.")
    return Act(
        adapter=ADAPTER,
        operation="http.post",
        target=request.target,
        request={"method": "POST", "url": url, "body": wanted.body},
        shown=f"POST {url} {text}",
        deadline_seconds=request.deadline_seconds,
    )


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="http.get",
        target_kind=KIND,
        read_only=True,
        parameters=Path,
        plan=get,
        summary="Read one path of an endpoint",
    ),
    Operation(
        name="http.post",
        target_kind=KIND,
        read_only=False,
        parameters=Post,
        plan=post,
        summary="Post JSON to one path of an endpoint",
    ),
)
