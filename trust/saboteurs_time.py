"""Saboteurs of the guards: when and how often. One condition removed or bent, each in turn; the short B1 run must see each.

Used by trust/saboteurs.py only. Holds data.
"""

from __future__ import annotations

from trust.saboteur import Saboteur

SABOTEURS: tuple[Saboteur, ...] = (
    Saboteur(
        "rate limit: one act too many",
        "guards/rate_limit.py",
        "if len(found) >= self.max:",
        "if len(found) > self.max:",
    ),
    Saboteur(
        "rate limit: an act at the very edge counts",
        "guards/rate_limit.py",
        "if act.at > since",
        "if act.at >= since",
    ),
    Saboteur(
        "rate limit: acts of the future do not count",
        "guards/rate_limit.py",
        "if act.at > since\n",
        "if since < act.at <= context.now\n",
    ),
    Saboteur(
        "rate limit: acts anywhere count for one environment",
        "guards/rate_limit.py",
        '            and self.env in ("", act.environment)\n',
        "",
    ),
    Saboteur(
        "rate limit: a limit per service counts one action only by name",
        "guards/rate_limit.py",
        'action = self.action or (context.action if self.per in SAME_ACTION else "")',
        "action = self.action",
    ),
    Saboteur(
        "freeze: a maintenance does not matter",
        "guards/freeze.py",
        'if p.kind != "change_window" and is_on(',
        'if p.kind == "freeze" and is_on(',
    ),
    Saboteur(
        "freeze: what cannot be read is not frozen",
        "guards/freeze.py",
        "if self.watched and problem is not None:",
        "if False:",
    ),
    Saboteur(
        "freeze: over one moment too late",
        "guards/periods.py",
        "period.start <= now < period.end",
        "period.start <= now <= period.end",
    ),
    Saboteur(
        "freeze: begins one moment too late",
        "guards/periods.py",
        "period.start <= now < period.end",
        "period.start < now < period.end",
    ),
    Saboteur(
        "change window: one for another service is good enough",
        "guards/change_window.py",
        "            and (not as_names(period.services) or context.service in period.services)\n",
        "",
    ),
    Saboteur(
        "change window: unreadable is open",
        "guards/change_window.py",
        "        if problem is None:\n            return None\n",
        "        if context.calendar is not None:\n            return None\n",
    ),
    Saboteur(
        "circuit breaker: opens one act too late",
        "guards/circuit_breaker.py",
        "if count < self.max:",
        "if count <= self.max:",
    ),
    Saboteur(
        "circuit breaker: two trials at once",
        "guards/circuit_breaker.py",
        'if breaker.trial_run not in ("", context.run)]',
        'if breaker.trial_run not in ("", context.run) and False]',
    ),
    Saboteur(
        "circuit breaker: the bot tries again by itself",
        "guards/circuit_breaker.py",
        "        if context.actor.is_bot:\n",
        "        if context.actor.is_bot and self.per == 'incident':\n",
    ),
    Saboteur(
        "circuit breaker: cooled down one moment too early",
        "guards/circuit_breaker.py",
        "if _now(context) < cooled:",
        "if _now(context) < cooled - timedelta(microseconds=1):",
    ),
    Saboteur(
        "circuit breaker: unknown ends are no failures",
        "guards/circuit_breaker.py",
        'return act.result not in ("succeeded", "running")',
        'return act.result == "failed"',
    ),
    Saboteur(
        "circuit breaker: failures anywhere count for one incident",
        "guards/circuit_breaker.py",
        "sum(act.incident == context.incident and _went_wrong(act) for act in context.history)",
        "sum(_went_wrong(act) for act in context.history)",
    ),
    Saboteur(
        "limits: one for everywhere is about somewhere else",
        "guards/policy_limits.py",
        'limit.env in ("", environment)',
        "limit.env == environment",
    ),
)
