"""Knowledge: an imported procedure or postmortem as it is kept, a head of strict YAML and the page as it came (R9).

Made by runbooks/page.py, kept by `runbookctl import`, read by runbooks/shelf.py. A page is somebody's text: it is shown as
data, never rendered, fetched or obeyed. Must not read files.
"""

from __future__ import annotations

import json

from pydantic import BaseModel, ConfigDict, Field

from runbooks.folder import Problem
from runbooks.strict import StrictError, parse

LONGEST_TEXT = 60_000  # characters of a page that are kept
FENCE = "---"


class Entry(BaseModel):
    """One page of knowledge. kind: `procedure` or `postmortem`; symptoms: phrases it can be found by; text: the page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    title: str = Field(min_length=1, max_length=200)
    kind: str = Field(pattern=r"^(procedure|postmortem)$")
    symptoms: tuple[str, ...] = ()
    text: str = Field(default="", exclude=True)


def entry_text(entry: Entry) -> str:
    """The entry as it is kept: a head of strict YAML between `---`, then the page as it came."""
    head = "".join(
        f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in entry.model_dump(mode="json").items()
    )
    return f"{FENCE}\n{head}{FENCE}\n{entry.text}"


def parse_entry(text: str, source: str) -> Entry | Problem:
    """An entry from its kept form, or what is wrong with it."""
    opening, _, rest = text.partition("\n")
    head, found, page = rest.partition(f"\n{FENCE}\n")
    if opening != FENCE or not found:
        return Problem(source, 1, 1, "no head between two lines of `---`.", "make it with `runbookctl import`.")
    try:
        document = parse(head)
        return Entry.model_validate_json(json.dumps({**dict(document.data or {}), "text": page[:LONGEST_TEXT]}))
    except StrictError as error:
        return Problem(source, error.line + 1, error.column, error.message, error.fix)
    except (ValueError, TypeError) as error:
        reason = str(error).splitlines()[0]
        return Problem(source, 2, 1, f"the head is wrong: {reason}.", "make it again with `runbookctl import`.")
