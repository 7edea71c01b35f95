"""Gets or posts one path of a listed endpoint (mission E2, trust case T28).

Called by bot/flow.py with acts planned by bot/operations/http.py. Only hosts on the client's allow-list; no redirects.
"""

from __future__ import annotations

from bot.adapters.base import ActResult, Progress
from bot.adapters.hard_blocks import blocked, check_target
from bot.adapters.output import Capture
from bot.adapters.registry import Registry
from bot.clients.http import HttpClient
from bot.errors import Ambiguous, Permanent
from bot.plan import Act
from bot.services import Catalogue
from guards.decision import Deny

KIND = "http_endpoint"
METHODS = {"http.get": "GET", "http.post": "POST"}
LOST_BEHIND_GATEWAY = frozenset({502, 504})  # the gateway passed it on and lost the answer (RFC 9110 15.6.3, 15.6.5)


def addresses(catalogue: Catalogue) -> tuple[str, ...]:
    """The base URLs of every http_endpoint target, for the client's allow-list."""
    found = [t.settings.get("base_url") for s in catalogue.services for t in s.targets if t.kind == KIND]
    return tuple(dict.fromkeys(url for url in found if isinstance(url, str)))


class HttpAdapter:
    """Carries `http.get` and `http.post`."""

    name = "http"

    def __init__(self, registry: Registry, client: HttpClient) -> None:
        self._registry = registry
        self._client = client

    def forbidden(self, act: Act) -> Deny | None:
        """Hard blocks: target, a method other than the operation's, a host that is not listed."""
        found = check_target(act, tuple(METHODS))
        if found is not None:
            return found
        url = act.request.get("url")
        if not isinstance(url, str) or act.request.get("method") != METHODS[act.operation]:
            return blocked("an HTTP request that is not what its operation says")
        if not set(act.request) <= {"method", "url", "body"}:
            return blocked("an HTTP request with anything but method, URL and body")
        try:
            refusal = self._client.allow.refusal(url)
        except Permanent as error:
            return blocked(f"an HTTP request with a malformed URL ({error})")
        return blocked(f"an HTTP request to a host that is not listed ({refusal})") if refusal else None

    async def identify(self, act: Act) -> Deny | None:
        """The URL still starts with what the catalogue says about this very target."""
        settings = self._registry.settings(act, KIND)
        if isinstance(settings, Deny):
            return settings
        base = str(settings.get("base_url", "")).rstrip("/")
        url = str(act.request.get("url", ""))
        if not base or not url.startswith(base + "/") or "/../" in url or "/./" in url:
            return Deny(
                "target_changed",
                f"{act.target.key}: the URL in the plan is not below its base_url.",
                "Make a new plan from the present catalogue.",
            )
        return None

    async def act(self, act: Act, key: str, progress: Progress) -> ActResult:
        """Send it once. Raises Ambiguous (a POST without a whole answer, or 502 and 504), Transient, Permanent."""
        refused = self.forbidden(act)
        if refused is not None:
            raise Permanent(refused.reason)
        method = act.request["method"]
        await progress(f"{method} sent")
        answer = await self._client.request(
            method,
            act.request["url"],
            deadline=act.deadline_seconds,
            body=act.request.get("body"),
            # draft-ietf-httpapi-idempotency-key-header: servers that know it do a repeated request only once
            headers={"Idempotency-Key": key} if method == "POST" else None,
        )
        if method == "POST" and answer.status in LOST_BEHIND_GATEWAY:
            raise Ambiguous(f"HTTP {answer.status}: a gateway lost the answer")
        capture = Capture()
        capture.feed(answer.body)
        return ActResult(
            ok=200 <= answer.status < 300,
            summary=f"HTTP {answer.status}" + (", not followed" if 300 <= answer.status < 400 else ""),
            output=capture.text,
            total_bytes=answer.total_bytes,
            sha256=answer.sha256,
            took_seconds=round(answer.took, 3),
            data={"status": answer.status},
        )
