"""Whether the parts of a scenario fit together: what the model alone cannot see.

Called by bot/sandbox/gameday/load.py. Pure: a scenario in, its mistakes out; a game day that could not fail, or could not
be played, is a mistake.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from bot.sandbox.gameday.scenario import Move, Person, Round, Scenario, Setup
from runbooks.pattern import PatternError, check
from runbooks.strict import Path

OWN_DETAILS = frozenset({"alert_name", "title", "name"})
WORDLESS = ("run", "confirm", "approve", "skip", "stop", "go_on", "it_happened", "give_up", "page")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong at a path of the file."""

    path: Path
    message: str
    fix: str


def mistakes(scenario: Scenario) -> list[Mistake]:
    """Everything that does not fit; empty when all is well."""
    found = [*_setup(scenario.setup), *_patterns(scenario)]
    if scenario.waits_for and not scenario.because:
        found.append(
            Mistake(("waits_for",), "waits_for without because.", "say in one sentence what it cannot do without that.")
        )
    if scenario.because and not scenario.waits_for:
        found.append(Mistake(("because",), "because without waits_for.", "name what it waits for, or remove it."))
    for i, played in enumerate(scenario.rounds):
        found += _round(played, scenario.setup, ("rounds", i))
    return found


def _setup(setup: Setup) -> Iterator[Mistake]:
    for i, name in enumerate(setup.runbooks):
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not name.endswith((".yaml", ".yml")):
            yield Mistake(
                ("setup", "runbooks", i), f"{name} is not a YAML file beside the scenario.", "write its relative name."
            )
    if not setup.runbooks and not setup.builtin_runbooks:
        yield Mistake(("setup", "builtin_runbooks"), "without any runbook nothing is played.", "name a runbook.")
    if setup.workers.running > setup.workers.total:
        yield Mistake(("setup", "workers"), "more workers run than there are.", "lower running.")
    for i, number in enumerate(setup.jobs):
        if number >= setup.workers.running:
            yield Mistake(("setup", "jobs", i), f"worker {number} does not run at first.", "name one that runs.")
    if len(setup.jobs) > 1:
        yield Mistake(("setup", "jobs"), "payments has one job.", "name one worker.")
    for i, name in enumerate(setup.area.kept if setup.area else ()):
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            yield Mistake(("setup", "area", "kept", i), f"{name} is outside the area.", "write its name in the area.")
    for service, facts in setup.watch.items():
        for fact, asked in facts.items():
            if asked not in ("/orders", "/health"):
                yield Mistake(
                    ("setup", "watch", service, fact),
                    f"the demo services have no {asked}.",
                    "write /orders or /health.",
                )


def _round(played: Round, setup: Setup, path: Path) -> Iterator[Mistake]:
    for i, move in enumerate(played.script):
        yield from _move(move, setup, (*path, "script", i))
    if not any(move.alert for move in played.script):
        yield Mistake(
            (*path, "script"), "nobody raises an alert.", "add a line `- alert: {...}`; there are no own detectors."
        )
    expect = played.expect
    step, guard = expect.step, expect.guard
    if bool(step.runbook) == bool(step.none):
        yield Mistake((*path, "expect", "step"), "neither a runbook nor none, or both.", "write one of them.")
    if step.runbook and not step.acts:
        yield Mistake(
            (*path, "expect", "step"), "the runbook's acts are not named.", "write acts: one expression for each."
        )
    if (guard.answer == "refused") != bool(guard.code):
        yield Mistake(
            (*path, "expect", "guard"), "a refusal and its code belong together.", "write answer: refused and code: ..."
        )
    if expect.verify.answer == "not_reached" and expect.verify.fact:
        yield Mistake(
            (*path, "expect", "verify", "fact"), "nothing is looked at when it is not reached.", "remove fact."
        )
    clash = {
        "act": expect.verify.answer != "not_reached",
        "success": expect.verify.answer == "proved",
        "page": expect.record.page is not None,
        "resolve": expect.record.incident == "resolved",
    }
    for i, never in enumerate(played.never):
        if clash.get(never):
            yield Mistake((*path, "never", i), f"never {never}, and yet it is expected.", "keep one of the two.")
    world = expect.verify.world
    if (world.disk_below is not None or world.kept is not None) and setup.area is None:
        yield Mistake((*path, "expect", "verify", "world"), "there is no area.", "describe it under setup: area.")
    if (world.version or world.canary) and setup.deployment is None:
        yield Mistake((*path, "expect", "verify", "world"), "there are no versions.", "write setup: deployment.")


