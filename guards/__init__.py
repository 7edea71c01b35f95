"""Guards: say who may run what, where, how often and with whose yes; in the bot and in anyone's script.

Standard library only. A guarded function runs inside `use(...)` and refuses everywhere else. Try it:

```python
import guards


@guards.allowed_envs(["staging", "dev"])
@guards.require_confirmation(message="Clear cache?", timeout=120)
def clear_cache(name: str) -> str:
    return f"{name}: cleared"


with guards.use(environment="staging", ask=guards.terminal.ask):
    try:
        print(clear_cache("sessions"))
    except guards.Refused as refusal:
        print(f"not run ({refusal.code}): {refusal}")
```

Each decorator lives in a file of its name, beside a guard object of the same meaning (`AllowedEnvs`) for policies.
`from guards.rate_limit import RateLimit` works; `import guards.rate_limit as x` gives the decorator, not the module.
"""

from __future__ import annotations

from guards import terminal
from guards.allowed_envs import AllowedEnvs, allowed_envs
from guards.autonomy import Autonomy, autonomy
from guards.blast_radius import BlastRadius, blast_radius
from guards.chain import Decorator, Guard, decide, explain, guarded, guards_of, unguarded
from guards.change_window import ChangeWindow, InChangeWindow, change_window
from guards.circuit_breaker import CircuitBreaker, after_trial, circuit_breaker, key_of, opens
from guards.context import (
    Actor,
    Asker,
    BreakGlass,
    Calendar,
    Change,
    Context,
    Inventory,
    OpenBreaker,
    PastAct,
    Period,
    Stop,
    current,
    use,
)
from guards.cost_cap import CostCap, cost_cap
from guards.decision import Allow, Approvers, Ask, Decision, Deny, Finding, Verdict
from guards.error_budget import ErrorBudget, error_budget
from guards.errors import Declined, Denied, Refused, TimedOut
from guards.exclusive import Exclusive, exclusive
from guards.forbidden import Forbidden, forbidden
from guards.freeze import Freeze
from guards.max_change import MaxChange, increments, max_change
from guards.policy import Policy, PolicyError
from guards.rate_limit import RateLimit, rate_limit
from guards.require_approval import RequireApproval, require_approval
from guards.require_confirmation import RequireConfirmation, require_confirmation
from guards.require_role import RequireRole, require_role
from guards.tally import Tally, Vote, may_vote, tally

__all__ = [
    "Actor",
    "Allow",
    "AllowedEnvs",
    "Approvers",
    "Ask",
    "Asker",
    "Autonomy",
    "BlastRadius",
    "BreakGlass",
    "Calendar",
    "Change",
    "ChangeWindow",
    "CircuitBreaker",
    "Context",
    "CostCap",
    "Decision",
    "Declined",
    "Decorator",
    "Denied",
    "Deny",
    "ErrorBudget",
    "Exclusive",
    "Finding",
    "Forbidden",
    "Freeze",
    "Guard",
    "InChangeWindow",
    "Inventory",
    "MaxChange",
    "OpenBreaker",
    "PastAct",
    "Period",
    "Policy",
    "PolicyError",
    "RateLimit",
    "Refused",
    "RequireApproval",
    "RequireConfirmation",
    "RequireRole",
    "Stop",
    "Tally",
    "TimedOut",
    "Verdict",
    "Vote",
    "after_trial",
    "allowed_envs",
    "autonomy",
    "blast_radius",
    "change_window",
    "circuit_breaker",
    "cost_cap",
    "current",
    "decide",
    "error_budget",
    "exclusive",
    "explain",
    "forbidden",
    "guarded",
    "guards_of",
    "increments",
    "key_of",
    "max_change",
    "may_vote",
    "opens",
    "rate_limit",
    "require_approval",
    "require_confirmation",
    "require_role",
    "tally",
    "terminal",
    "unguarded",
    "use",
]
