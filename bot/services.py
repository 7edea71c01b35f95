"""The service catalogue and the directory of people: the only sources of environment and identity (safety rule 4).

Loaded from services.yaml and people.yaml by bot/config.py; read by correlate, gate, facts, Slack actors.
Must not trust text: a service is found by the sender's service id or exact labels, a person by (team, user).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, PrivateAttr, model_validator

from bot.incident import Frozen, ServiceReference
from bot.plan import Target


class FactSetting(Frozen):
    """How to observe one fact of a service. kind: a fact source; settings: what that source needs."""

    kind: str
    settings: dict[str, Any] = Field(default_factory=dict)


class TargetEntry(Frozen):
    """One target of a service. settings: what the adapter needs to reach it (no secrets; those come from files)."""

    kind: str
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$")
    settings: dict[str, Any] = Field(default_factory=dict)


class ServiceMatch(Frozen):
    """How senders name it. pagerduty: service ids; github: `owner/repository` names; labels: all must be equal."""

    pagerduty: tuple[str, ...] = ()
    github: tuple[str, ...] = ()
    labels: dict[str, str] = Field(default_factory=dict)


class Tickets(Frozen):
    """Where the ticket is written. jira_project: project key; servicenow: write an incident there."""

    jira_project: str = ""
    servicenow: bool = False


class Service(Frozen):
    """One service in one environment. tier: 1 is the most important."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    environment: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")
    owner: str = Field(min_length=1)
    tier: int = Field(ge=1, le=5)
    channel: str = ""
    targets: tuple[TargetEntry, ...] = ()
    facts: dict[str, FactSetting] = Field(default_factory=dict)
    match: ServiceMatch = ServiceMatch()
    escalation_policy: str = ""
    tickets: Tickets = Tickets()
    depends_on: tuple[str, ...] = ()
    links: dict[str, str] = Field(default_factory=dict)

    def target(self, kind: str, name: str | None = None) -> TargetEntry | None:
        """The target of that kind (and name); None when there is none, or when name is None and there are several."""
        found = [t for t in self.targets if t.kind == kind and name in (None, t.name)]
        return found[0] if len(found) == 1 else None

    def resolve(self, entry: TargetEntry) -> Target:
        """The plan's target: kind, this service's environment, name."""
        return Target(kind=entry.kind, environment=self.environment, name=entry.name)


class Catalogue(Frozen):
    """All services. Pairs (name, environment) and PagerDuty ids are unique."""

    services: tuple[Service, ...]
    # Every click, command and entry of a transcript asks for a service by name: not a scan of a large catalogue each time.
    _named: tuple[tuple[Service, ...], dict[str, list[Service]]] = PrivateAttr(default=((), {}))

    @model_validator(mode="after")
    def _unique(self) -> Catalogue:
        seen: dict[object, str] = {}
        for service in self.services:
            keys: list[object] = [(service.name, service.environment)]
            keys += [("pagerduty", i) for i in service.match.pagerduty]
            for key in keys:
                if key in seen:
                    raise ValueError(f"{key} is used twice: by {seen[key]} and by {service.name}")
                seen[key] = service.name
        return self

    def by_reference(self, source: str, reference: ServiceReference, labels: Mapping[str, str]) -> Service | None:
        """The service a signal is about: sender's id first, then a rule whose labels all match exactly once."""
        for service in self.services:
            ids = getattr(service.match, source, ())
            if reference.id and reference.id in ids:
                return service
        found = [s for s in self.services if s.match.labels and s.match.labels.items() <= dict(labels).items()]
        return found[0] if len(found) == 1 else None

    def named(self, name: str, environment: str | None = None) -> Service | None:
        """By name; with several environments and none given: None, never a guess."""
        found = [s for s in self.by_name.get(name, ()) if environment in (None, s.environment)]
        return found[0] if len(found) == 1 else None

    @property
    def by_name(self) -> Mapping[str, Sequence[Service]]:
        """Every service name -> that service in each of its environments, in the order of the catalogue."""
        services, found = self._named
        if services is not self.services:  # first use, or a copy of another catalogue with other services
            found = {}
            for service in self.services:
                found.setdefault(service.name, []).append(service)
            self._named = (self.services, found)
        return found


