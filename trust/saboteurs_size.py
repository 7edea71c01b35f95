"""Saboteurs of the guards: how much, and what becomes of all the verdicts. One condition removed or bent, each in turn; the short B1 run must see each.

Used by trust/saboteurs.py only. Holds data.
"""

from __future__ import annotations

from trust.saboteur import Saboteur

SABOTEURS: tuple[Saboteur, ...] = (
    Saboteur(
        "blast radius: one target too many",
        "guards/blast_radius.py",
        "if len(in_all) > self.max_targets:",
        "if len(in_all) > self.max_targets + 1:",
    ),
    Saboteur(
        "blast radius: only the members of one wave count",
        "guards/blast_radius.py",
        "in_all, at_once = touched_in_all(context), touched_at_once(context)",
        "in_all, at_once = touched_at_once(context), touched_at_once(context)",
    ),
    Saboteur(
        "blast radius: the share is not looked at",
        "guards/blast_radius.py",
        "if self.max_percent is not None and count * 100 > self.max_percent * total:",
        "if self.max_percent is not None and count > self.max_percent * total:",
    ),
    Saboteur(
        "blast radius: one healthy member too few",
        "guards/blast_radius.py",
        "healthy - count < self.min_healthy",
        "healthy - count < self.min_healthy - 1",
    ),
    Saboteur(
        "blast radius: a domain that is not known is the same one",
        "guards/blast_radius.py",
        '            if "" in domains:\n',
        '            domains.discard("")\n            if "" in domains:\n',
    ),
    Saboteur(
        "max change: shrinking is harmless",
        "guards/max_change.py",
        "if abs(wanted - current) * 100 > current * self.percent:",
        "if (wanted - current) * 100 > current * self.percent:",
    ),
    Saboteur(
        "max change: a factor is never too large",
        "guards/max_change.py",
        "if wanted > current * self.max_factor:",
        "if wanted > current * self.max_factor * 2:",
    ),
    Saboteur(
        "error budget: what is not known is not burned",
        "guards/error_budget.py",
        'return missing("budget_burned")',
        'return Allow("nothing burned")',
    ),
    Saboteur(
        "cost cap: the day's other acts are free",
        "guards/cost_cap.py",
        "day = math.fsum((cost, spent))",
        "day = cost",
    ),
    Saboteur(
        "amounts: no number is small enough",
        "guards/amounts.py",
        "if not math.isfinite(value) or value < least:",
        "if value < least:",
    ),
    Saboteur(
        "break glass: the scope can be passed too",
        "guards/break_glass.py",
        "finding.rule in BREAKABLE and finding.verdict.code in CODES",
        'finding.verdict.code in (*CODES, "out_of_scope")',
    ),
    Saboteur(
        "break glass: somebody else's reason is good enough",
        "guards/break_glass.py",
        " or actor.is_bot or actor.id != glass.by:",
        " or actor.is_bot:",
    ),
    Saboteur(
        "break glass: the bot breaks it",
        "guards/break_glass.py",
        " or actor.is_bot or actor.id != glass.by:",
        " or actor.id != glass.by:",
    ),
    Saboteur(
        "break glass: it never ends",
        "guards/break_glass.py",
        "if context.now is None or not context.now < glass.until:",
        "if context.now is None:",
    ),
    Saboteur(
        "chain: a question outweighs a denial",
        "guards/chain.py",
        "    if denials:\n        return",
        "    if denials and not any(isinstance(verdict, Ask) for verdict in verdicts):\n        return",
    ),
    Saboteur(
        "chain: a rule that fails allows",
        "guards/chain.py",
        'denial = Deny("guard_error", f"The rule {named} failed ({what}).", "Mend the rule or its inputs.")',
        'denial = Allow(f"The rule {named} failed ({what}).")',
    ),
    Saboteur(
        "policy: the rules of the runbook and the operation are dropped",
        "guards/policy.py",
        "findings((*self.guards(context), *more), context)",
        "findings(self.guards(context), context)",
    ),
)
