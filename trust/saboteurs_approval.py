"""Saboteurs of approvals, the digest and the kill switch (B2, B5, B6, B16): one condition removed or bent, each in turn.

Used by trust/saboteurs.py only. Holds data.
"""

from __future__ import annotations

from trust.saboteur import Saboteur

B2 = ("tests/trust/test_b2.py",)
B5 = ("tests/trust/test_b5.py",)
B6 = ("tests/trust/test_b6.py",)
B16 = ("tests/trust/test_b16.py",)

APPROVALS = "bot/store/approvals.py"
ATTEMPTS = "bot/store/attempts.py"
EXECUTE = "bot/stages/execute.py"
PERMISSION = "bot/stages/permission.py"
VOTING = "bot/stages/voting.py"
TALLY = "guards/tally.py"
PLAN = "bot/plan.py"
SWITCH = "bot/kill_switch.py"
DUMP = 'self.model_dump(mode="json")'


def _without(name: str, excluded: str) -> Saboteur:
    """The digest is made of everything but that."""
    new = DUMP.replace(")", f", exclude={excluded})")
    return Saboteur(f"the digest leaves out {name}", PLAN, f"rfc8785.dumps({DUMP})", f"rfc8785.dumps({new})", B6)


SABOTEURS: tuple[Saboteur, ...] = (
    # -- who may answer ----------------------------------------------------------------------------------------------
    Saboteur(
        "the requester approves as well",
        VOTING,
        "self.members.of(person.id), approval.requester, frozenset())",
        'self.members.of(person.id), "somebody else", frozenset())',
        B2,
    ),
    Saboteur("a confirmation by anybody", VOTING, "if person.id == approval.requester else NOT_REQUESTER", "", B2),
    Saboteur(
        "people of other workspaces click",
        "bot/slack/actors.py",
        "if named and user and not foreign and not is_bot",
        "if named and user and not is_bot",
        B2,
    ),
    Saboteur("a click on another card counts", VOTING, "        if self._forged():", "        if False:", B2),
    Saboteur(
        "a second answer of one person counts",
        APPROVALS,
        "    return insert_new(session, VOTE, values)",
        "    insert_new(session, VOTE, values)\n    return True",
        B2,
    ),
    Saboteur(
        "one of several groups is enough",
        TALLY,
        "absent = [group for group in approvers.all_of if not any(group in vote.groups for vote in approvals)]",
        "absent: list[str] = []",
        B2,
    ),
    Saboteur("one person is enough", TALLY, "wanted = max(approvers.count - people, 0)", "wanted = 0", B2),
    Saboteur(
        "a no counts as a yes",
        VOTING,
        'state, missing = "approved" if self.click.approve else "rejected", ""',
        'state, missing = "approved", ""',
        B2,
    ),
    Saboteur(
        "those who may answer later may at once",
        PERMISSION,
        "if approval.widen_at is not None and approval.widen_at <= now else ()",
        "if approval.widen_at is not None else ()",
        B2,
    ),
    Saboteur(
        "groups that cannot be looked up are taken as they were",
        PERMISSION,
        "    if unknown:\n        return unavailable(unknown)",
        "",
        B2,
    ),
    # -- from the answer to the start --------------------------------------------------------------------------------
    Saboteur(
        "a yes after the end counts",
        VOTING,
        "if approval.expires_at <= self.now:",
        "if approval.expires_at.year < 2000:",
        B2,
    ),
    Saboteur(
        "a no after the yes is ignored",
        APPROVALS,
        '.where(C.id == approval_id, C.state == "approved")\n        .values(state="rejected"',
        '.where(C.id == approval_id, C.state == "pending")\n        .values(state="rejected"',
        B5,
    ),
    Saboteur(
        "groups are looked up only at the click",
        PERMISSION,
        'if counted.state != "approved":',
        'if counted.state == "rejected":',
        B2,
    ),
    Saboteur(
        "the store uses an approval for any plan",
        APPROVALS,
        '== "approved", C.digest == digest, ',
        '== "approved", ',
        B6,
    ),
    Saboteur(
        "an approval is used for another plan",
        PERMISSION,
        "if approval.digest != run.plan.digest:",
        "if not approval.digest:",
        B6,
    ),
    Saboteur(
        "an approval is used after its end",
        APPROVALS,
        "C.digest == digest, C.expires_at > now)",
        "C.digest == digest)",
        ("tests/bot/store/test_approvals.py",),
    ),
    Saboteur(
        "an approval is used twice",
        APPROVALS,
        'C.state == "approved", C.digest == digest',
        'C.state.in_(("approved", "consumed")), C.digest == digest',
        ("tests/bot/store/test_approvals.py",),
    ),
    Saboteur(
        "a decision is not compared with what was",
        APPROVALS,
        'C.state == "pending", C.kind.in_(DECISIONS[state])',
        "C.kind.in_(DECISIONS[state])",
        B2,
    ),
    Saboteur(
        "transactions read before they take the write lock",
        "bot/store/session.py",
        'begin="BEGIN IMMEDIATE"',
        'begin="BEGIN"',
        B5,
    ),
    Saboteur("the plan is not made again", EXECUTE, "if changed is not None:", "if changed is not None and False:", B2),
    Saboteur(
        "guards are not asked again before the act",
        EXECUTE,
        'if decision.outcome == "deny":',
        'if decision.outcome == "never":',
        B2,
    ),
    Saboteur(
        "a request to stop is forgotten",
        "bot/store/runs.py",
        ".values(stop_requested_by=person)",
        ".values(note=person)",
        B2,
    ),
    Saboteur(
        "an intent that exists is no hindrance",
        EXECUTE,
        'return Deny("already_started", "This attempt was started by another worker.", "Wait for its result.")',
        "pass",
        B5,
    ),
    Saboteur(
        "no intent is written",
        EXECUTE,
        "        if not attempts.intend(",
        "        if attempt.number > 9 and not attempts.intend(",
        ("tests/bot/stages/test_execute.py", *B2),
    ),
    Saboteur(
        "the act does not wait for its intent",
        EXECUTE,
        "    denial, seen = await equipment.store.write_then(intend, look(equipment, act))",
        '    __import__("asyncio").ensure_future(equipment.store.write_then(intend, look(equipment, act)))\n'
        "    denial, seen = None, None",
        B2,
    ),
    # -- the digest --------------------------------------------------------------------------------------------------
    _without("the request", '{"steps": {"__all__": {"act": {"request"}}}}'),
    _without("the target", '{"steps": {"__all__": {"act": {"target"}}}}'),
    _without("its end", '{"expires_at"}'),
    _without("the undo", '{"steps": {"__all__": {"rollback"}}}'),
    _without("the requester", '{"requester"}'),
    Saboteur("the digest depends on the order of keys", PLAN, f"rfc8785.dumps({DUMP})", f"repr({DUMP}).encode()", B6),
    # -- the kill switch ---------------------------------------------------------------------------------------------
    Saboteur("the file is not looked at", SWITCH, "found = stops_in_file(self._file)", "found = ()", B16),
    Saboteur(
        "the file is looked at once, at the start",
        SWITCH,
        "found = stops_in_file(self._file)",
        'found = self.__dict__.setdefault("found", stops_in_file(self._file))',
        B16,
    ),
    Saboteur("an empty file stops nothing", "bot/stop_file.py", "if damaged or not found:", "if damaged:", B16),
    Saboteur(
        "the signal is forgotten at a restart",
        SWITCH,
        "engage_file(self._file, SIGNAL.level, SIGNAL.name, SIGNAL.reason, SIGNAL.by)",
        'LOG.error("stopped by a signal")',
        B16,
    ),
    Saboteur(
        "rows of the switch are not read",
        "bot/store/kill_switch.py",
        "return tuple(Stop(*row) for row in ENGAGED.rows(session))",
        "return tuple(Stop(*row) for row in ENGAGED.rows(session)[:0])",
        B16,
    ),
    Saboteur(
        "the last look before the act is left out",
        "bot/stages/precheck.py",
        "    denied = stopped(plan, act, stops)",
        "    denied = None",
        B16,
    ),
)
