"""Saboteurs of promotion (T41): one condition removed or bent, each in turn.

Used by trust/saboteurs.py only. Holds data.
"""

from __future__ import annotations

from trust.saboteur import Saboteur

RULE = ("tests/bot/stages/test_promoted.py",)
RECORDS = ("tests/runbooks/test_promotion.py", "tests/runbooks/test_promotion_records.py")
LADDER = ("tests/runbooks/test_ladder.py",)
TRIALS = ("tests/bot/store/test_trials.py",)
EVIDENCE = ("tests/bot/test_promotion.py",)

PROMOTION = "runbooks/promotion.py"
PROMOTED = "bot/stages/promoted.py"

SABOTEURS: tuple[Saboteur, ...] = (
    Saboteur(
        "the promotion rule is not asked",
        "bot/stages/gate.py",
        "    chain.append(rule_of(equipment, plan, setback, undo=undo))\n",
        "",
        RULE,
    ),
    Saboteur(
        "every version of a promoted runbook counts",
        PROMOTION,
        "if (r.id, r.env) == (runbook, environment) and r.digest == digest]",
        "if (r.id, r.env) == (runbook, environment)]",
        RULE,
    ),
    Saboteur(
        "a promotion counts in every environment",
        PROMOTION,
        "if (r.id, r.env) == (runbook, environment) and r.digest == digest]",
        "if r.id == runbook and r.digest == digest]",
        RECORDS,
    ),
    Saboteur(
        "a promotion that was withdrawn counts",
        PROMOTION,
        "standing = [r for r in about if r.withdrawn is None and",
        "standing = [r for r in about if r.withdrawn is not None or",
        RECORDS,
    ),
    Saboteur(
        "a promotion that is dated ahead counts",
        PROMOTED,
        "        if found.when > context.now:",
        "        if found.when.year > 9000:",
        RULE,
    ),
    Saboteur(
        "a failure ends no promotion",
        PROMOTED,
        "        if self.setback is not None:",
        "        if self.setback is not None and not self.setback.run_id:",
        RULE,
    ),
    Saboteur(
        "a failure between approval and act is not seen",
        "bot/stages/execute.py",
        "setback=setback, undo=attempt.undo >= 0)\n        if requester",
        "setback=None, undo=attempt.undo >= 0)\n        if requester",
        RULE,
    ),
    Saboteur(
        "every act passes for an undo",
        "bot/stages/execute.py",
        "undo=attempt.undo >= 0)\n        if requester",
        "undo=True)\n        if requester",
        RULE,
    ),
    Saboteur(
        "promotion records are read once, at the start",
        "bot/stages/known.py",
        "    equipment.promotions.refresh()\n",
        "",
        RULE,
    ),
    Saboteur(
        "a promotion record that cannot be read counts as it was",
        "runbooks/promotion_records.py",
        "        good, problems = load_promotions(self.folders)\n",
        "        good, problems = load_promotions(self.folders)\n"
        "        if problems and self._seen is not None:\n            return\n",
        RULE,
    ),
    Saboteur(
        "an environment that nobody knows needs no promotion",
        "runbooks/ladder.py",
        "return not environment or (",
        "return bool(environment) and (",
        LADDER,
    ),
    Saboteur(
        "runs of another version are evidence",
        "bot/store/trials.py",
        "            R.plan.like(of_version(digest)),\n",
        "",
        TRIALS,
    ),
    Saboteur(
        "a failure among the runs is no matter",
        "bot/promotion.py",
        "trials[failed + 1 :]",
        "trials",
        EVIDENCE,
    ),
)
