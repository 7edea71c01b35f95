"""The marker at the end of everything the recorders write: how a repeat is recognised (trust rule 11).

Used by the PagerDuty, Jira and ServiceNow recorders; bot/sources/pagerduty.py drops notes that carry it. Pure.
"""

from __future__ import annotations


def marker(delivery_id: int) -> str:
    """`[cs-<delivery id>]`."""
    return f"[cs-{delivery_id}]"


def marked(text: str, delivery_id: int) -> str:
    """The text with its marker on the last line."""
    return f"{text.rstrip()}\n{marker(delivery_id)}"


def carries(text: str, delivery_id: int) -> bool:
    """Whether the text *ends* with this marker: a quoted one in the middle proves nothing."""
    return text.rstrip().endswith(marker(delivery_id))


def fitting(text: str, delivery_id: int, limit: int) -> str:
    """Marked text of at most `limit` characters; the beginning stays, and a cut is said."""
    end = f"\n{marker(delivery_id)}"
    body = text.rstrip()
    if len(body) + len(end) > limit:
        cut = "\n[shortened]"
        body = body[: limit - len(end) - len(cut)] + cut
    return body + end
