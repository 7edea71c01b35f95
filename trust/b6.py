"""B6: an approval is of exactly one plan. Every field changed alone, a million random changes, equal plans in other processes.

Run by trust/__main__.py; the short form runs in tests/trust/test_b6.py. `--case N` shows one random change again.
"""

from __future__ import annotations

import difflib
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

from pydantic import ValidationError

from bot.plan import Plan
from trust import b6_canonical, b6_golden, b6_refusal
from trust.b6_mutations import Changer, each_once
from trust.b6_refusal import strict
from trust.b6_sample import fields, missing, sample
from trust.order import Order, shares, spread
from trust.report import Figure

CHANGES, REFUSALS, SHUFFLES = 1_000_000, 4_000, 2_000
PER_JOB = 25_000
OTHER_WAY = 50  # every so many changes the second implementation must find the same digest
HASH_SEEDS = ("0", "1", "4242", "random")
VERSIONS = tuple(f"python3.{minor}" for minor in range(8, 16))
HERE = Path(__file__).resolve().parents[1]
CHILD = """
import json, sys
from bot.plan import Plan
print(json.dumps([Plan.model_validate(each).digest for each in json.load(sys.stdin)]))
"""


@dataclass(slots=True)
class Tally:
    """told: what went wrong. refused: changes that left no plan at all. same: changes that came to nothing."""

    cases: int = 0
    refused: int = 0
    same: int = 0
    told: list[str] = field(default_factory=list)


def alone() -> Figure:
    """Every place of the sample changed alone, in many ways."""
    began = time.monotonic()
    plan = sample()
    dumped, digest, text = plan.model_dump(mode="json"), plan.digest, strict(plan)
    tally = Tally()
    reached = {f"{model}.{name}": 0 for model, name in sorted(fields(plan))}
    for path, changed in each_once(dumped):
        name = ".".join(map(str, path))
        other = valid(changed)
        if other is None:
            tally.refused += 1
        elif strict(other) == text:
            tally.same += 1
        else:
            tally.cases += 1
            if other.digest == digest:
                tally.told.append(f"{name} is not in the digest")
            for place in owners(plan, path):
                reached[place] += 1
    tally.told += [f"{model}.{name} has no value of its own in the sample" for model, name in missing(plan)]
    return Figure(
        claim="b6",
        name="every field alone",
        run="every field, entry of a list and key of a mapping in a plan that leaves none out, changed alone",
        cases=tally.cases,
        violations=len(tally.told),
        seconds=time.monotonic() - began,
        reached=reached,
        examples=tally.told,
        extra={"no_longer_a_plan": tally.refused, "the_same_plan": tally.same, "fields": len(reached)},
    )


def owners(plan: Plan, path: tuple[str | int, ...]) -> list[str]:
    """The fields that a place of the plan's JSON belongs to, from the outside in."""
    found: list[str] = []
    value: Any = plan
    for key in path:
        if hasattr(type(value), "model_fields"):
            found.append(f"{type(value).__name__}.{key}")
            value = getattr(value, str(key), None)
        elif isinstance(value, tuple) and isinstance(key, int):
            value = value[key]
        else:
            break
    return found


def valid(written: Any) -> Plan | None:
    """The plan, None when it is none."""
    try:
        return Plan.model_validate(written)
    except ValidationError:
        return None


def dice_of(seed: int, number: int) -> Random:
    """The dice of one change."""
    return Random(f"{seed}/change/{number}")  # noqa: S311  # reason: cases must come again with their seed


def change(seed: int, numbers: range) -> Tally:
    """Random changes: as many plans that differ as there are numbers."""
    plan = sample()
    digest, text = plan.digest, strict(plan)
    changer = Changer(plan.model_dump(mode="json"))
    seen: dict[str, int] = {}
    tally = Tally()
    for number in numbers:
        dice = dice_of(seed, number)
        while True:
            other = valid(changer.change(dice))
            if other is None:
                tally.refused += 1
            elif (its := strict(other)) == text:
                tally.same += 1
            else:
                break
        tally.cases += 1
        found = other.digest
        if found == digest:
            tally.told.append(f"{number}: the digest of the unchanged plan")
        if seen.setdefault(found, hash(its)) != hash(its):
            tally.told.append(f"{number}: the digest of another changed plan")
        if number % OTHER_WAY == 0 and b6_canonical.digest(other.model_dump(mode="json")) != found:
            tally.told.append(f"{number}: the second implementation finds another digest")
    return tally


