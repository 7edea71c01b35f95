"""The roster: every operation is guarded and named once, and what is listed is what is assembled."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import guards
from bot import roster
from bot.operations.base import Operation
from bot.roster import _guarded
from bot.sources.github import GitHubSource
from bot.sources.pagerduty import PagerDutySource

RESTART = roster.OPERATIONS["supervisor.restart"]


@pytest.mark.parametrize("name", sorted(roster.OPERATIONS))
def test_every_operation_is_guarded_and_complete(name: str) -> None:
    operation = roster.OPERATIONS[name]
    assert operation.name == name
    assert guards.guards_of(operation.plan)
    assert operation.target_kind
    assert operation.summary
    assert name.partition(".")[0] in roster.ADAPTERS


def bare(_request: Any) -> Any:
    raise NotImplementedError


def hidden(request: Any) -> Any:
    """A foreign decorator without functools.wraps."""
    return RESTART.plan(request)


@pytest.mark.parametrize("planner", [bare, hidden])
def test_T42_an_operation_without_guards_stops_the_program(planner: Any) -> None:
    with pytest.raises(ValueError, match="no guard"):
        _guarded((replace(RESTART, plan=planner),))


def test_two_operations_of_one_name_stop_the_program() -> None:
    with pytest.raises(ValueError, match="two operations"):
        _guarded((RESTART, RESTART))


def test_a_planner_called_outside_of_the_gate_refuses() -> None:
    operation: Operation = RESTART
    with pytest.raises(guards.Denied):
        operation.plan(None)  # type: ignore[arg-type]  # reason: it must refuse before it looks


def test_sources_are_those_that_exist() -> None:
    assert set(roster.SOURCES) == {PagerDutySource.name, GitHubSource.name}


def test_facts_that_runbooks_speak_about_have_a_kind() -> None:
    assert {"health", "state"} <= roster.FACT_NAMES
    assert {"http", "supervisor", "disk", "tcp", "process"} <= roster.FACT_KINDS
