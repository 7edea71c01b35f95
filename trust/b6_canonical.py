"""RFC 8785 written a second time, for B6: the digest of a plan, computed with the standard library alone.

Used by trust/b6.py inside this process, and run by it under every other Python of the machine: `python b6_canonical.py` reads
a JSON list of plans and prints the list of their digests. Shares no code with bot/plan.py and imports nothing of this project.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from typing import Any

SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
LARGEST = 2**53  # beyond it not every whole number is one (RFC 8785 section 3.2.2.3, I-JSON)


def canonical(value: Any) -> str:
    """The canonical text. Raises ValueError for what has none."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return text(value)
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, list):
        return "[" + ",".join(canonical(each) for each in value) + "]"
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return "{" + ",".join(text(key) + ":" + canonical(value[key]) for key in keys) + "}"
    raise ValueError(f"{type(value).__name__} has no canonical form")


def text(value: str) -> str:
    """A string between quotes; everything that need not be escaped stands as it is."""
    return '"' + "".join(SHORT.get(each) or (f"\\u{ord(each):04x}" if each < " " else each) for each in value) + '"'


def number(value: float) -> str:
    """A number as ECMAScript writes it: the shortest digits that mean it, without an exponent from 1e-6 to 1e21."""
    if isinstance(value, int):
        if abs(value) >= LARGEST:
            raise ValueError(f"{value} is not exact in JSON")
        return str(value)
    if not math.isfinite(value):
        raise ValueError(f"{value} is no JSON number")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    power = f"e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return sign + digits[0] + ("." + digits[1:] if count > 1 else "") + power


def digest(plan: Any) -> str:
    """sha256 over the canonical text, 64 hex characters."""
    return hashlib.sha256(canonical(plan).encode("utf-8")).hexdigest()


if __name__ == "__main__":
    json.dump([digest(each) for each in json.load(sys.stdin)], sys.stdout)
