"""`@circuit_breaker(max=3, window="10m", cooldown="30m")`: what keeps being tried, or failing, stops (mission G8).

For anyone's script; policy compiles its `breakers` to the same `CircuitBreaker` object (docs/policy.md,
circuit_breaker). Counts what is in the context; a restart resets nothing, because acts and open breakers are rows of
the caller's store (case T57). `opens`, `key_of` and `after_trial` tell the caller which row to write; must not keep one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, cast

from guards.chain import Decorator, guarded
from guards.context import Context, OpenBreaker, PastAct
from guards.decision import Allow, Deny, Verdict
from guards.duration import seconds
from guards.missing import missing
from guards.names import checked_count
from guards.require_approval import RequireApproval, approval_or_refusal

KINDS = ("remediation", "global", "incident")
_NEEDED = {
    "remediation": ("environment", "service", "action", "now"),
    "global": ("now",),
    "incident": ("incident",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitBreaker:
    """Denies `breaker_open`, or asks people for one trial; allows what merely reads.

    per: `remediation` opens when `max` acts of the same action on the same service and environment lie strictly inside
    the last `window` seconds, whatever became of them; `global` when `max` acts of anything failed or ended unknown
    there; `incident` when `max` acts of this incident did, ever: it has no window and no cooldown, and people are asked
    each time. cooldown: seconds that an open breaker denies everybody; then people may be asked for a trial and the bot
    is still denied. question: asked then; None where nobody may approve. Raises ValueError, TypeError.
    """

    max: int
    window: float = 0.0
    cooldown: float = 0.0
    per: str = "remediation"
    question: RequireApproval | None = None
    rule: ClassVar[str] = "circuit_breaker"

    def __post_init__(self) -> None:
        checked_count(self.max, "circuit_breaker: max")
        if self.per not in KINDS:
            raise ValueError(f"circuit_breaker: per={self.per!r} is not one of {', '.join(KINDS)}")
        if self.per == "incident":
            if self.window or self.cooldown:
                raise ValueError("circuit_breaker: per='incident' has no window and no cooldown")
            return
        object.__setattr__(self, "window", seconds(self.window, "circuit_breaker: window"))
        object.__setattr__(self, "cooldown", seconds(self.cooldown, "circuit_breaker: cooldown"))

    def key(self, context: Context) -> str:
        """The key of the open breaker that this guard obeys in this context; '' for `incident`, which has none."""
        if self.per == "remediation":
            return key_of(context.environment, context.service, context.action)
        return "global" if self.per == "global" else ""

    def lacks(self, context: Context) -> str:
        """The first field of the context that this needs and does not find, or ''."""
        return next((field for field in _NEEDED[self.per] if not getattr(context, field)), "")

    def check(self, context: Context) -> Verdict:
        """Deny while open; once it has cooled down deny the bot and ask a person; deny what is missing."""
        return self.examine(context)[0]

    def inputs(self, context: Context) -> Mapping[str, object]:
        """The breaker, how many acts it counts and since when it is open; None where there was nothing to count."""
        return self.examine(context)[1]

    def examine(self, context: Context) -> tuple[Verdict, Mapping[str, object]]:
        """Both answers from one count."""
        count: int | None = None
        opened: tuple[OpenBreaker, ...] = ()
        lacking = self.lacks(context)
        verdict: Verdict
        if context.risk == "read":
            verdict = Allow("It only reads.")
        elif lacking:
            verdict = missing(lacking)
        else:
            count, opened = _count(self, context), _opened(self, context)
            verdict = self._verdict(context, count, opened)
        return verdict, {
            "per": self.per,
            "max": self.max,
            "window_seconds": self.window,
            "cooldown_seconds": self.cooldown,
            "key": self.key(context),
            "counted": count,
            "opened_at": tuple(breaker.opened_at.isoformat() for breaker in opened),
            "run": context.run,
        }

    def _verdict(self, context: Context, count: int, opened: tuple[OpenBreaker, ...]) -> Verdict:
        if opened:
            return self._while_open(context, opened)
        if count < self.max:
            return Allow(f"{count} acts are fewer than {self.max}.")
        if self.per == "incident":
            return self._people(context, f"{count} acts of this incident went wrong")
        what = "acts of this kind" if self.per == "remediation" else "acts that went wrong"
        return _open(f"{count} {what} in {self.window:g} s, at most {self.max}", f"{self.cooldown:g} s from now")

    def _while_open(self, context: Context, opened: tuple[OpenBreaker, ...]) -> Verdict:
        """The latest opening counts; then one run at a time may be let through to try."""
        cooled = max(breaker.opened_at for breaker in opened) + timedelta(seconds=self.cooldown)
        if _now(context) < cooled:
            return _open("it has not cooled down", cooled.isoformat(timespec="seconds"))
        trying = [breaker.trial_run for breaker in opened if breaker.trial_run not in ("", context.run)]
        if trying:
            return _open(f"{trying[0]} is its trial", f"{trying[0]} has ended")
        return self._people(context, "It has cooled down and waits for one trial")

    def _people(self, context: Context, why: str) -> Verdict:
        """The bot is denied; a person needs the approval of others."""
        if context.actor is None or not context.actor.id:
            return missing("actor")
        if context.actor.is_bot:
            return _open(why, "a person asks for it and others approve")
        return approval_or_refusal(self.question, context, why)


def key_of(environment: str, service: str, action: str) -> str:
    """The key of the open breaker of one remediation: `remediation:<environment>/<service>/<action>`."""
    return f"remediation:{environment}/{service}/{action}"


def opens(guard: CircuitBreaker, context_after: Context) -> bool:
    """Whether the breaker opens now, so that the caller writes `OpenBreaker(guard.key(context), now)` in the same
    transaction as the act.

    context_after: the context whose history already holds the act that is being started (`remediation`) or has just
    ended (`global`). False while an open breaker of this key stands: what a trial does to it is `after_trial`. False
    for `incident`, which is counted anew each time. Raises ValueError when the context lacks what the guard needs.
    """
    lacking = guard.lacks(context_after)
    if lacking:
        raise ValueError(f"circuit_breaker: the {lacking} is not known")
    if guard.per == "incident" or _opened(guard, context_after):
        return False
    return _count(guard, context_after) >= guard.max


def after_trial(open_breaker: OpenBreaker, succeeded: bool, now: datetime) -> OpenBreaker | None:
    """The open breaker once its trial has ended: None when it succeeded, else open anew from `now`."""
    return None if succeeded is True else OpenBreaker(key=open_breaker.key, opened_at=now)


def circuit_breaker(
    *,
    max: int,  # noqa: A002 - reason: `max=` is the mission's word
    window: float | str = 0.0,
    cooldown: float | str = 0.0,
    per: str = "remediation",
) -> Decorator:
    """Stop what was tried `max` times in `window` for `cooldown` (seconds or text such as `10m`).

    With per="incident" neither is given. Raises ValueError, TypeError.
    """
    guard = CircuitBreaker(
        max=max,
        window=seconds(window, "circuit_breaker: window") if window else 0.0,
        cooldown=seconds(cooldown, "circuit_breaker: cooldown") if cooldown else 0.0,
        per=per,
        question=RequireApproval(message="This was tried too often or failed. Approve one more trial?"),
    )
    return lambda fn: guarded(fn, guard)


def _count(guard: CircuitBreaker, context: Context) -> int:
    """How many acts count. The context holds everything that is needed; a time without zone raises TypeError."""
    if guard.per == "incident":
        return sum(act.incident == context.incident and _went_wrong(act) for act in context.history)
    since = _now(context) - timedelta(seconds=guard.window)
    recent = [act for act in context.history if act.at > since]
    if guard.per == "global":
        return sum(_went_wrong(act) for act in recent)
    about = (context.action, context.service, context.environment)
    return sum((act.action, act.service, act.environment) == about for act in recent)


def _opened(guard: CircuitBreaker, context: Context) -> tuple[OpenBreaker, ...]:
    key = guard.key(context)
    return tuple(breaker for breaker in context.breakers if key and breaker.key == key)


def _now(context: Context) -> datetime:
    """The moment; `lacks` was asked before, so it is there."""
    return cast("datetime", context.now)


def _went_wrong(act: PastAct) -> bool:
    """Failed or unknown, or a result that nobody knows."""
    return act.result not in ("succeeded", "running")


def _open(why: str, until: str) -> Deny:
    return Deny("breaker_open", f"The circuit breaker is open: {why}.", f"Wait until {until}, and find out why.")
