"""The digest of a runbook: what a promotion vouches for and what evidence counts for (mission R5, case T41).

Called by promotion checks, lint output and cards. Must not depend on the file's place, comments or layout.
"""

from __future__ import annotations

import hashlib

import rfc8785

from runbooks.model import Runbook


def canonical(runbook: Runbook) -> bytes:
    """The RFC 8785 canonical JSON of the whole runbook, without the name of its file and without its tests."""
    return rfc8785.dumps(runbook.model_dump(mode="json", by_alias=True, exclude={"tests"}))


def digest(runbook: Runbook) -> str:
    """sha256 of the canonical form, 64 hex characters. Any change of meaning or wording gives another digest."""
    return hashlib.sha256(canonical(runbook)).hexdigest()
