"""guards/tally.py: counting votes."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

import guards
from guards import Approvers, Vote, may_vote, tally

ONE = Approvers(1, ("oncall", "leads"))
TWO = Approvers(2, ("oncall",))
BOTH = Approvers(1, (), ("oncall", "leads"))


def yes(person: str, *groups: str) -> Vote:
    return Vote(person, approve=True, groups=frozenset(groups or ("oncall",)))


def no(person: str, *groups: str) -> Vote:
    return Vote(person, approve=False, groups=frozenset(groups or ("oncall",)))


@pytest.mark.parametrize(
    ("approvers", "votes", "state", "counted"),
    [
        (ONE, [], "pending", ()),
        (ONE, [yes("ann")], "approved", ("ann",)),
        (ONE, [yes("ann", "leads")], "approved", ("ann",)),
        (ONE, [yes("ann", "other")], "pending", ()),
        (TWO, [yes("ann"), yes("eve")], "approved", ("ann", "eve")),
        (TWO, [yes("ann")], "pending", ("ann",)),
        (BOTH, [yes("ann", "oncall")], "pending", ("ann",)),
        (BOTH, [yes("ann", "oncall"), yes("eve", "leads")], "approved", ("ann", "eve")),
        (BOTH, [yes("ann", "oncall", "leads")], "approved", ("ann",)),
        (Approvers(3, (), ("oncall", "leads")), [yes("ann"), yes("eve", "leads")], "pending", ("ann", "eve")),
        (ONE, [yes("ann"), no("eve")], "rejected", ("ann",)),
        (ONE, [yes("ann"), no("eve", "other")], "approved", ("ann",)),
        (ONE, [yes("")], "pending", ()),
    ],
)
def test_votes_are_counted(approvers: Approvers, votes: list[Vote], state: str, counted: tuple[str, ...]) -> None:
    found = tally(approvers, votes, "bob")
    assert (found.state, found.counted) == (state, counted)
    assert bool(found.missing) == (state == "pending")


def test_T01_the_requester_and_editors_never_count() -> None:
    assert tally(ONE, [yes("bob")], "bob").state == "pending"
    assert tally(ONE, [yes("carl")], "bob", frozenset({"carl", "bot"})).state == "pending"
    assert tally(ONE, [no("bob"), yes("ann")], "bob").state == "approved", "nor does their no"
    assert tally(ONE, [yes("ann")], "").state == "pending", "an unknown requester could be anybody"


def test_T04_the_same_person_twice_is_one_person() -> None:
    assert tally(TWO, [yes("ann"), yes("ann")], "bob").counted == ("ann",)
    assert tally(TWO, [yes("ann"), yes("ann")], "bob").state == "pending"


def test_T06_a_rejection_wins_whatever_the_order() -> None:
    votes = [yes("ann"), yes("eve"), no("dan"), no("ann")]
    assert {tally(TWO, order, "bob").state for order in itertools.permutations(votes)} == {"rejected"}


def test_T07_threshold_two_needs_two_people() -> None:
    in_every_group = yes("ann", "oncall", "leads", "admins")
    assert tally(TWO, [in_every_group], "bob").state == "pending"
    assert tally(TWO, [in_every_group, yes("eve", "guests")], "bob").state == "pending"
    assert tally(TWO, [in_every_group, yes("eve")], "bob").state == "approved"


@pytest.mark.parametrize("approvers", [Approvers(1), Approvers(0, ("oncall",)), Approvers(-1), Approvers(1, ("",))])
def test_T10_an_empty_approver_list_is_nobody_for_ever(approvers: Approvers) -> None:
    votes = [yes(name, "oncall", "leads", "") for name in ("ann", "eve", "dan")]
    assert tally(approvers, votes, "bob").state == "pending"
    assert "Nobody" in tally(approvers, votes, "bob").missing


def test_only_true_is_an_approval() -> None:
    truthy = Vote("ann", approve=1, groups=frozenset({"oncall"}))  # type: ignore[arg-type]  # reason: wrong on purpose
    assert tally(ONE, [truthy], "bob").state == "rejected"


@pytest.mark.parametrize(
    ("approvers", "votes", "sentence"),
    [
        (ONE, [], "Still needed: 1 more person from oncall or leads."),
        (TWO, [], "Still needed: 2 more people from oncall."),
        (BOTH, [yes("ann")], "Still needed: an approval from leads."),
        (Approvers(2, (), ("oncall", "leads")), [], "Still needed: an approval from oncall and from leads."),
        (
            Approvers(3, (), ("oncall", "leads")),
            [],
            "Still needed: an approval from oncall and from leads, and 3 in all.",
        ),
    ],
)
def test_it_says_what_is_still_needed(approvers: Approvers, votes: list[Vote], sentence: str) -> None:
    assert tally(approvers, votes, "bob").missing == sentence


@pytest.mark.parametrize(
    ("person", "groups", "requester", "is_bot", "code"),
    [
        ("ann", {"oncall"}, "bob", False, None),
        ("bob", {"oncall"}, "bob", False, "self_approval"),
        ("carl", {"oncall"}, "bob", False, "self_approval"),
        ("ann", {"oncall"}, "", False, "self_approval"),
        ("ann", {"other"}, "bob", False, "not_approver"),
        ("ann", set(), "bob", False, "not_approver"),
        ("", {"oncall"}, "bob", False, "not_approver"),
        ("robot", {"oncall"}, "bob", True, "not_approver"),
    ],
)
def test_T01_T02_who_may_vote(person: str, groups: set[str], requester: str, is_bot: bool, code: str | None) -> None:
    found = may_vote(ONE, person, frozenset(groups), requester, frozenset({"carl"}), is_bot=is_bot)
    assert (found.code if isinstance(found, guards.Deny) else None) == code


def test_T43_nobody_may_vote_when_nobody_is_named() -> None:
    found = may_vote(Approvers(1), "ann", frozenset({"oncall", ""}), "bob")
    assert isinstance(found, guards.Deny)
    assert (found.code, found.remedy) == ("not_approver", "Ask somebody from nobody.")


PEOPLE = st.sampled_from(["ann", "bob", "carl", "dan", ""])
GROUPS = st.frozensets(st.sampled_from(["oncall", "leads", "other", ""]))
VOTES = st.lists(st.builds(Vote, PEOPLE, st.booleans(), GROUPS), max_size=6)
APPROVERS = st.builds(
    Approvers,
    st.integers(-1, 3),
    st.lists(st.sampled_from(["oncall", "leads", ""]), max_size=2).map(tuple),
    st.lists(st.sampled_from(["oncall", "leads", ""]), max_size=2).map(tuple),
)


@given(APPROVERS, VOTES, PEOPLE, st.frozensets(PEOPLE, max_size=2))
def test_tally_agrees_with_an_independent_count(
    approvers: Approvers, votes: list[Vote], requester: str, excluded: frozenset[str]
) -> None:
    named = (set(approvers.any_of) | set(approvers.all_of)) - {""}
    barred = excluded | {requester, ""}
    people: dict[str, set[str]] = {}
    rejected = False
    for vote in votes:
        if vote.person in barred or not (vote.groups & named):
            continue
        if not vote.approve:
            rejected = True
            continue
        people.setdefault(vote.person, set()).update(vote.groups)
    represented = set().union(*people.values()) if people else set()
    enough = (
        bool(named)
        and approvers.count >= 1
        and requester != ""
        and len(people) >= approvers.count
        and set(approvers.all_of) <= represented
    )
    expected = "rejected" if rejected else "approved" if enough else "pending"
    assert tally(approvers, votes, requester, excluded).state == expected
    assert tally(approvers, votes[::-1], requester, excluded).state == expected
    for person in tally(approvers, votes, requester, excluded).counted:
        groups = frozenset(people[person])
        if requester:
            assert isinstance(may_vote(approvers, person, groups, requester, excluded), guards.Allow)


def test_many_approvals_are_no_rejection() -> None:
    assert tally(ONE, [yes(f"person-{number}") for number in range(300)], "bob").state == "approved"


def test_T01_the_requester_never_counts_whichever_object_holds_the_name() -> None:
    assert tally(ONE, [yes("".join(list("bob")))], "bob").state == "pending"


def test_T01_nobody_votes_on_what_they_asked_for_whichever_object_holds_the_name() -> None:
    found = may_vote(ONE, "".join(list("bob")), frozenset({"oncall"}), "bob")
    assert isinstance(found, guards.Deny)
    assert found.code == "self_approval"
