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
from guards.blast_radius import BlastRadius, blast_radius
from guards.chain import Decorator, Guard, decide, explain, guarded, guards_of, unguarded
from guards.context import Actor, Asker, Context, PastAct, Stop, current, use
from guards.decision import Allow, Approvers, Ask, Decision, Deny, Finding, Verdict
from guards.errors import Declined, Denied, Refused, TimedOut
from guards.exclusive import Exclusive, exclusive
from guards.forbidden import Forbidden, forbidden
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
    "BlastRadius",
    "Context",
    "Decision",
    "Declined",
    "Decorator",
    "Denied",
    "Deny",
    "Exclusive",
    "Finding",
    "Forbidden",
    "Guard",
    "PastAct",
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
    "allowed_envs",
    "blast_radius",
    "current",
    "decide",
    "exclusive",
    "explain",
    "forbidden",
    "guarded",
    "guards_of",
    "may_vote",
    "rate_limit",
    "require_approval",
    "require_confirmation",
    "require_role",
    "tally",
    "terminal",
    "unguarded",
    "use",
]
