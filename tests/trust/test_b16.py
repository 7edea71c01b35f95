"""B16, the short form: each way to engage the kill switch, also with the database locked and Slack dead, and restarts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.stop_file import engage_file
from trust import b16, b16_together, b16_trial
from trust.b2_installation import folder
from trust.b16_bot import PLACES
from trust.b16_trial import ALLOWED, WAYS, BotAtWork, Seen, Trial, dead_slack, draw, hold

SEED = 20261121
# One bot for each list, all at once.
TRIALS = {
    "files": [Trial("file", "all", "", False, 0.05), Trial("empty file", "all", "", False, 0.1)],
    "row": [Trial("row", "all", "", False, 0.05), Trial("row", "service", "at-two", False, 0.1)],
    "signal": [Trial("signal", "all", "", False, 0.05), Trial("signal", "all", "", True, 0.1)],
    "command": [Trial("command", "environment", "one", False, 0.05)],
    "locked": [Trial("file", "all", "", True, 0.05), Trial("chat", "all", "", True, 0.1)],
    "chat": [Trial("chat", "all", "", False, 0.05)],
}


async def on_one_bot(trials: list[Trial], slack_url: str) -> list[Seen]:
    async with folder() as where:
        bot = BotAtWork(where, slack_url)
        await bot.begin()
        try:
            assert await bot.at_work(set(PLACES))
            return [await hold(bot, trial) for trial in trials]
        finally:
            bot.end()


def test_B16_T55_no_step_starts_a_second_after_whatever_engaged_it() -> None:
    async def all_of_them() -> list[list[Seen]]:
        with dead_slack() as url:
            names = list(TRIALS)
            started = (on_one_bot(TRIALS[name], url if names.index(name) % 2 else "") for name in names)
            return await asyncio.gather(*started)

    found = dict(zip(TRIALS, asyncio.run(all_of_them()), strict=True))
    assert {name: [each.late for each in seen] for name, seen in found.items() if any(s.late for s in seen)} == {}
    assert {name: [each.told for each in seen] for name, seen in found.items() if any(s.told for s in seen)} == {}
    assert all(each.busy for seen in found.values() for each in seen)
    assert max(each.last for seen in found.values() for each in seen) < ALLOWED
    assert {trial.way for trials in TRIALS.values() for trial in trials} == set(WAYS)


@pytest.mark.parametrize("way", ["file", "row", "signal"])
def test_B16_T55_it_stays_engaged_over_restarts(way: str) -> None:
    assert asyncio.run(b16.restarted(way, 2)) == []


def test_B16_T55_no_stop_is_lost_when_several_engage_and_lift_at_once(tmp_path: Path) -> None:
    assert b16_together.play(tmp_path, SEED, range(60)) == []


def test_what_was_lost_is_told(tmp_path: Path) -> None:
    engage_file(tmp_path / "switch-0", "service", "s1", "storm", "judge")
    engage_file(tmp_path / "switch-1", "service", "s1", "storm", "judge")
    assert [told.split()[1] for told in b16_together.lost(tmp_path, 0)] == ["old", "s0", "s2"]
    assert [told.split()[1] for told in b16_together.lost(tmp_path, 1)] == ["s2"]


def test_the_judge_sees_a_step_that_starts_too_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf(BotAtWork):
        """Goes on whatever it is told."""

        def starts(self, since: float) -> list[tuple[float, str, str]]:
            return [(since + after, place, "look") for after in (0.01, 0.8, 1.1) for place in PLACES]

        def tell(self, *words: str) -> None:
            assert words

        async def hear(self, wanted: str) -> object:
            return wanted

        async def at_work(self, places: set[str], *, all_of_them: bool = True) -> bool:
            return True

    monkeypatch.setattr(b16_trial, "ALLOWED", 0.9)
    seen = asyncio.run(hold(Deaf(tmp_path), Trial("file", "all", "", False, 0.0)))
    assert len(seen.late) == len(PLACES)
    assert (tmp_path / "kill_switch").exists()


def test_trials_are_drawn_again_and_every_way_is_met() -> None:
    assert draw(SEED, 7) == draw(SEED, 7)
    drawn = [draw(SEED, number) for number in range(300)]
    assert {trial.way for trial in drawn} == set(WAYS)
    assert not [trial for trial in drawn if trial.locked and trial.way == "row"]
    with pytest.raises(ValueError, match="neither"):
        b16.replay(SEED, "x")
