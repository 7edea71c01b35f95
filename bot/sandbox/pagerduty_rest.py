"""What every call of PagerDuty's REST API shares: the key, `From`, pages, and how a call is refused.

Base of pagerduty_incidents and pagerduty_directory. A request that breaks the vendor's published schema gets 400 with
code 2001, a missing or unknown `From` 400 with code 1008, a wrong key 401. Source: reference/apis.md 2.3.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import web

from bot.sandbox.pagerduty_records import JSON, PagerDutyUser

if TYPE_CHECKING:
    from bot.sandbox.pagerduty import PagerDutyStandIn

Thing = TypeVar("Thing")
Act = Callable[[web.Request], Awaitable[JSON]]


class RestError(Exception):
    """A refused call: HTTP status, PagerDuty's own code and its list of errors."""

    def __init__(self, status: int, code: int, message: str, errors: list[str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body: JSON = {"error": {"message": message, "code": code, "errors": errors or []}}


def invalid(*errors: str) -> RestError:
    """The answer to a request that breaks the schema."""
    return RestError(400, 2001, "Invalid Input Provided", list(errors))


class PagerDutyRest:
    """A group of calls over one account."""

    def __init__(self, account: PagerDutyStandIn) -> None:
        self.account = account

    def answering(self, act: Act, status: int = 200) -> Callable[[web.Request], Awaitable[web.Response]]:
        """An aiohttp handler that checks the key, runs the act and words refusals."""

        async def answer(request: web.Request) -> web.Response:
            try:
                self._authorise(request)
                return web.json_response(await act(request), status=status)
            except RestError as error:
                return web.json_response(error.body, status=error.status)

        return answer

    def sender(self, request: web.Request) -> PagerDutyUser:
        """Who asks, by the `From` header. Raises RestError."""
        address = request.headers.get("From", "")
        user = next((u for u in self.account.users.values() if u.email == address and address), None)
        if user is None:
            raise RestError(400, 1008, "Requester User Not Found", [f"From: {address or 'the header is missing'}"])
        return user

    @staticmethod
    def find(things: dict[str, Thing], request: web.Request) -> Thing:
        """The thing whose id is in the path. Raises RestError."""
        found = things.get(request.match_info["id"])
        if found is None:
            raise RestError(404, 2100, "Not Found")
        return found

    @staticmethod
    async def body(request: web.Request) -> JSON:
        """The request's JSON object. Raises RestError."""
        try:
            body = await request.json()
        except json.JSONDecodeError:
            raise invalid("The request body is not valid JSON") from None
        if not isinstance(body, dict):
            raise invalid("The request body must be an object")
        return body

    @staticmethod
    def number(request: web.Request, name: str, normal: int, least: int, most: int) -> int:
        """A number in the query. Raises RestError."""
        text = request.query.get(name, str(normal))
        if not text.isdecimal() or not least <= int(text) <= most:
            raise invalid(f"{name} must be a number from {least} to {most}")
        return int(text)

    def page(self, request: web.Request, name: str, rows: list[Any]) -> JSON:
        """One page of a list, as the vendor's classic pagination words it."""
        limit, offset = self.number(request, "limit", 25, 1, 100), self.number(request, "offset", 0, 0, 10_000)
        total = len(rows) if request.query.get("total") == "true" else None
        more = len(rows) > offset + limit
        return {name: rows[offset : offset + limit], "limit": limit, "offset": offset, "total": total, "more": more}

    def _authorise(self, request: web.Request) -> None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Token":
            key = key.removeprefix("token=")
        if scheme not in ("Token", "Bearer") or key != self.account.api_token:
            raise RestError(401, 2006, "Unauthorized")


def object_in(body: JSON, name: str) -> JSON:
    """The wrapped entity. Raises RestError when it is not there."""
    inner = body.get(name)
    if not isinstance(inner, dict):
        raise invalid(f"{name} is required and must be an object")
    return inner


def moment(text: str | None) -> datetime | None:
    """An ISO 8601 time of a query. Raises RestError."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(f"{text} is not a time") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
