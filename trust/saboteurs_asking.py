"""Saboteurs of the guards: who asks for what, and where. One condition removed or bent, each in turn; the short B1 run must see each.

Used by trust/saboteurs.py only. Holds data.
"""

from __future__ import annotations

from trust.saboteur import Saboteur

SABOTEURS: tuple[Saboteur, ...] = (
    Saboteur(
        "kill switch: what does not say its service passes a stop for one",
        "guards/kill_switch.py",
        "return not said or not named or said == named",
        "return not named or said == named",
    ),
    Saboteur(
        "kill switch: a stop without a name matches nothing",
        "guards/kill_switch.py",
        "return not said or not named or said == named",
        "return not said or said == named",
    ),
    Saboteur(
        "kill switch: letter case matters",
        "guards/kill_switch.py",
        "stop.name.strip().casefold()",
        "stop.name.strip()",
    ),
    Saboteur(
        "kill switch: monitor-only lets changes run",
        "guards/kill_switch.py",
        'return context.risk != "read"',
        'return context.risk == "forbidden"',
    ),
    Saboteur(
        "known environment: targets elsewhere pass",
        "guards/known_environment.py",
        "        if elsewhere:\n",
        "        if elsewhere and len(elsewhere) == len(context.targets):\n",
    ),
    Saboteur(
        "known environment: no targets pass",
        "guards/known_environment.py",
        '        if not context.targets:\n            return missing("target")\n',
        "",
    ),
    Saboteur(
        "targets: a wildcard is a name",
        "guards/targets.py",
        ' or "*" in key',
        "",
    ),
    Saboteur(
        "require role: the bot's people need no role",
        "guards/require_role.py",
        "elif frozenset(self.roles) & context.actor.roles:",
        "elif frozenset(self.roles) & context.actor.roles or context.actor.name:",
    ),
    Saboteur(
        "scopes: a star is a wildcard",
        "guards/scopes.py",
        "if context.environment not in set(context.scopes):",
        'if context.environment not in set(context.scopes) and "*" not in context.scopes:',
    ),
    Saboteur(
        "exclusive: only the first target is looked at",
        "guards/exclusive.py",
        "for key in target_keys(context) if key in context.holders}",
        "for key in target_keys(context)[:1] if key in context.holders}",
    ),
    Saboteur(
        "exclusive: a run without a name holds everything",
        "guards/exclusive.py",
        "if not context.run or run != context.run}",
        "if run != context.run and context.run}",
    ),
    Saboteur(
        "matrix: the bot may confirm itself",
        "guards/matrix.py",
        'alone = self.word == "confirm" and context.actor is not None and context.actor.is_bot',
        "alone = False",
    ),
    Saboteur(
        "matrix: the risk forbidden is a matter of the file",
        "guards/matrix.py",
        'if self.risk == "forbidden":',
        'if self.risk == "forbidden" and self.word == "":',
        ("tests/guards/test_matrix.py",),
    ),
    Saboteur(
        "matrix: a standing approval answers a confirmation too",
        "guards/matrix.py",
        'if isinstance(verdict, Ask) and verdict.kind == "approval":',
        "if isinstance(verdict, Ask):",
    ),
    Saboteur(
        "matrix: a tier that is not known is the laxest",
        "guards/policy.py",
        'word = "" if tiered and tier is None else self.word(environment, risk, tier)',
        "word = self.word(environment, risk, -1 if tier is None else tier)",
    ),
    Saboteur(
        "standing: another runbook may use it",
        "guards/standing.py",
        "asked = (context.runbook, context.action, context.service, context.environment)",
        "asked = (self.runbook, context.action, context.service, context.environment)",
    ),
    Saboteur(
        "standing: one use too many",
        "guards/standing.py",
        "self.used(context) < self.max",
        "self.used(context) <= self.max",
    ),
    Saboteur(
        "standing: valid at the moment when it ends",
        "guards/standing.py",
        "return context.now < self.until",
        "return context.now <= self.until",
    ),
    Saboteur(
        "autonomy: the higher of the two counts",
        "guards/autonomy.py",
        "return min(self.ceiling, own, key=LEVELS.index)",
        "return max(self.ceiling, own, key=LEVELS.index)",
    ),
    Saboteur(
        "autonomy: a runbook that says nothing may do anything",
        "guards/autonomy.py",
        'own = context.autonomy or "suggest"',
        'own = context.autonomy or "auto"',
    ),
    Saboteur(
        "autonomy: people pass the shadow",
        "guards/autonomy.py",
        'if level == "shadow":',
        'if level == "shadow" and context.actor is not None and context.actor.is_bot:',
    ),
    Saboteur(
        "approvals: the tier's stricter people are forgotten",
        "guards/policy_rules.py",
        "return next((rule for rule in self.tiers if rule.tier == tier), plain)",
        "return plain",
    ),
    Saboteur(
        "require approval: one person is enough",
        "guards/require_approval.py",
        "return Approvers(count=self.count,",
        "return Approvers(count=1,",
    ),
    Saboteur(
        "require confirmation: it never ends",
        "guards/require_confirmation.py",
        "timeout_seconds=self.timeout)",
        "timeout_seconds=86400.0)",
    ),
    Saboteur(
        "allowed envs: one that is not listed will do",
        "guards/allowed_envs.py",
        "if context.environment not in self.envs:",
        "if not self.envs:",
        ("tests/guards/test_allowed_envs.py",),
    ),
    Saboteur(
        "forbidden: it is only asked about",
        "guards/forbidden.py",
        'return Deny("forbidden", self.reason, "Nothing makes this possible here; do it by hand if it must be done.")',
        'return __import__("guards").Ask("confirmation", self.reason, 60.0)',
        ("tests/guards/test_forbidden.py",),
    ),
)
