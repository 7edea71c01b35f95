"""The configured policy as one frozen value, compiled to the same guard objects that the decorators use.

Made once at start from policy.yaml (bot/app.py); used by bot/stages/gate.py before every step. What each key means stands
in docs/policy.md. There is no permissive fallback: a policy that cannot be read raises PolicyError and nothing starts (case
T43). Must not read files or a clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from guards.autonomy import Autonomy
from guards.blast_radius import BlastRadius
from guards.break_glass import BrokenGlass
from guards.chain import Guard, conclude, findings
from guards.change_window import InChangeWindow
from guards.circuit_breaker import CircuitBreaker
from guards.context import Context
from guards.cost_cap import DAY, CostCap
from guards.decision import Allow, Approvers, Decision, Deny
from guards.error_budget import ErrorBudget
from guards.exclusive import Exclusive
from guards.freeze import Freeze
from guards.kill_switch import KillSwitch
from guards.known_environment import KnownEnvironment
from guards.matrix import MatrixCell
from guards.max_change import MaxChange
from guards.policy_limits import applicable
from guards.policy_matrix import WORDS
from guards.policy_periods import DeclaredCalendar, DeclaredPeriod, declared_calendars, declared_periods
from guards.policy_reading import PolicyError, canonical, read_policy
from guards.policy_rules import ApprovalRule, Escalation, approval_rules
from guards.rate_limit import RateLimit
from guards.require_approval import RequireApproval
from guards.require_confirmation import RequireConfirmation
from guards.require_role import RequireRole
from guards.scopes import Scopes
from guards.standing import StandingApproval, standing_approvals

__all__ = ["ApprovalRule", "Escalation", "Policy", "PolicyError"]

KEPT = 4_096
"""Compiled chains that are kept: one for each environment, action, service, tier and risk that is asked about."""

Compile = Callable[[str, str, str, int | None, str, str], tuple[Guard, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Made with `Policy.from_mapping`. What is not given is forbidden, off, or as strict as it can be.

    cells: (environment, risk, word) of the matrix. tier_cells: (environment, tier, risk, word), only what is stricter.
    autonomy: (environment, risk, most that the bot may do). blast_radii: by environment; one target where there is none.
    breakers, scale, cost: guards without the question, which depends on environment and tier. digest: sha256 of the
    canonical form, 64 hex characters; two files that mean the same have the same. confirmation_timeout: seconds.
    """

    digest: str
    lowest_environment: str
    environments: tuple[str, ...]
    cells: tuple[tuple[str, str, str], ...]
    approvals: tuple[ApprovalRule, ...]
    requesters: tuple[str, ...]
    operators: tuple[str, ...]
    limits: tuple[RateLimit, ...]
    confirmation_timeout: float
    tier_cells: tuple[tuple[str, int, str, str], ...] = ()
    autonomy: tuple[tuple[str, str, str], ...] = ()
    standing: tuple[StandingApproval, ...] = ()
    break_glass: BrokenGlass | None = None
    breakers: tuple[CircuitBreaker, ...] = ()
    blast_radii: tuple[tuple[str, BlastRadius], ...] = ()
    scale: MaxChange = field(default_factory=MaxChange)
    error_budget: ErrorBudget | None = None
    cost: CostCap | None = None
    periods: tuple[DeclaredPeriod, ...] = ()
    calendars: tuple[DeclaredCalendar, ...] = ()
    _compiled: Compile = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_compiled", lru_cache(maxsize=KEPT)(self._compile))

    @classmethod
    def from_mapping(cls, data: Mapping[str, object]) -> Policy:
        """The policy behind a loaded policy.yaml. Raises PolicyError for anything missing, unknown or empty."""
        read = read_policy(data)
        scale, glass = read["scale"], read["break_glass"]
        return cls(
            digest=hashlib.sha256(canonical(read)).hexdigest(),
            lowest_environment=read["lowest_environment"],
            environments=tuple(sorted(read["matrix"])),
            cells=_cells(read["matrix"]),
            approvals=approval_rules(read),
            requesters=tuple(read["requesters"]),
            operators=tuple(read["operators"]),
            limits=tuple(RateLimit(**limit) for limit in read["limits"]),
            confirmation_timeout=read["confirmation_timeout"],
            tier_cells=tuple(
                (environment, tier, risk, word)
                for environment, rows in sorted(read["tiers"].items())
                for tier, row in sorted(rows.items())
                for risk, word in sorted(row.items())
            ),
            autonomy=_cells(read["autonomy"]),
            standing=standing_approvals(read),
            break_glass=BrokenGlass(any_of=tuple(glass["any_of"]), timeout=glass["timeout"]) if glass else None,
            breakers=tuple(CircuitBreaker(per=per, **breaker) for per, breaker in sorted(read["breakers"].items())),
            blast_radii=tuple((env, BlastRadius(**radius)) for env, radius in sorted(read["blast_radius"].items())),
            scale=MaxChange(percent=scale["ask_above_percent"], max_factor=scale["max_factor"]),
            error_budget=ErrorBudget(**read["error_budget"]) if read["error_budget"] else None,
            cost=CostCap(**read["cost"]) if read["cost"] else None,
            periods=declared_periods(read),
            calendars=declared_calendars(read),
        )

    def decide(self, context: Context, more: Sequence[Guard] = ()) -> Decision:
        """What the policy and `more` rules (a runbook's, an operation's) say about this context, with the whole trace.

        Pure and total: the same context gives the same decision, and it never raises.
        """
        trace = findings((*self.guards(context), *more), context)
        if context.break_glass is not None and self.break_glass is not None:
            trace = self.break_glass.broken(trace, context)
        return conclude(trace, self.digest)

    def guards(self, context: Context) -> tuple[Guard, ...]:
        """Everything the policy has to say about this context, without the broken glass, which `decide` looks at."""
        about = (context.environment, context.action, context.service, context.risk)
        if not all(isinstance(name, str) for name in about) or type(context.tier) not in (int, type(None)):
            return (KillSwitch(), MatrixCell(environment="", risk="", word="forbid"))
        environment, action, service, risk = about
        targets = context.targets if isinstance(context.targets, tuple) else ()
        what = service or ", ".join(key for key in targets if isinstance(key, str))
        return self._compiled(environment, action, service, context.tier, risk, what)

    def word(self, environment: str, risk: str, tier: int | None = None) -> str:
        """What the matrix says for a service of that tier: `auto`, `confirm`, `approve` or `forbid`.

        A missing cell is `forbid`; without a tier, the strictest word of all tiers.
        """
        found = [word for place, kind, word in self.cells if (place, kind) == (environment, risk)] or ["forbid"]
        found += [word for _, word in self._tier_words(environment, risk, tier)]
        return max(found, key=lambda word: WORDS.index(word) if word in WORDS else len(WORDS))

    def approval(
        self, environment: str, tier: int | None = None, message: str = "Approve this?"
    ) -> RequireApproval | None:
        """The approval of the environment; None when nobody is named there, and then nobody may.

        Without a tier it needs what every tier would need.
        """
        rule = self._approval(environment)
        return rule.question(tier, message) if rule else None

    def approvers(self, environment: str, tier: int | None = None) -> Approvers | None:
        """Who approves there, as in `approval`."""
        rule = self._approval(environment)
        return rule.of(tier).approvers if rule else None

    def escalations(self, environment: str) -> tuple[Escalation, ...]:
        """Who may answer as well when nobody did, and after how many seconds; the earliest first, empty for nobody."""
        rule = self._approval(environment)
        return rule.escalations if rule else ()

    def remind_before(self, environment: str) -> float | None:
        """Seconds before the end of a question at which the thread is told; None for never."""
        rule = self._approval(environment)
        return rule.remind_before if rule else None

    def longest_window(self) -> float:
        """Seconds of the past that the rules count acts in, besides those of one incident and of a standing approval."""
        day = DAY.total_seconds() if self.cost and self.cost.per_day is not None else 0.0
        return max([day, *(limit.window for limit in self.limits), *(breaker.window for breaker in self.breakers)])

    def may_operate(self, roles: Iterable[str]) -> Allow | Deny:
        """Whether somebody with these roles may engage or lift the kill switch and answer unknown outcomes."""
        if not isinstance(roles, str) and set(self.operators) & set(roles):
            return Allow("An operator.")
        listed = ", ".join(self.operators)
        return Deny("wrong_role", f"This needs one of the roles {listed}.", "Ask somebody who has one.")

    def _compile(
        self, environment: str, action: str, service: str, tier: int | None, risk: str, what: str
    ) -> tuple[Guard, ...]:
        """The rules for one kind of act; `what` is in the words of the questions."""
        about = f"{action} on {what} in {environment}"
        question = self.approval(environment, tier, f"Approve {about}?")
        windows = tuple(
            (period.environments, period.services)
            for period in self.periods
            if period.kind == "change_window"
            and (not environment or environment in period.environments)
            and (not service or not period.services or service in period.services)
        )
        ceiling = next((word for place, kind, word in self.autonomy if (place, kind) == (environment, risk)), "suggest")
        return (
            KillSwitch(),
            KnownEnvironment(environments=self.environments),
            RequireRole(roles=self.requesters, bot_allowed=True),
            self._cell(environment, risk, tier, question, about),
            Autonomy(ceiling=ceiling, question=question),
            Scopes(),
            Exclusive(per="target"),
            Freeze(watched=bool(self.calendars) or any(p.kind != "change_window" for p in self.periods)),
            InChangeWindow(windows=windows),
            dict(self.blast_radii).get(environment, BlastRadius(max_targets=1)),
            replace(self.scale, question=question),
            *applicable(self.limits, environment, action, service),
            *(replace(breaker, question=question) for breaker in self.breakers),
            *((self.error_budget,) if self.error_budget else ()),
            *((replace(self.cost, question=question),) if self.cost else ()),
        )

    def _cell(
        self, environment: str, risk: str, tier: int | None, approval: RequireApproval | None, about: str
    ) -> MatrixCell:
        """The cell with its question; a cell that needs a question and has none forbids."""
        rule = self._approval(environment)
        tiered = bool(self._tier_words(environment, risk, None))
        word = "" if tiered and tier is None else self.word(environment, risk, tier)
        confirmation = RequireConfirmation(message=f"Run {about}?", timeout=self.confirmation_timeout)
        questions: dict[str, Guard | None] = {"confirm": confirmation, "approve": approval}
        return MatrixCell(
            environment=environment,
            risk=risk,
            word=word,
            guard=questions.get(word),
            for_bot=approval,
            tier=tier,
            any_tier=not (tiered or (rule and rule.tiers)),
            standing=tuple(given for given in self.standing if given.environment == environment),
        )

    def _tier_words(self, environment: str, risk: str, tier: int | None) -> list[tuple[int, str]]:
        """(tier, word) of the cells that replace the matrix, for one tier or for all."""
        here = [(number, word) for place, number, kind, word in self.tier_cells if (place, kind) == (environment, risk)]
        return [(number, word) for number, word in here if tier in (None, number)]

    def _approval(self, environment: str) -> ApprovalRule | None:
        return next((rule for rule in self.approvals if rule.environment == environment), None)


def _cells(rows: Mapping[str, Mapping[str, str]]) -> tuple[tuple[str, str, str], ...]:
    return tuple(sorted((environment, risk, word) for environment, row in rows.items() for risk, word in row.items()))
