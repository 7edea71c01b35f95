"""B6: ways to change a plan: one place at a time, every place; and at random, several places at once.

Used by trust/b6.py and trust/b6_refusal.py. Works on the JSON of a plan; whether the result is still a plan is for the
caller to see.
"""

from __future__ import annotations

import json
import string
from collections.abc import Iterator
from random import Random
from typing import Any

Path = tuple[str | int, ...]
ALPHABET = string.ascii_letters + string.digits + " -_./:\u00e9\u20ac\U0001d4b3\u200b\u0430"
SIMILAR = {"a": "\u0430", "e": "\u0435", "o": "\u043e", "p": "\u0440", "c": "\u0441", "-": "\u2010", "1": "l", "0": "O"}


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where every value stands that is neither a list nor a mapping with something in it."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    empty = True
    for key, each in inside:
        empty = False
        yield from leaves(each, (*path, key))
    if empty:
        yield path


def branches(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where every list and mapping stands."""
    if isinstance(value, (dict, list)):
        yield path
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from branches(each, (*path, key))


def at(value: Any, path: Path) -> Any:
    """What stands there."""
    for key in path:
        value = value[key]
    return value


def put(value: Any, path: Path, new: Any) -> Any:
    """The same with something else there; changes what it is given."""
    at(value, path[:-1])[path[-1]] = new
    return value


def others(value: Any) -> list[Any]:
    """Other values for one place, of its type and of some others."""
    made: list[Any] = [None, True, False, 0, 1, "", "x", [], {}, [value], {"value": value}]
    if isinstance(value, bool):
        made.append(not value)
    elif isinstance(value, (int, float)):
        made += [value + 1, value - 1, -value, value * 2, value + 0.5, str(value)]
    elif isinstance(value, str):
        made += [f"{value} ", f" {value}", f"{value}\u200b", value.upper(), value.title(), value[:-1], value + value]
        made += [value.replace(old, new, 1) for old, new in SIMILAR.items() if old in value]
        made += later(value)
    return [each for each in made if type(each) is not type(value) or each != value]


def later(value: str) -> list[str]:
    """An instant a moment later and in another year; nothing for other strings."""
    if len(value) > 19 and value[4] == value[7] == "-" and value[10] == "T":
        return [value.replace("2026", "2027"), value.replace("Z", "+00:01"), value.replace(".123456", ".123457")]
    return []


def each_once(plan: Any) -> Iterator[tuple[Path, Any]]:
    """Every place of the plan changed alone, in every way that `others` knows; lists and mappings as well."""
    written = json.dumps(plan)
    for path in leaves(plan):
        for new in others(at(plan, path)):
            yield path, put(json.loads(written), path, new)
    for path in branches(plan):
        for change in range(4):
            changed = json.loads(written)
            if bend(at(changed, path), change, Random(change)):  # noqa: S311  # reason: not a secret
                yield path, changed


def bend(inside: Any, change: int, dice: Random) -> bool:
    """Change a list or a mapping itself; False when that cannot be done to it."""
    if isinstance(inside, list):
        if change == 0:
            inside.append(json.loads(json.dumps(inside[-1])) if inside else "x")
        elif change == 1 and inside:
            inside.pop(dice.randrange(len(inside)))
        elif change == 2 and len(inside) > 1:
            inside.insert(0, inside.pop())
        elif change == 3 and inside:
            inside.insert(0, json.loads(json.dumps(dice.choice(inside))))
        else:
            return False
        return True
    key = dice.choice(sorted(inside)) if inside else ""
    if change == 0:
        inside[f"{key}_"] = "x"
    elif change == 1 and inside:
        del inside[key]
    elif change == 2 and inside:
        inside[f"{key} "] = inside.pop(key)
    elif change == 3 and len(inside) > 1:
        first, second = dice.sample(sorted(inside), 2)
        inside[first], inside[second] = inside[second], inside[first]
    else:
        return False
    return True


class Changer:
    """Changes one plan at random. plan: its JSON."""

    def __init__(self, plan: Any) -> None:
        self._written = json.dumps(plan)
        self._leaves = list(leaves(plan))
        self._branches = list(branches(plan))

    def change(self, dice: Random) -> Any:
        """The plan with one to three things changed; now and then nothing comes of it."""
        plan = json.loads(self._written)
        for _ in range(dice.choice((1, 1, 1, 2, 3))):
            if dice.random() < 0.85:
                path = dice.choice(self._leaves)
                self._leaf(plan, path, dice)
            else:
                inside = self._at(plan, dice.choice(self._branches))
                if isinstance(inside, (list, dict)):
                    bend(inside, dice.randrange(4), dice)
        return plan

    def _at(self, plan: Any, path: Path) -> Any:
        """What stands there, None when an earlier change took it away."""
        try:
            return at(plan, path)
        except (KeyError, IndexError, TypeError):
            return None

    def _leaf(self, plan: Any, path: Path, dice: Random) -> None:
        inside, key = self._at(plan, path[:-1]), path[-1]
        old = self._at(plan, path)
        if not isinstance(inside, (list, dict)) or old is None:
            return
        inside[key] = drawn(old, dice)  # type: ignore[index]  # reason: a key of a mapping or a place of a list, as found


def drawn(old: Any, dice: Random) -> Any:
    """Another value of the same type, mostly a very similar one."""
    if isinstance(old, bool):
        return not old
    if isinstance(old, int):
        return old + dice.choice((1, -1, 1 << dice.randrange(40)))
    if isinstance(old, float):
        return old * (1 + 2.0 ** -dice.randrange(50))
    if isinstance(old, str):
        place = dice.randrange(len(old) + 1)
        kind = dice.randrange(4)
        letter = dice.choice(ALPHABET)
        if kind == 0:
            return old[:place] + letter + old[place:]
        if kind == 1:
            return old[:place] + old[place + 1 :]
        if kind == 2:
            return old[:place] + letter + old[place + 1 :]
        return old[:place] + SIMILAR.get(old[place : place + 1], letter) + old[place + 1 :]
    return dice.choice((old, "x", 1, None))
