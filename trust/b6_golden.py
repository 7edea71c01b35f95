"""B6: plans whose digests never change: trust/golden_digests.json, and how it is written.

`python -m trust.b6_golden` writes it anew; do that only when a plan has got a new field, for then every approval of an older
version is void (case T09). The digests in it were found the same by trust/b6_canonical.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.plan import Plan
from trust.b6_canonical import digest
from trust.b6_sample import act, sample

GOLDEN = Path(__file__).with_name("golden_digests.json")
NUMBERS = [
    0,
    -0.0,
    0.1,
    1e-7,
    1e-6,
    1e21,
    123456789012345680000.0,
    5e-324,
    1.7976931348623157e308,
    -1.5,
    2**53 - 1,
    1 / 3,
]
TEXTS = [
    '"\\/\b\f\n\r\t',
    "\u0000\u001f\u007f\u0080\u2028\ufeff",
    "é e\u0301",
    "\U0001d4b3 \ue000 \ufffd",
    "</script>",
    "",
]


def plans() -> Iterator[tuple[str, Plan]]:
    """What a canonical form can get wrong, one plan each."""
    rich = sample()
    step = rich.steps[1]
    small = rich.model_copy(update={"steps": (step,), "parameters": {}, "why": ""})
    yield "rich", rich
    yield "small", small
    yield "numbers", small.model_copy(update={"parameters": {"values": NUMBERS}})
    yield "texts", small.model_copy(update={"parameters": {"values": TEXTS}})
    keys = {"\ufb33": 1, "\U0001d4b3": 2, "\r": 3, "1": 4, "": 5, "ö": 6, "</": 7, "\u0080": 8, "a": {"b": {}, "a": []}}
    yield "order of keys", small.model_copy(update={"parameters": keys})
    odd = rich.created_at.replace(microsecond=0)
    yield "instants", small.model_copy(update={"created_at": odd, "expires_at": odd + timedelta(microseconds=10)})
    two = (step, step.model_copy(update={"id": "again", "rollback": (act("undo", {"a": [[], {}]}), act("undo", {}))}))
    yield "rollback", rich.model_copy(update={"steps": two})


def read() -> list[dict[str, Any]]:
    """`{"name", "plan", "digest"}` of each."""
    found: list[dict[str, Any]] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return found


def write() -> None:
    """Write the file. Raises ValueError when both implementations differ."""
    made = []
    for name, plan in plans():
        dumped = plan.model_dump(mode="json")
        if digest(dumped) != plan.digest:
            raise ValueError(f"{name}: two digests")
        made.append({"name": name, "plan": dumped, "digest": plan.digest})
    GOLDEN.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
