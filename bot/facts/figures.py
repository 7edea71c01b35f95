"""Fact `figures`: named figures out of JSON answers: a metric store, a broker, an orchestrator. {name: number or word}

Settings {answers: [{url, read: {name: JSON pointer}}], timeout, username, password_env}: for what no other kind observes, such
as how long a queue is, how many replicas are up, how many days a certificate lasts. Called through bot/facts/gather.py.
True and false count as 1 and 0, as Prometheus writes them. Every figure must be there: one that is missing, null or no plain
value makes the whole fact a gap, for half a proof is none (T58). Must not follow redirects or ask a host that services.yaml
does not list (T28).
"""

from __future__ import annotations

import asyncio
import json
import math
from base64 import b64encode
from typing import Any

import re2
from pydantic import Field

from bot.clients.http import BODY_LIMIT, HttpClient
from bot.clients.passwords import Secrets, password
from bot.errors import Permanent, Transient
from bot.facts.base import FactRequest
from bot.facts.settings import VARIABLE_NAME, FactSettings, settings_of
from bot.services import Catalogue

NUMBER = re2.compile(r"\A-?[0-9]{1,15}(\.[0-9]{1,20})?(e[+-]?[0-9]{1,3})?\z")
WORD = 100  # characters of a figure that is a word
NAME = r"\A[a-z][a-z0-9_]{0,40}\z"
POINTER = r"\A(/[\x20-\x7e]*)\z"  # RFC 6901, without the empty pointer: a whole document is no figure


class Reading(FactSettings):
    """One address and what to read from its answer. read: name of the figure -> RFC 6901 pointer."""

    url: str
    read: dict[str, str] = Field(min_length=1, max_length=20)


class FiguresSettings(FactSettings):
    """answers: at most ten addresses. username and password_env: HTTP Basic; password_env alone: a bearer token."""

    answers: list[Reading] = Field(min_length=1, max_length=10)
    timeout: float = Field(default=2.0, gt=0, le=30)
    username: str = Field(default="", pattern=r"\A[^:\x00-\x1f\x7f]{0,100}\z")
    password_env: str = Field(default="", pattern=VARIABLE_NAME)


def addresses(catalogue: Catalogue) -> tuple[str, ...]:
    """The URLs of every figures fact, for the client's allow-list."""
    found: list[str] = []
    for service in catalogue.services:
        for fact in service.facts.values():
            answers = fact.settings.get("answers") if fact.kind == FiguresFact.kind else None
            for one in answers if isinstance(answers, list) else ():
                if isinstance(one, dict) and isinstance(one.get("url"), str):
                    found.append(one["url"])
    return tuple(dict.fromkeys(found))


class FiguresFact:
    """Observes facts of kind `figures`. secrets: variable name -> its value, '' when unset."""

    kind = "figures"

    def __init__(self, client: HttpClient, secrets: Secrets) -> None:
        self._client = client
        self._secrets = secrets

    async def observe(self, request: FactRequest) -> dict[str, Any]:
        """Ask every address once, all at the same time.

        Raises Permanent (wrong settings, not listed, not JSON, a figure that is not there), Transient (no answer, or not 200).
        """
        settings = settings_of(FiguresSettings, request.settings)
        names = [name for one in settings.answers for name in one.read]
        _check_names(settings, names)
        headers = self._login(settings)
        within = min(settings.timeout, request.deadline * 0.9)
        found = await asyncio.gather(*(self._read(one, within, headers) for one in settings.answers))
        return {name: value for figures in found for name, value in figures.items()}

    def _login(self, settings: FiguresSettings) -> dict[str, str]:
        secret = password(self._secrets, settings.password_env, "the figures'")
        if settings.username:
            return {"Authorization": f"Basic {b64encode(f'{settings.username}:{secret}'.encode()).decode('ascii')}"}
        return {"Authorization": f"Bearer {secret}"} if secret else {}

    async def _read(self, one: Reading, within: float, headers: dict[str, str]) -> dict[str, Any]:
        answer = await self._client.request("GET", one.url, deadline=within, headers=headers)
        if answer.status != 200:
            raise Transient(f"HTTP {answer.status} instead of figures")
        if answer.total_bytes > BODY_LIMIT or answer.truncated:
            raise Permanent(f"the answer is longer than {BODY_LIMIT} bytes")
        try:
            document = json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise Permanent("the answer is not JSON") from error
        return {name: _figure(document, name, pointer) for name, pointer in one.read.items()}


def _check_names(settings: FiguresSettings, names: list[str]) -> None:
    """Raises Permanent for a name or pointer that cannot be one, and for a name that is read twice."""
    for name in names:
        if not re2.match(NAME, name):
            raise Permanent(f"services.yaml: {ascii(name)[:60]} is not the name of a figure (a-z, 0-9 and _)")
        if names.count(name) > 1:
            raise Permanent(f"services.yaml: the figure {name} is read twice")
    for one in settings.answers:
        for name, pointer in one.read.items():
            if not re2.match(POINTER, pointer):
                raise Permanent(f"services.yaml: {name} needs a JSON pointer such as /status/availableReplicas")


def _figure(document: Any, name: str, pointer: str) -> int | float | str:
    """The value at the pointer. Raises Permanent when there is none: what is not there is not zero."""
    value = document
    for part in pointer[1:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and key.isascii() and int(key) < len(value):
            value = value[int(key)]
        else:
            raise Permanent(f"{name}: the answer has no {ascii(pointer)[1:-1][:80]}")
    if isinstance(value, str) and NUMBER.match(value):
        value = float(value) if any(sign in value for sign in ".e") else int(value)  # Prometheus writes "0.5"
    if isinstance(value, str) and value and len(value) <= WORD and value.isprintable():
        if value.lower() in ("nan", "+inf", "-inf", "inf"):
            raise Permanent(f"{name}: {value} is no figure")  # what Prometheus answers for 0 / 0
        return value
    if isinstance(value, bool | int | float) and math.isfinite(value):
        return int(value) if isinstance(value, bool) else value
    raise Permanent(f"{name}: at {ascii(pointer)[1:-1][:80]} there is no number or short word")