def random(order: Order, total: int) -> Figure:
    """A million plans that differ."""
    began = time.monotonic()
    tally = Tally()
    per_job = min(PER_JOB, -(-total // order.processes))
    for part in spread(partial(change, order.seed), shares(total, per_job), order.processes):
        tally.cases += part.cases
        tally.refused += part.refused
        tally.same += part.same
        tally.told += part.told
    again = f"python -m trust b6 --seed {order.seed} --case"
    return Figure(
        claim="b6",
        name="random changes",
        run="one to three random changes of a plan; digests compared with the plan's and with each other's",
        cases=tally.cases,
        violations=len(tally.told),
        seconds=time.monotonic() - began,
        goal=CHANGES,
        examples=[f"{told}; {again} {told.partition(':')[0]}" for told in tally.told],
        extra={"no_longer_a_plan": tally.refused, "the_same_plan": tally.same},
    )


def refusals(order: Order, total: int) -> Figure:
    """Changed plans against a real approval."""
    began = time.monotonic()
    share = -(-total // order.processes)
    found = list(spread(partial(b6_refusal.search, order.seed), shares(total, share), order.processes))
    told = [each for part in found for each in part.told]
    return Figure(
        claim="b6",
        name="refused by the store",
        run="changed plans against an approved approval: approvals.consume and use_approvals, every tenth through execute",
        cases=sum(part.tried for part in found),
        violations=len(told),
        seconds=time.monotonic() - began,
        reached={"carried through execute": sum(part.executed for part in found)},
        examples=told,
    )


def shuffled(value: Any, dice: Random) -> Any:
    """The same JSON with the keys of every mapping in another order."""
    if isinstance(value, dict):
        keys = list(value)
        dice.shuffle(keys)
        return {key: shuffled(value[key], dice) for key in keys}
    return [shuffled(each, dice) for each in value] if isinstance(value, list) else value


def equal(order: Order, total: int) -> Figure:
    """Equal plans have equal digests: other orders of keys, other processes, other versions of Python, golden vectors."""
    began = time.monotonic()
    golden = b6_golden.read()
    plans = [each["plan"] for each in golden]
    wanted = [each["digest"] for each in golden]
    told: list[str] = []
    cases = 0
    dice = dice_of(order.seed, -1)
    for _ in range(-(-total // len(plans))):
        for each, digest in zip(plans, wanted, strict=True):
            cases += 1
            if Plan.model_validate(shuffled(each, dice)).digest != digest:
                told.append("keys in another order")
    names = [each["name"] for each in golden]
    told += [f"{name} is not golden any more" for name, plan in b6_golden.plans() if plan.digest not in wanted]
    mixed = json.dumps([shuffled(each, dice) for each in plans])
    elsewhere = {f"PYTHONHASHSEED={seed}": [sys.executable, "-c", CHILD] for seed in HASH_SEEDS}
    alone = str(HERE / "trust" / "b6_canonical.py")
    elsewhere |= {v: [v, alone] for v in VERSIONS if shutil.which(v)}
    reached = {}
    for name, words in elsewhere.items():
        found = ask(words, mixed, name.partition("=")[2] or "random")
        reached[name] = len(found)
        cases += len(found)
        told += [f"{name}: {which}" for which, a, b in zip(names, found, wanted, strict=False) if a != b]
    reached = {name: count for name, count in reached.items() if count or name.startswith("PYTHONHASHSEED")}
    return Figure(
        claim="b6",
        name="equal plans",
        run="golden plans with keys in other orders, under other hash seeds, and by a second implementation in other Pythons",
        cases=cases,
        violations=len(told),
        seconds=time.monotonic() - began,
        reached=reached,
        examples=told,
    )


def ask(words: list[str], plans: str, seed: str) -> list[str]:
    """The digests that another process finds; none when that Python cannot be started."""
    surroundings = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(HERE)} | several()
    done = subprocess.run(words, input=plans, capture_output=True, text=True, cwd=HERE, env=surroundings, check=False)
    if done.returncode:
        return []
    found: list[str] = json.loads(done.stdout)
    return found


@cache
def several() -> dict[str, str]:
    """What makes pyenv, where there is one, start each of its Pythons by name."""
    if not shutil.which("pyenv"):
        return {}
    told = subprocess.run(["pyenv", "versions", "--bare"], capture_output=True, text=True, check=False)
    return {"PYENV_VERSION": ":".join(told.stdout.split())}


def measure(order: Order) -> list[Figure]:
    """All four, one after the other."""
    made = []
    for step in (
        alone,
        partial(random, order, order.size(CHANGES, 2_000)),
        partial(refusals, order, order.size(REFUSALS, 100)),
        partial(equal, order, order.size(SHUFFLES, 70)),
    ):
        made.append(step())
        order.say(f"  {made[-1].name}: {made[-1].cases:,} plans, {made[-1].violations} wrong")
    return made


def replay(seed: int, case: str) -> str:
    """One random change by its number: what differs, and both digests. Raises ValueError when it is no number."""
    if not case.isdecimal():
        raise ValueError(f"{case!r} is not the number of a change")
    plan = sample()
    changer = Changer(plan.model_dump(mode="json"))
    other = b6_refusal.changed(changer, plan, dice_of(seed, int(case)))
    before, after = (json.dumps(each.model_dump(mode="json"), indent=1).splitlines() for each in (plan, other))
    return "\n".join([*difflib.unified_diff(before, after, lineterm="", n=0), plan.digest, other.digest])
