"""guards/soundness.py: answers that can be acted on and printed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import guards
from guards.soundness import _printable, check_answer, in_order

ALLOW = guards.Allow("fine")
WHO = guards.Approvers(1, ("leads",), ("sre",))


class Unprintable:
    """Cannot be shown."""

    def __repr__(self) -> str:
        raise RecursionError


@pytest.mark.parametrize(
    "verdict",
    [
        ALLOW,
        guards.Deny("no", "No.", "Do not."),
        guards.Ask("confirmation", "Sure?", 5),
        guards.Ask("approval", "Sure?", 5.0, WHO),
        guards.Ask("approval", "Sure?", 5.0, guards.Approvers(1)),
    ],
)
def test_answers_that_can_be_acted_on(verdict: object) -> None:
    assert check_answer(verdict, {"a": 1, "b": ("x", 2, None, True, 0.5), "c": {"k": "v"}, "d": []}) is None


@pytest.mark.parametrize(
    "verdict",
    [
        None,
        True,
        "allow",
        guards.Allow(5),  # type: ignore[arg-type]  # reason: wrong on purpose
        guards.Allow("", standing=None),  # type: ignore[arg-type]  # reason: wrong on purpose
        guards.Deny("no", "No.", Unprintable()),  # type: ignore[arg-type]  # reason: wrong on purpose
        guards.Ask("wish", "?", 5),
        guards.Ask("all", "?", 5, WHO),
        guards.Ask("wish", "?", 5, WHO),
        guards.Ask("approval", "?", 5),
        guards.Ask("confirmation", "?", 5, WHO),
        guards.Ask("confirmation", "?", 0),
        guards.Ask("confirmation", "?", -1.0),
        guards.Ask("confirmation", "?", float("nan")),
        guards.Ask("confirmation", "?", float("inf")),
        guards.Ask("confirmation", 5, 5),  # type: ignore[arg-type]  # reason: wrong on purpose
        guards.Ask("approval", "?", 5, guards.Approvers("1", ("leads",))),  # type: ignore[arg-type]  # reason: as above
        guards.Ask("approval", "?", 5, guards.Approvers(1, ["leads"])),  # type: ignore[arg-type]  # reason: as above
        guards.Ask("approval", "?", 5, guards.Approvers(1, ("leads",), (5,))),  # type: ignore[arg-type]  # reason: as above
    ],
)
def test_what_is_no_answer(verdict: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        check_answer(verdict, {})


@pytest.mark.parametrize(
    "inputs",
    [
        {"a": Unprintable()},
        {"a": (1, Unprintable())},
        {"a": {"b": Unprintable()}},
        {"a": {Unprintable(): 1}},
        {"a": [Unprintable()]},
        {Unprintable(): 1},
        {"a": 10**5000},
        {"a": (10**5000,)},
    ],
)
def test_inputs_that_cannot_be_printed(inputs: dict[str, object]) -> None:
    with pytest.raises((RecursionError, ValueError)):
        check_answer(ALLOW, inputs)


def test_large_numbers_that_can_be_printed_are_taken() -> None:
    assert check_answer(ALLOW, {"a": 10**30, "b": (-(10**30),), "c": {"d": 10**30}}) is None


def test_one_order_for_findings_of_one_rule() -> None:
    first, second = guards.Finding("a", ALLOW, {"x": 1}), guards.Finding("a", ALLOW, {"x": 2})
    other = guards.Finding("a", guards.Deny("no", "No.", "Do not."))
    asks = guards.Finding("a", guards.Ask("confirmation", "Sure?", 5))
    assert in_order([first]) == [first]
    assert in_order([other, asks, second, first]) == in_order([first, second, asks, other])
    assert in_order([other, asks, second, first]) == [first, second, asks, other]


class Pretending(type):
    """A class that says it is equal to every other class."""

    def __eq__(cls, other: object) -> bool:
        return True

    def __hash__(cls) -> int:
        return 1


class Pretender(metaclass=Pretending):
    """What only pretends to be an answer, a text, a number or a list."""

    reason = code = remedy = standing = "fine"

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __repr__(self) -> str:
        raise RecursionError


FAKE: Any = Pretender()


@pytest.mark.parametrize(
    "verdict",
    [
        FAKE,
        guards.Allow(FAKE),
        guards.Allow("", FAKE),
        guards.Deny(FAKE, "No.", "Do not."),
        guards.Deny("no", FAKE, "Do not."),
        guards.Deny("no", "No.", FAKE),
        guards.Ask("confirmation", FAKE, 5),
        guards.Ask("approval", "?", 5, FAKE),
        guards.Ask("approval", "?", 5, guards.Approvers(FAKE, ("leads",))),
        guards.Ask("approval", "?", 5, guards.Approvers(1, FAKE)),
        guards.Ask("approval", "?", 5, guards.Approvers(1, ("leads",), FAKE)),
        guards.Ask("approval", "?", 5, guards.Approvers(1, ("leads", FAKE))),
    ],
    ids=range(12),
)
def test_what_only_pretends_is_no_answer(verdict: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        check_answer(verdict, {})


@pytest.mark.parametrize(
    "inputs", [{FAKE: 1}, {"a": FAKE}, {"a": (1, FAKE)}, {"a": {"b": FAKE}}, {"a": {FAKE: 1}}], ids=range(5)
)
def test_inputs_that_only_pretend_to_be_printable_are_seen(inputs: dict[str, object]) -> None:
    with pytest.raises(RecursionError):
        check_answer(ALLOW, inputs)


def test_the_kind_of_a_question_counts_whichever_object_holds_its_name() -> None:
    for kind, who in (("confirmation", None), ("approval", WHO)):
        assert check_answer(guards.Ask("".join(list(kind)), "Sure?", 5, who), {}) is None


LARGE = 10**18


@pytest.mark.parametrize(
    ("value", "known"),
    [
        (0, True),
        (5, True),
        (-5, True),
        (LARGE - 1, True),
        (1 - LARGE, True),
        (LARGE, False),
        (-LARGE, False),
        (10**5000, False),
        (-(10**5000), False),
    ],
    ids=range(9),
)
def test_what_is_known_to_be_printable_and_what_is_tried(value: int, known: bool) -> None:
    """Printing is tried for what is not known, and Python refuses to print a whole number of some thousand digits."""
    for inputs in (value, (value,), ("a", value), {"a": value}, {value: "a"}):
        assert _printable(inputs) is known
        if abs(value) > LARGE:
            with pytest.raises(ValueError, match="digits"):
                check_answer(ALLOW, {"a": inputs})
        else:
            assert check_answer(ALLOW, {"a": inputs}) is None


def test_plain_values_inside_are_known_to_be_printable() -> None:
    plain = ("a", True, 0.5, None, 1)
    assert _printable(plain)
    assert _printable(dict.fromkeys(plain, "b"))
    for other in ([], {1, 2}, (1, []), {"a": ()}, Unprintable()):
        assert not _printable(other)
