"""Registry: a target is exactly one entry, and its settings are compared with the plan's (T36)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot.adapters.registry import Registry
from bot.plan import Act, Target
from bot.services import Catalogue, Service, TargetEntry
from guards.decision import Deny

Make = Callable[..., Act]


def service(name: str, environment: str, **settings: Any) -> Service:
    entry = TargetEntry(kind="redis_database", name="cache", settings=settings)
    return Service(name=name, environment=environment, owner="team", tier=1, targets=(entry,))


def test_T36_kind_environment_and_name_must_all_be_right(registry: Callable[..., Registry], act: Make) -> None:
    found = registry("redis_database", {"database": 1})
    right = act("redis", "redis.ping", "redis_database", {})
    assert found.settings(right, "redis_database") == {"database": 1}
    for wrong in (
        act("redis", "redis.ping", "redis_database", {}, name="other"),
        act("redis", "redis.ping", "redis_database", {}, environment="prod"),
        act("redis", "redis.ping", "disk_area", {}),
    ):
        assert isinstance(found.settings(wrong, "redis_database"), Deny)


def test_a_target_that_two_services_describe_differently_is_nobody() -> None:
    target = Target(kind="redis_database", environment="dev", name="cache")
    same = Registry(Catalogue(services=(service("a", "dev", database=1), service("b", "dev", database=1))))
    other = Registry(Catalogue(services=(service("a", "dev", database=1), service("b", "dev", database=2))))
    elsewhere = Registry(Catalogue(services=(service("a", "dev", database=1), service("b", "prod", database=2))))
    assert same.entry(target) is not None
    assert other.entry(target) is None
    assert elsewhere.entry(target) is not None


def test_T36_a_plan_from_an_older_catalogue_is_refused(registry: Callable[..., Registry], act: Make) -> None:
    found = registry("redis_database", {"url": "redis://h", "database": 1})
    same = act("redis", "redis.ping", "redis_database", {"url": "redis://h", "database": 1, "username": ""})
    older = act("redis", "redis.ping", "redis_database", {"url": "redis://h", "database": 2})
    assert found.differs(same, "redis_database", ("url", "database", "username")) is None
    denied = found.differs(older, "redis_database", ("url", "database"))
    assert denied is not None
    assert denied.code == "target_changed"
