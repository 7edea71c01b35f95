from __future__ import annotations

import random
from typing import Any

from guards.policy import Policy
from trust.draw_policy import SECONDS, STRICT, draw_policy, some

# The keys of docs/policy.md.
KEYS = {
    "version",
    "lowest_environment",
    "matrix",
    "tiers",
    "autonomy",
    "approvals",
    "requesters",
    "operators",
    "confirmation_timeout",
    "limits",
    "freezes",
    "maintenance",
    "change_windows",
    "calendars",
    "breakers",
    "blast_radius",
    "scale",
    "error_budget",
    "cost",
    "standing",
    "break_glass",
}


def drawn(number: int) -> list[dict[str, Any]]:
    return [draw_policy(random.Random(seed)) for seed in range(number)]


def test_every_drawn_policy_is_valid_and_every_key_is_used_and_left_out() -> None:
    policies = drawn(300)
    assert all(Policy.from_mapping(policy).digest for policy in policies)
    assert set().union(*policies) == KEYS
    always = set.intersection(*(set(policy) for policy in policies))
    assert always == {
        "version",
        "lowest_environment",
        "matrix",
        "requesters",
        "operators",
        "confirmation_timeout",
    }


def test_tiers_are_never_laxer() -> None:
    for policy in drawn(300):
        for environment, tiers in policy.get("tiers", {}).items():
            for row in tiers.values():
                for risk, word in row.items():
                    assert STRICT[word] >= STRICT[policy["matrix"][environment][risk]]
        for entry in policy.get("approvals", {}).values():
            for tier in entry.get("tiers", {}).values():
                assert tier.get("count", 9) >= entry["count"]
                assert SECONDS[tier.get("timeout", entry["timeout"])] <= SECONDS[entry["timeout"]]
                assert set(tier.get("all_of", entry.get("all_of", ()))) >= set(entry.get("all_of", ()))


def test_some_are_different_and_at_least_so_many() -> None:
    for seed in range(50):
        names = some(random.Random(seed), ("a", "b", "c"), 2)
        assert 2 <= len(set(names)) == len(names)
