"""A rehearsal as text for people and for golden files: cards, plan, guards, questions, transcript, audit; at most 100 columns.

Called by bot/cli/simulate.py. The same rehearsal gives the same text, byte for byte. Pure: must not decide or store anything.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bot.explanations import judged
from bot.plan import Plan
from bot.render.wording import duration, utc, utc_date
from bot.services import GroupSource
from bot.simulation.given import as_options
from bot.simulation.rehearsal import Rehearsal, lines_of, name_of
from bot.simulation.slack_text import boxed, folded
from bot.stages.base import Equipment
from runbooks.match import THRESHOLD
from runbooks.model import Runbook

WIDTH = 98
TITLES = {"allow": "✓ nothing is against it", "ask": "? people are asked", "deny": "✗ refused"}
RULE_WIDTH = 19
BEST = 5


def told(
    equipment: Equipment, rehearsal: Rehearsal, *, about: str, notes: Iterable[str] = (), cards: bool = True
) -> str:
    """The whole text, ending with a newline. about: what was simulated; notes: what the reader must know of it.

    cards: whether the messages are in it; not where they are drawn beside it.
    """
    of = Told(equipment, rehearsal)
    parts = [[about, *(line for note in notes for line in wrapped(note))]]
    if cards:
        parts.append([*heading("The summary, as it is posted"), boxed(rehearsal.summary.blocks, of.slack_name)])
    parts += [[*heading(of.ranking_title), *of.ranking()]]
    if cards or rehearsal.answer is None:
        parts.append([*heading(of.click_title), *of.click()])
    if cards and rehearsal.card is not None:
        card = boxed(rehearsal.card.blocks, of.slack_name)
        parts.append([*heading("The card, in the thread of the summary"), card])
    parts += [
        [*heading("The plan"), *of.plan()],
        [*heading("What every guard says"), *of.guards()],
        [*heading("Who is asked"), *of.questions()],
        [*heading("The transcript"), *of.transcript()],
        [*heading("The audit"), *of.audit()],
    ]
    return "\n\n".join("\n".join(line.rstrip() for line in part) for part in parts) + "\n"


def heading(text: str) -> list[str]:
    """The title of a part, underlined."""
    return [text, "=" * len(text)]


def wrapped(text: str, indent: str = "", further: str | None = None) -> list[str]:
    """Lines of at most WIDTH columns."""
    hanging = indent if further is None else further
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=hanging, break_on_hyphens=False) or [
        indent.rstrip()
    ]


class Told:
    """The parts of the text."""

    def __init__(self, equipment: Equipment, rehearsal: Rehearsal) -> None:
        self._equipment = equipment
        self._rehearsal = rehearsal

    def slack_name(self, user: str) -> str:
        """Name of a Slack account of ours."""
        people = self._equipment.people.people
        return next((p.name for p in people if any(account.user == user for account in p.slack)), user)

    def name(self, person: str) -> str:
        """Name of a directory id."""
        return name_of(self._equipment, person)

    @property
    def ranking_title(self) -> str:
        """What the ranking explains."""
        proposal = self._rehearsal.offered.proposal
        offered = proposal is not None and proposal.state == "open"
        return "Why this step, and not another" if offered else "Why no step is offered"

    def ranking(self) -> Iterator[str]:
        """The runbooks that something speaks for, best first, and what is against them."""
        proposal = self._rehearsal.offered.proposal
        ranked = proposal.alternatives if proposal is not None else []
        if not ranked:
            yield from wrapped("No runbook has anything to do with this alert.")
        for one in ranked[:BEST]:
            score = "  -  " if one["blocked"] else f"{one['score']:>4.0%} "
            text = one["blocked"] or "; ".join(one["reasons"])
            mark = "✗" if one["blocked"] else "✓" if one["score"] >= THRESHOLD else "~"
            yield from wrapped(text, f"{mark} {score} {one['runbook']}: ", " " * 8)
        if len(ranked) > BEST:
            yield f"  and {len(ranked) - BEST} more"
        yield from self.hints(ranked)

    def hints(self, ranked: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        """Where facts are missing: those of the runbook's own test, as options that can be copied."""
        if self._rehearsal.plan is not None or not self._rehearsal.incident.service:
            return
        for one in ranked:
            runbook = self._equipment.library.get(one["runbook"])
            facts = _facts_of_a_test(runbook) if runbook is not None and "not proven" in one["blocked"] else None
            if facts:
                yield ""
                yield from wrapped(f"Facts are missing. Those of {one['runbook']}'s own test would be:")
                yield f"    {as_options(facts)}"
                return

    @property
    def click_title(self) -> str:
        """Who asks."""
        asker = self._rehearsal.asker
        if self._rehearsal.by_itself:
            return "The bot asks for it by itself"
        return f"{asker.name} asks for it" if asker is not None and self._rehearsal.answer else "Nobody asks for it"

    def click(self) -> Iterator[str]:
        """What the person who asks is told; only they see it."""
        found = self._rehearsal
        if found.answer is not None:
            yield boxed(found.answer.blocks, self.slack_name)
        elif found.by_itself:
            yield from wrapped("Runbook and policy let it, so no person needs to click.")
        elif found.offered.proposal is None or found.offered.proposal.state != "open":
            yield from wrapped("There is no step to ask for.")
        else:
            yield from wrapped("Nobody in people.yaml has a role that may ask.")

    def plan(self) -> Iterator[str]:
        """Every act with what surrounds it."""
        plan = self._rehearsal.plan
        if plan is None:
            yield "There is none."
            return
        if self._rehearsal.run is None:
            yield "It was not started. This is what it would have been:"
        for number, step in enumerate(plan.steps, 1):
            yield from wrapped(
                f"{step.title} ({step.id}, {'only reads' if step.read_only else step.risk})", f"{number}. ", "   "
            )
            yield from _exact("   does", step.act.shown)
            yield from _line("on", step.act.target.key)
            if step.precheck:
                yield from _line("only if", step.precheck)
            if step.check is not None:
                check = step.check
                looks = f"{check.required} of {check.of} looks within {duration(check.within_seconds)}"
                yield from _line("proof", f"{check.fact}: {check.expect}, in {looks}")
            for undo in step.rollback:
                yield from _exact("   undo", undo.shown)
            if not step.read_only and not step.rollback:
                yield from _line("undo", step.rollback_note or ("it cannot be undone" if step.irreversible else "none"))
        yield ""
        yield from self._digests(plan)

    def _digests(self, plan: Plan) -> Iterator[str]:
        if self._rehearsal.run is not None:
            yield f"plan     {plan.digest}"
        yield f"runbook  {plan.runbook_digest}  {plan.runbook}"
        yield f"policy   {plan.policy_digest}"

    def guards(self) -> Iterator[str]:
        """The decision about each step: what refuses and what would help, what asks, what allows."""
        if not self._rehearsal.decisions:
            yield "No guard was asked."
        for number, decision in enumerate(self._rehearsal.decisions):
            said = judged(decision.outcome, decision.findings)
            if number:
                yield ""
            yield f"Step {decision.step_id}, {decision.action}: {TITLES[decision.outcome]}"
            for each in said["refused"]:
                yield from _rule("✗", each["rule"], f"{each['reason']} ({each['code']})")
                yield from _rule(" ", "", f"→ {each['remedy']}")
            for each in said["asked"]:
                yield from _rule("?", each["rule"], each["reason"])
                yield from _rule(" ", "", f"→ {each['who']}")
            for each in said["allowed"]:
                yield from _rule("✓", each["rule"], each["reason"])

    def questions(self) -> Iterator[str]:
        """Each question: of whom, until when, and who is told meanwhile."""
        if not self._rehearsal.questions:
            run = self._rehearsal.run
            yield "Nobody: it would start at once." if run is not None else "Nobody."
        for asked in self._rehearsal.questions:
            yield from wrapped(f"{asked.kind}: {asked.message}")
            if asked.kind == "confirmation":
                yield f"  {self.name(asked.requester)}, who asked, confirms it"
            else:
                groups = [*asked.approvers["any_of"], *asked.approvers["all_of"]]
                yield from wrapped(
                    f"{asked.approvers['count']} of {self._people(groups, asked.requester)}", "  ", "    "
                )
            yield f"  no answer by {utc_date(asked.expires_at)} means no"
            if asked.remind_at is not None:
                yield f"  reminded at {utc_date(asked.remind_at)}"
            if asked.widen_at is not None:
                yield f"  from {utc_date(asked.widen_at)} also {', '.join(asked.widen_to)}"

    def _people(self, groups: Iterable[str], requester: str) -> str:
        """The groups with those of their members who are listed in people.yaml and did not ask."""
        found = []
        for group in groups:
            declared = self._equipment.people.groups.get(group, ())
            if isinstance(declared, GroupSource):
                found.append(f"{group} (asked of {'Slack' if declared.slack_usergroup else 'PagerDuty'} at the click)")
            else:
                names = ", ".join(self.name(person) for person in declared if person != requester)
                found.append(f"{group} ({names or 'nobody but who asked'})")
        return " or ".join(found) or "nobody: no group is named, so nobody can approve"

    def transcript(self) -> Iterator[str]:
        """What would be written, and where."""
        for text, places, shown in lines_of(self._equipment, self._rehearsal):
            first, *rest = text.splitlines()
            yield from wrapped(first.partition(" ")[2], "", "  ")
            for row in rest:
                yield from wrapped(row.strip(), "    ", "      ")
            yield f"    To {', '.join(places) or f'the {shown}, which is edited'}"

    def audit(self) -> Iterator[str]:
        """The rows of the chain; each hash is over the one before."""
        for row in self._rehearsal.audit:
            at = utc(row.at.replace("Z", "+00:00"))
            yield f"{row.seq:>3}  {at}  {row.actor:<10} {row.event:<13} {row.subject:<18} {row.hash[:12]}"


def _line(what: str, text: str) -> list[str]:
    return wrapped(text, f"   {what:<8} ", " " * 12)


def _exact(what: str, text: str) -> Iterator[str]:
    """A command goes on in the next line and is nowhere shortened."""
    for number, part in enumerate(folded(text, WIDTH - 12)):
        yield f"{what if number == 0 else '':<11} {part}"


def _rule(mark: str, rule: str, text: str) -> list[str]:
    return wrapped(text, f"  {mark} {rule:<{RULE_WIDTH}} ", " " * (RULE_WIDTH + 5))


def _facts_of_a_test(runbook: Runbook) -> Mapping[str, Mapping[str, Any]] | None:
    """The facts of the first case that expects a step and gives some."""
    return next((case.facts for case in runbook.tests if case.expect.step and case.facts), None)
