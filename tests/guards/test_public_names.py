"""guards/__init__.py: what is public, and that the docstring's script runs as printed."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import guards

ROOM = Path(guards.__file__).parent
DECORATORS = (
    "allowed_envs",
    "autonomy",
    "blast_radius",
    "change_window",
    "circuit_breaker",
    "cost_cap",
    "error_budget",
    "exclusive",
    "forbidden",
    "max_change",
    "rate_limit",
    "require_approval",
    "require_confirmation",
    "require_role",
)


def test_every_public_name_exists_once_and_sorted() -> None:
    assert list(guards.__all__) == sorted(set(guards.__all__))
    assert all(getattr(guards, name) is not None for name in guards.__all__)


def test_each_decorator_lives_in_the_file_of_its_name() -> None:
    for name in DECORATORS:
        assert callable(getattr(guards, name))
        assert (ROOM / f"{name}.py").is_file()
        guard = getattr(guards, "".join(part.capitalize() for part in name.split("_")))
        assert guard.rule == name
        assert name in guards.__all__


CLASSES = sorted(
    {
        value
        for path in ROOM.glob("*.py")
        for value in vars(importlib.import_module(f"guards.{path.stem}".removesuffix(".__init__"))).values()
        if isinstance(value, type) and value.__module__.startswith("guards.")
    },
    key=lambda found: (found.__module__, found.__name__),
)


@pytest.mark.parametrize("found", CLASSES, ids=lambda found: f"{found.__module__}.{found.__name__}")
def test_every_class_is_a_frozen_value_a_failure_or_a_protocol(found: type) -> None:
    if issubclass(found, Exception) or getattr(found, "_is_protocol", False):
        assert not dataclasses.is_dataclass(found)
        return
    parameters = found.__dict__["__dataclass_params__"]
    assert (parameters.frozen, parameters.eq) == (True, True)
    assert "__slots__" in vars(found), "a mistyped field would be kept silently"
    if (
        hasattr(found, "check")
        and found.__name__ not in {"AllowedEnvs", "LimitsElsewhere"}
        and dataclasses.fields(found)
    ):
        assert all(field.kw_only for field in dataclasses.fields(found)), "a rule's settings are named where it is used"


def test_only_the_standard_library_is_imported() -> None:
    for path in ROOM.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.split(".")[0] in {*sys.stdlib_module_names, "guards"}, (path.name, name)


@pytest.mark.parametrize(
    ("typed", "printed"), [("y\n", "sessions: cleared"), ("n\n", "not run (declined)"), ("", "not run (declined)")]
)
def test_the_script_in_the_docstring_runs(typed: str, printed: str, tmp_path: Path) -> None:
    found = re.search(r"```python\n(.*?)```", guards.__doc__ or "", re.DOTALL)
    assert found is not None
    lines = [line for line in found[1].splitlines() if line]
    assert len(lines) <= 15
    script = tmp_path / "script.py"
    script.write_text(found[1])
    done = subprocess.run(
        [sys.executable, str(script)],
        input=typed,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env={"PYTHONPATH": str(ROOM.parent)},
    )
    assert done.stdout.startswith(printed)
    assert "Clear cache?" in done.stderr


# What a script may leave out, and what that means. Whoever changes one of these changes other people's rules.
SIGNATURES = {
    "Actor": "(id, name='', roles=frozenset(), is_bot=False)",
    "Allow": "(reason='', standing='')",
    "Approvers": "(count, any_of=(), all_of=())",
    "Ask": "(kind, message, timeout_seconds, approvers=None)",
    "Autonomy": "(*, ceiling, question=None)",
    "BlastRadius": "(*, max_targets=1, max_percent=None, min_healthy=None, one_domain=False)",
    "Calendar": "(periods=(), problems=())",
    "Change": "(current, wanted, unit='instances')",
    "ChangeWindow": "(*, days, start, end, timezone)",
    "CircuitBreaker": "(*, max, window=0.0, cooldown=0.0, per='remediation', question=None)",
    "Context": "(action='', environment='', now=None, actor=None, service='', tier=None, risk='', targets=(), run='', scopes=(), history=(), holders=<factory>, stops=(), ask=None, runbook='', incident='', autonomy='', calendar=None, breakers=(), inventory=None, change=None, cost=None, budget_burned=None, break_glass=None, members=(), members_in_all=())",
    "CostCap": "(*, currency, per_act=None, per_day=None, ask_above=None, question=None)",
    "Decision": "(outcome, denials, questions, trace, policy_digest='', standing='')",
    "ErrorBudget": "(*, max_burned_percent)",
    "Exclusive": "(*, per='target')",
    "Finding": "(rule, verdict, inputs=<factory>)",
    "Forbidden": "(*, reason)",
    "Freeze": "(*, watched)",
    "InChangeWindow": "(*, windows)",
    "Inventory": "(total, healthy, domains=<factory>)",
    "MaxChange": "(*, percent=50.0, max_factor=3.0, question=None)",
    "OpenBreaker": "(key, opened_at, trial_run='')",
    "PastAct": "(action, service, environment, target, actor, at, result, incident='', cost=0.0, standing='')",
    "Policy": "(*, digest, lowest_environment, environments, cells, approvals, requesters, operators, limits, confirmation_timeout, tier_cells=(), autonomy=(), standing=(), break_glass=None, breakers=(), blast_radii=(), scale=<factory>, error_budget=None, cost=None, periods=(), calendars=())",
    "RateLimit": "(*, max, window, per, env='', action='', service='')",
    "RequireApproval": "(*, count=1, any_of=(), all_of=(), timeout=900.0, message='Approve this?')",
    "RequireConfirmation": "(*, message='Go ahead?', timeout=120.0)",
    "RequireRole": "(*, roles, bot_allowed=False)",
    "autonomy": "(*, ceiling)",
    "blast_radius": "(*, max_targets=1, max_percent=None, min_healthy=None, one_domain=False)",
    "change_window": "(*, days, start, end, timezone)",
    "circuit_breaker": "(*, max, window=0.0, cooldown=0.0, per='remediation')",
    "cost_cap": "(*, currency, per_act=None, per_day=None, ask_above=None)",
    "decide": "(guards, context, policy_digest='')",
    "error_budget": "(*, max_burned_percent)",
    "exclusive": "(*, per='target')",
    "forbidden": "(*, reason)",
    "increments": "(current, wanted, percent=50.0)",
    "max_change": "(*, percent=50.0, max_factor=3.0)",
    "may_vote": "(approvers, person, groups, requester, excluded=frozenset(), is_bot=False)",
    "rate_limit": "(*, max, window, per, env='', action='', service='')",
    "require_approval": "(*, count=1, any_of=(), all_of=(), timeout=900.0, message='Approve this?')",
    "require_confirmation": "(*, message='Go ahead?', timeout=120.0)",
    "tally": "(approvers, votes, requester, excluded=frozenset())",
    "use": "(context=None, /, **changes)",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_what_may_be_left_out_stays_what_it_is(name: str) -> None:
    found = inspect.signature(getattr(guards, name))
    parameters = [each.replace(annotation=each.empty) for each in found.parameters.values()]
    assert str(found.replace(parameters=parameters, return_annotation=found.empty)) == SIGNATURES[name]
