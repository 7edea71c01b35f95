"""Simulation: the bot's own path, stopped before anything is touched (mission R4).

`play_cases` plays the cases a runbook carries: `runbookctl test`, `runbookctl promote`. bot/simulation/rehearsal.py goes
through a whole incident up to the question that people are asked: `runbookctl simulate`. Must not open a socket, start a
process, or have an adapter.
"""

from __future__ import annotations

from bot.simulation.cases import Came, CaseResult, play, play_cases

__all__ = ["Came", "CaseResult", "play", "play_cases"]
