"""B16: several people at the switch at once: nobody's stop is lost because another one was engaged or lifted.

Used by trust/b16.py. Processes that meet at a barrier, a fresh file each time; the file alone must hold what was engaged, since
it is what works with the database down.
"""

from __future__ import annotations

from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from random import Random

from bot.errors import CountersignError
from bot.stop_file import engage_file, lift_file, stops_in_file

HANDS = 3
PATIENCE = 60.0  # seconds at the barrier
OLD = ("service", "old")
"""Is engaged before; in every second round one hand lifts it while the others engage."""


def hand(number: int, where: Path, rounds: range, seed: int, barrier: Barrier) -> None:
    """One process. The first hand lifts in odd rounds, everybody else engages a service of his own."""
    dice = Random(f"{seed}/hand/{number}")  # noqa: S311  # reason: cases must come again with their seed
    for turn in rounds:
        file = where / f"switch-{turn}"
        barrier.wait(PATIENCE)
        for _ in range(dice.randrange(400)):
            pass
        try:
            if number == 0 and turn % 2:
                lift_file(file, *OLD)
            else:
                engage_file(file, "service", f"s{number}", "storm", "judge")
        except CountersignError as error:
            (where / f"failed-{turn}-{number}").write_text(str(error), encoding="utf-8")


def play(where: Path, seed: int, rounds: range) -> list[tuple[int, str]]:
    """(round, what was lost) of those in which something was."""
    context = get_context("forkserver")
    barrier = context.Barrier(HANDS)
    for turn in rounds:
        engage_file(where / f"switch-{turn}", *OLD, "long ago", "judge")
    hands = [
        context.Process(target=hand, args=(number, where, rounds, seed, barrier), daemon=True)
        for number in range(HANDS)
    ]
    for each in hands:
        each.start()
    for each in hands:
        each.join(PATIENCE + len(rounds))
        each.kill()
    return [(turn, told) for turn in rounds for told in lost(where, turn)]


def lost(where: Path, turn: int) -> list[str]:
    """What one round lost."""
    found = {(stop.level, stop.name) for stop in stops_in_file(where / f"switch-{turn}")}
    lifted = bool(turn % 2)
    wanted = {("service", f"s{number}") for number in range(int(lifted), HANDS)} | (set() if lifted else {OLD})
    failed = [path.read_text(encoding="utf-8") for path in where.glob(f"failed-{turn}-*")]
    told = [f"{level} {name} is not engaged" for level, name in sorted(wanted - found)]
    return [*told, *failed]
