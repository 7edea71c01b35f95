"""guards/policy_values.py: single values, strictly (case T43)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from guards import policy_values as values
from guards.policy_values import PolicyError

FAR = timezone(timedelta(hours=-14))

WRONG: list[tuple[Callable[..., object], object]] = [
    (values.mapping, None),
    (values.mapping, []),
    (values.mapping, {1: 2}),
    (values.tiers, None),
    (values.tiers, {0: {}}),
    (values.tiers, {"01": {}}),
    (values.tiers, {"*": {}}),
    (values.tiers, {True: {}}),
    (values.tiers, {1.0: {}}),
    (values.tiers, {1: {}, "1": {}}),
    (values.name, "*"),
    (values.name, ""),
    (values.name, 5),
    (values.name, "a b"),
    (values.name, "x" * 64),
    (values.action, "A"),
    (values.action, None),
    (values.names, []),
    (values.names, "leads"),
    (values.names, ["a", "a"]),
    (values.truth, 1),
    (values.truth, "true"),
    (values.truth, None),
    (values.duration, "soon"),
    (values.duration, None),
    (values.duration, 0),
    (values.duration, True),
    (values.duration, "32d"),
    (values.duration, 10**400),
    (values.local_moment, "2026-12-20"),
    (values.local_moment, "2026-12-20T00:00Z"),
    (values.local_moment, "2026-12-20 00:00"),
    (values.local_moment, "2026-13-20T00:00"),
    (values.local_moment, datetime(2026, 1, 1, tzinfo=UTC)),
    (values.local_moment, datetime(2026, 1, 1, microsecond=1)),
    (values.local_moment, date(2026, 1, 1)),
    (values.local_moment, None),
    (values.instant, "2026-12-31T00:00:00"),
    (values.instant, "2026-12-31T25:00:00Z"),
    (values.instant, "2026-12-31"),
    (values.instant, datetime(2026, 1, 1)),
    (values.instant, datetime(2026, 1, 1, microsecond=1, tzinfo=UTC)),
    (values.instant, datetime(9999, 12, 31, 23, tzinfo=FAR)),
    (values.instant, 5),
]


@pytest.mark.parametrize(("read", "value"), WRONG, ids=lambda part: getattr(part, "__name__", repr(part)[:30]))
def test_T43_what_is_not_taken_names_its_place_and_fix(read: Callable[..., object], value: object) -> None:
    with pytest.raises(PolicyError) as error:
        read(value, "here")
    assert error.value.place == "here"
    assert error.value.fix
    assert str(error.value) == f"here: {error.value.message} Fix: {error.value.fix}"


@pytest.mark.parametrize("value", [True, 0, 11, 1.0, "1", None])
def test_whole_numbers(value: object) -> None:
    assert values.whole(10, "here", 10) == 10
    with pytest.raises(PolicyError):
        values.whole(value, "here", 10)


@pytest.mark.parametrize(
    "value", [True, -1, 11, "1", None, float("nan"), float("inf"), 10**400], ids=lambda value: repr(value)[:9]
)
def test_numbers(value: object) -> None:
    assert values.number(10, "here", 10.0) == 10.0
    assert str(values.number(-0.0, "here", 10.0)) == "0.0"
    with pytest.raises(PolicyError):
        values.number(value, "here", 10.0)


def test_words_lists_and_environments() -> None:
    assert values.one_of("a", "here", ("a", "b")) == "a"
    assert values.entries((1, 2), "here", "x") == [1, 2]
    assert values.environments(["prod", "dev"], "here", ("dev", "prod")) == ["dev", "prod"]
    assert values.names([], "here", may_be_empty=True) == []
    assert values.action("demo.restart", "here") == "demo.restart"
    assert values.truth(False, "here") is False
    for read in (
        lambda: values.one_of("c", "here", ("a", "b")),
        lambda: values.one_of(None, "here", ("a", "b")),
        lambda: values.entries("x", "here", "x"),
        lambda: values.environments(["qa"], "here", ("dev",)),
        lambda: values.mapping({"a": 1}, "here", optional=()),
        lambda: values.mapping({}, "here", needed=("a",)),
        lambda: values.duration("11m", "here", 600.0),
    ):
        with pytest.raises(PolicyError):
            read()


def test_mappings_and_tiers() -> None:
    assert values.mapping({"a": 1}, "here") == {"a": 1}
    assert values.mapping({"a": 1}, "here", needed=("a",), optional=("b",)) == {"a": 1}
    assert list(values.tiers({"10": "x", 2: "y"}, "here").items()) == [(2, "y"), (10, "x")]


def test_moments() -> None:
    assert values.local_moment("2026-12-20T00:00", "here") == datetime(2026, 12, 20)
    assert values.local_moment(datetime(2026, 12, 20), "here") == datetime(2026, 12, 20)
    utc = datetime(2026, 12, 31, tzinfo=UTC)
    for written in ("2026-12-31T00:00:00Z", "2026-12-31T01:00+01:00", utc):
        found = values.instant(written, "here")
        assert (found, found.tzinfo) == (utc, UTC)


def test_durations_within_a_bound() -> None:
    assert values.duration("10m", "here", 600.0) == 600.0


def test_the_canonical_form_and_sets() -> None:
    assert values.canonical({"b": 1, "a": "\u00fc", "c": {2: 1, 1: 2}}) == b'{"a":"\\u00fc","b":1,"c":{"1":2,"2":1}}'
    assert values.as_set([{"b": 2}, {"a": 1}, {"b": 2}]) == [{"a": 1}, {"b": 2}]


def test_many_names_are_many_names() -> None:
    assert len(values.names([f"n{number}" for number in range(300)], "here")) == 300


class Pretending(type):
    """A class that says it is equal to every other class."""

    def __eq__(cls, other: object) -> bool:
        return True

    def __hash__(cls) -> int:
        return 1


class Pretender(metaclass=Pretending):
    """What only pretends to be a number, of any size."""

    def __le__(self, other: object) -> bool:
        return True

    def __ge__(self, other: object) -> bool:
        return True


def test_T43_what_only_pretends_to_be_a_number_is_none() -> None:
    with pytest.raises(PolicyError):
        values.whole(Pretender(), "here", 10)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_what_is_no_json_has_no_canonical_form(wrong: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        values.canonical({"a": wrong})


@pytest.mark.parametrize("call", [lambda: values.mapping({}, "here", ()), lambda: values.names([], "here", True)])
def test_what_is_taken_is_always_named(call: Callable[[], object]) -> None:
    with pytest.raises(TypeError):
        call()
