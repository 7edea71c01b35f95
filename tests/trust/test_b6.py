"""B6, the short form: an approval is of exactly one plan, and equal plans have equal digests."""

from __future__ import annotations

import json
import math
from random import Random

import pytest
import rfc8785

from trust import b6, b6_canonical, b6_golden, b6_refusal
from trust.b6_mutations import Changer, bend, each_once, leaves, others
from trust.b6_sample import missing, sample
from trust.order import Order

SEED = 20261121


def test_B6_every_field_alone_is_in_the_digest() -> None:
    figure = b6.alone()
    assert (figure.examples, figure.never) == ([], ())
    assert figure.cases > 1_000


def test_B6_the_sample_leaves_no_field_at_its_default() -> None:
    assert missing(sample()) == []


def test_B6_random_changes_are_in_the_digest() -> None:
    found = b6.change(SEED, range(500))
    assert (found.cases, found.told) == (500, [])


def test_B6_T09_a_changed_plan_is_refused_by_the_store() -> None:
    found = b6_refusal.search(SEED, range(60))
    assert (found.tried, found.executed, found.told) == (60, 6, [])


def test_B6_equal_plans_have_equal_digests_elsewhere() -> None:
    figure = b6.equal(Order(SEED, True, 1), 70)
    assert figure.examples == []
    assert {f"PYTHONHASHSEED={seed}" for seed in b6.HASH_SEEDS} <= {n for n, count in figure.reached.items() if count}


def test_B6_golden_digests_are_what_both_implementations_find() -> None:
    by_name = dict(b6_golden.plans())
    for each in b6_golden.read():
        assert by_name[each["name"]].digest == each["digest"] == b6_canonical.digest(each["plan"]), each["name"]


NUMBERS = [
    0,
    -0.0,
    1,
    -1,
    1.0,
    0.1,
    1e-6,
    1e-7,
    1.5e-7,
    1e20,
    1e21,
    123e19,
    5e-324,
    1.7976931348623157e308,
    4.35,
    2**53 - 1,
]


@pytest.mark.parametrize("number", NUMBERS)
def test_the_second_implementation_writes_numbers_as_the_first(number: float) -> None:
    assert b6_canonical.canonical(number) == rfc8785.dumps(number).decode()


def test_the_second_implementation_writes_texts_and_keys_as_the_first() -> None:
    value = {text: [text, None, True] for text in (*b6_golden.TEXTS, "\ufb33", "𝒳", "\r", "1", "ö", "a", "A")}
    assert b6_canonical.canonical(value) == rfc8785.dumps(value).decode()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2**53, object()])
def test_the_second_implementation_refuses_what_has_no_canonical_form(value: object) -> None:
    with pytest.raises(ValueError, match=r"JSON|form"):
        b6_canonical.canonical(value)


def test_changes_reach_every_place() -> None:
    dumped = sample().model_dump(mode="json")
    assert {path for path, _ in each_once(dumped)} >= set(leaves(dumped))
    assert all(json.dumps(changed) != json.dumps(dumped) for _, changed in each_once(dumped))
    assert [1] not in others([1])
    assert not bend([], 1, Random(1))


def test_a_random_change_can_be_made_again() -> None:
    changer = Changer(sample().model_dump(mode="json"))
    assert changer.change(Random("1")) == changer.change(Random("1"))
    assert sample().digest in b6.replay(SEED, "3")
    with pytest.raises(ValueError, match="not the number"):
        b6.replay(SEED, "x")