BOT = "bot"
"""Who asks when nobody but the bot does; no person can have this id."""


class SlackIdentity(Frozen):
    """A Slack account: both ids, as in the signed payload (trust case T07)."""

    team: str
    user: str


class Person(Frozen):
    """One human. roles: viewer, responder, approver, operator, admin.

    key: `ed25519:<base64>` of the key that they sign answers with when Slack is down, empty for none.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    name: str
    roles: tuple[Literal["viewer", "responder", "approver", "operator", "admin"], ...] = ()
    slack: tuple[SlackIdentity, ...] = ()
    pagerduty: str = ""
    email: str = ""
    key: str = Field(default="", pattern=r"^(ed25519:[A-Za-z0-9+/]{43}=)?$")


class GroupSource(Frozen):
    """A group whose members somebody else keeps: exactly one of a Slack user group (`S…`) or a PagerDuty schedule (`P…`).

    Asked at the click and again before the first act (bot/membership.py); never kept longer than a minute (case T02).
    """

    slack_usergroup: str = Field(default="", pattern=r"^(S[A-Z0-9]{2,20})?$")
    pagerduty_schedule: str = Field(default="", pattern=r"^(P[A-Z0-9]{2,20})?$")

    @model_validator(mode="after")
    def _one(self) -> GroupSource:
        if bool(self.slack_usergroup) == bool(self.pagerduty_schedule):
            raise ValueError("write exactly one of slack_usergroup or pagerduty_schedule")
        return self


class People(Frozen):
    """The directory: people, and groups of person ids or where to ask for their members."""

    people: tuple[Person, ...]
    groups: dict[str, tuple[str, ...] | GroupSource] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> People:
        ids = [p.id for p in self.people]
        accounts = [a for p in self.people for a in p.slack]
        if len(set(ids)) != len(ids):
            raise ValueError("a person id is used twice")
        if BOT in ids:
            raise ValueError(f"{BOT!r} is the id of the bot itself")
        if len(set(accounts)) != len(accounts):
            raise ValueError("a Slack account belongs to two people")
        keys = [p.key for p in self.people if p.key]
        if len(set(keys)) != len(keys):
            raise ValueError("a key belongs to two people")
        for group, members in self.groups.items():
            for member in () if isinstance(members, GroupSource) else members:
                if member not in ids:
                    raise ValueError(f"group {group!r} names {member!r}, who is not in people")
        return self

    def by_slack(self, team: str, user: str) -> Person | None:
        """The person behind a Slack account of a signed payload, or None for a stranger."""
        wanted = SlackIdentity(team=team, user=user)
        return next((p for p in self.people if wanted in p.slack), None)

    def by_id(self, person_id: str) -> Person | None:
        """The person with that directory id."""
        return next((p for p in self.people if p.id == person_id), None)

    def called(self, name: str) -> list[Person]:
        """Everybody with that id, name or first name, whatever the case; never somebody who merely resembles it."""
        wanted = name.strip().casefold()
        return [p for p in self.people if wanted in {p.id, p.name.casefold(), p.name.casefold().partition(" ")[0]}]

    def groups_of(self, person_id: str) -> frozenset[str]:
        """Names of the groups listed in people.yaml that the person is in; the others are bot/membership.py's."""
        return frozenset(
            g for g, members in self.groups.items() if not isinstance(members, GroupSource) and person_id in members
        )

    def by_pagerduty(self, user: str) -> Person | None:
        """The person behind a PagerDuty user id, or None."""
        return next((p for p in self.people if user and p.pagerduty == user), None)