def _move(move: Move, setup: Setup, path: Path) -> Iterator[Mistake]:
    if len(move.said) != 1:
        said = " and ".join(move.said) or "nothing"
        yield Mistake(path, f"a line of the script is one thing, this one says {said}.", "write one line for each.")
        return
    if (
        move.fault
        and move.fault.kind == "fill_disk"
        and (setup.area is None or setup.area.service != move.fault.service)
    ):
        yield Mistake(path, f"{move.fault.service} has no area that could fill.", "describe it under setup: area.")
    if move.fault and move.fault.kind == "dead_dependency" and setup.dependency != move.fault.service:
        yield Mistake(path, f"{move.fault.service} depends on nothing.", "write setup: dependency.")
    if move.fault and move.fault.kind.startswith("bad_") and setup.deployment != move.fault.service:
        yield Mistake(path, f"{move.fault.service} has no versions.", "write setup: deployment.")
    if move.fault and move.fault.worker is not None and move.fault.kind != "wedge":
        yield Mistake((*path, "fault", "worker"), "only a wedge may hit a worker.", "remove worker.")
    if move.fault and move.fault.until == "restart" and move.fault.kind not in ("slow", "error_rate", "lying_health"):
        yield Mistake((*path, "fault", "until"), f"{move.fault.kind} does not end by itself.", "remove until.")
    if move.wait_until and setup.freeze is None:
        yield Mistake(path, "there is no freeze to wait for.", "describe it under setup: freeze.")
    if move.alert:
        for name in sorted(OWN_DETAILS & set(move.alert.details)):
            yield Mistake((*path, "alert", "details", name), f"{name} is not a detail.", "use the keys of alert.")
    if move.person:
        yield from _person(move.person, (*path, "person"))


def _person(person: Person, path: Path) -> Iterator[Mistake]:
    if person.does in ("type", "reject") and not person.text:
        yield Mistake(path, f"{person.does} without text.", "write text: ...")
    if person.does in WORDLESS and person.text:
        yield Mistake((*path, "text"), f"nothing is typed to {person.does}.", "remove text.")
    if person.told and person.refused:
        yield Mistake((*path, "refused"), "told and refused together.", "write one of them.")


def _patterns(scenario: Scenario) -> Iterator[Mistake]:
    """Every expression of the file must be one."""
    for i, played in enumerate(scenario.rounds):
        expect, path = played.expect, ("rounds", i, "expect")
        places: list[tuple[Path, tuple[str, ...]]] = [
            ((*path, "detection", "says"), expect.detection.says),
            ((*path, "step", "acts"), expect.step.acts),
            ((*path, "step", "none"), (expect.step.none,)),
            ((*path, "guard", "says"), expect.guard.says),
            ((*path, "record", "page", "says"), expect.record.page.says if expect.record.page else ()),
        ]
        for j, move in enumerate(played.script):
            here: Path = ("rounds", i, "script", j)
            places.append(((*here, "wait_for"), (move.wait_for or "",)))
            if move.person:
                places.append(((*here, "person", "told"), (move.person.told,)))
        for where, patterns in places:
            for number, pattern in enumerate(patterns):
                try:
                    check(pattern)
                except PatternError as error:
                    yield Mistake((*where, number), f"{pattern[:60]!r} is no expression: {error}.", "correct it.")
