"""The refusal for something that was not given: the same code and wording in every guard.

Called by guards that need a field of the context. A missing value is never a wildcard (trust cases T34 and T35).
"""

from __future__ import annotations

from guards.decision import Deny


def missing(field: str) -> Deny:
    """Deny with code `missing_context` (docs/policy.md). field: what is not known, `environment`, `actor`, `cost`, ..."""
    return Deny(
        code="missing_context",
        reason=f"It is not known which {field} this is about." if field != "now" else "The present time is not known.",
        remedy=f"Give the {field} in the context; nothing is assumed for it.",
    )
