"""Sends PagerDuty v3 webhooks: signed, in order per incident, retried on 5xx and silence, dropped on any other 4xx.

Used by pagerduty.PagerDutyStandIn. Must not know incidents. Rules: reference/apis.md 2.2.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import aiohttp

from bot.sandbox.outage import Outage
from bot.sandbox.pagerduty_records import JSON, stamp

ANSWER_SECONDS: Final = 5.0
DROPS_THAT_DISABLE: Final = 3


@dataclass(slots=True)
class Subscription:
    """Where webhooks go. secrets: one signature each, several while one is being replaced."""

    id: str
    url: str
    secrets: tuple[str, ...]
    headers: Mapping[str, str] = field(default_factory=dict)
    drops: int = 0
    enabled: bool = True


@dataclass(slots=True)
class WebhookDelivery:
    """One webhook on its way. state: waiting, delivered or dropped; answers: status codes, 0 for none."""

    id: str
    event_type: str
    resource: str
    body: bytes
    subscription: Subscription
    state: str = "waiting"
    answers: list[int] = field(default_factory=list)


class Webhooks:
    """The sender. retry_delays: seconds before each further try, the last one repeats."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        identifier: Callable[[str], str],
        outage: Outage,
        retry_delays: Sequence[float] = (0.5, 1, 2, 4, 8, 15, 30),
    ) -> None:
        self.subscriptions: list[Subscription] = []
        self.deliveries: list[WebhookDelivery] = []
        self._clock, self._identifier, self._outage = clock, identifier, outage
        self._delays = tuple(retry_delays)
        self._lanes: dict[tuple[str, str], deque[WebhookDelivery]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    def subscribe(self, url: str, secrets: Sequence[str], headers: Mapping[str, str] | None = None) -> Subscription:
        """Send every event to this address from now on."""
        subscription = Subscription(self._identifier("PW"), url, tuple(secrets), headers or {})
        self.subscriptions.append(subscription)
        return subscription

    def send(self, event_type: str, resource: str, agent: JSON | None, data: JSON) -> None:
        """Queue one event for every subscription. resource: incident id, the ordering key."""
        event = {
            "id": self._identifier("01").ljust(26, "0"),
            "event_type": event_type,
            "resource_type": event_type.partition(".")[0],
            "occurred_at": stamp(self._clock(), millis=True),
            "agent": agent,
            "client": None,
            "data": data,
        }
        body = json.dumps({"event": event}).encode()
        for subscription in self.subscriptions:
            if subscription.enabled:
                name = self._identifier("wh").lower()
                self._queue(WebhookDelivery(name, event_type, resource, body, subscription))

    def resend(self, delivery: WebhookDelivery) -> None:
        """Send the same webhook again, same id and same bytes: at-least-once delivery shows its other side."""
        copy = WebhookDelivery(
            delivery.id, delivery.event_type, delivery.resource, delivery.body, delivery.subscription
        )
        self._queue(copy)

    async def drained(self, within: float = 10.0) -> None:
        """Wait until nothing is on its way. within: seconds. Raises TimeoutError."""
        async with asyncio.timeout(within):
            while self._tasks:
                await asyncio.wait(set(self._tasks))

    async def start(self) -> None:
        """Open the client session; what was queued before goes out now."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS))
        for key in list(self._lanes):
            self._run(key)

    async def stop(self) -> None:
        """Give up what is on its way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _queue(self, delivery: WebhookDelivery) -> None:
        self.deliveries.append(delivery)
        key = (delivery.subscription.id, delivery.resource)
        idle = key not in self._lanes
        self._lanes.setdefault(key, deque()).append(delivery)
        if idle and self._session is not None:
            self._run(key)

    def _run(self, key: tuple[str, str]) -> None:
        task = asyncio.get_running_loop().create_task(self._work(key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, key: tuple[str, str]) -> None:
        """One lane: the head is tried until it is settled, so later events of that incident wait behind it."""
        lane = self._lanes[key]
        while lane:
            await self._settle(lane[0])
            lane.popleft()
        del self._lanes[key]

    async def _settle(self, delivery: WebhookDelivery) -> None:
        tries = 0
        while delivery.state == "waiting":
            await self._outage.until_reachable("pagerduty")
            if not delivery.subscription.enabled:
                delivery.state = "dropped"
                return
            status = await self._post(delivery)
            delivery.answers.append(status)
            if 200 <= status < 300:
                delivery.state, delivery.subscription.drops = "delivered", 0
            elif status in {0, 429} or status >= 500:
                await asyncio.sleep(self._delays[min(tries, len(self._delays) - 1)])
            else:
                delivery.state = "dropped"
                delivery.subscription.drops += 1
                delivery.subscription.enabled = delivery.subscription.drops < DROPS_THAT_DISABLE
            tries += 1

    async def _post(self, delivery: WebhookDelivery) -> int:
        subscription = delivery.subscription
        headers = {
            **subscription.headers,
            "Content-Type": "application/json",
            "User-Agent": "PagerDuty-Webhook/V3.0",
            "X-Webhook-Id": delivery.id,
            "X-Webhook-Subscription": subscription.id,
            "X-PagerDuty-Signature": ",".join(signature(secret, delivery.body) for secret in subscription.secrets),
        }
        if self._session is None:
            return 0
        try:
            async with self._session.post(
                subscription.url, data=delivery.body, headers=headers, allow_redirects=False
            ) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0


def signature(secret: str, body: bytes) -> str:
    """`v1=` and the HMAC-SHA256 of the raw body, lower-case hex."""
    return "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
