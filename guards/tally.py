"""Counts votes: approved, rejected or still pending, and who may vote at all (mission P2).

Pure. Called by bot/requests.py at each click and again at dispatch (case T03), with groups freshly resolved. People are
directory ids, so two accounts of one person are one person (case T07). Must not know how a vote arrived.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from guards.decision import Allow, Approvers, Deny


@dataclass(frozen=True, slots=True)
class Vote:
    """One person's answer. person: directory id. approve: True, or a rejection. groups: the person's groups now."""

    person: str
    approve: bool
    groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class Tally:
    """state: `approved`, `rejected` or `pending`. missing: one sentence on what is still needed, empty when decided.

    counted: the distinct people whose approvals count, in voting order.
    """

    state: str
    missing: str
    counted: tuple[str, ...]


def tally(approvers: Approvers, votes: Sequence[Vote], requester: str, excluded: frozenset[str] = frozenset()) -> Tally:
    """Count the votes. Order and repeats do not matter (case T04).

    requester and excluded (who edited the parameters, and the bot) never count, neither way (case T01). A rejection by
    anybody eligible wins (case T06). An empty approver list is nobody and stays pending for ever (cases T10, T43), and
    so does a plan whose requester is not known.
    """
    eligible = [vote for vote in votes if _counts(approvers, vote.person, vote.groups, requester, excluded)]
    approvals = [vote for vote in eligible if vote.approve is True]
    counted = tuple(dict.fromkeys(vote.person for vote in approvals))
    if len(approvals) < len(eligible):
        return Tally("rejected", "", counted)
    missing = _missing(approvers, approvals, requester, len(counted))
    return Tally("pending" if missing else "approved", missing, counted)


def may_vote(
    approvers: Approvers,
    person: str,
    groups: frozenset[str],
    requester: str,
    excluded: frozenset[str] = frozenset(),
    is_bot: bool = False,
) -> Allow | Deny:
    """Whether a vote of this person would count: Allow, or Deny `self_approval` or `not_approver` (cases T01, T02)."""
    if not requester or person == requester or person in excluded:
        return Deny(
            code="self_approval",
            reason="Whoever asked for this or changed it cannot approve it.",
            remedy=f"Ask somebody else from {_groups(approvers)}.",
        )
    if is_bot or not _counts(approvers, person, groups, requester, excluded):
        return Deny(
            code="not_approver",
            reason="Only people from the approving groups may answer this.",
            remedy=f"Ask somebody from {_groups(approvers)}.",
        )
    return Allow("An approver who did not ask for it.")


def _counts(
    approvers: Approvers, person: str, groups: frozenset[str], requester: str, excluded: frozenset[str]
) -> bool:
    named = {group for group in (*approvers.any_of, *approvers.all_of) if group}
    return bool(person) and person != requester and person not in excluded and not named.isdisjoint(groups)


def _missing(approvers: Approvers, approvals: list[Vote], requester: str, people: int) -> str:
    """What is still needed, one sentence; empty when nothing is."""
    if not any((*approvers.any_of, *approvers.all_of)) or approvers.count < 1:
        return "Nobody may approve this: no approving group is named."
    if not requester:
        return "It is not known who asked for this, so nobody can be told apart from them."
    absent = [group for group in approvers.all_of if not any(group in vote.groups for vote in approvals)]
    wanted = max(approvers.count - people, 0)
    if absent:
        more = f", and {wanted} in all" if wanted > len(absent) else ""
        return f"Still needed: an approval from {' and from '.join(absent)}{more}."
    if wanted:
        return f"Still needed: {wanted} more {'person' if wanted == 1 else 'people'} from {_groups(approvers)}."
    return ""


def _groups(approvers: Approvers) -> str:
    return " or ".join(dict.fromkeys(g for g in (*approvers.any_of, *approvers.all_of) if g)) or "nobody"
