"""What every key of a runbook means, in one sentence with an example: for editors, and for people who read the format.

Used by runbooks/schema.py and checked against docs/runbook-format.md by a test. Words only; must not hold a rule: what is
allowed is in runbooks/model.py, runbooks/shape.py and runbooks/sense.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Words = tuple[str, tuple[Any, ...]]
"""The sentence, and examples of the value as an author writes it."""

WORDS: Mapping[str, Mapping[str, Words]] = {
    "Runbook": {
        "id": ("Name of the runbook: a-z, 0-9 and dash. People type it in `/runbook run`.", ("restart-service",)),
        "title": ("What it does, as people read it on the card.", ("Restart a service that stopped answering",)),
        "owner": ("The team that looks after it. Needed for production.", ("sre",)),
        "review_every": ("After how long somebody must look at it again.", ("90d",)),
        "description": ("A few sentences about what it does and why.", ()),
        "match": ("When it applies: known errors, alert names, labels, words, and a condition.", ()),
        "params": ("What people may fill in, each with a closed type.", ()),
        "steps": ("What is done, in order: looks first, then changes, each proved.", ()),
        "escalate": ("When people are called.", ()),
        "meaning": ("For the page: what the alert means.", ("The workers hold more memory every hour.",)),
        "impact": ("For the page: who notices, and how.", ("Orders are accepted late.",)),
        "diagnosis": ("For the page: where to look, one line each.", (["Look at the memory of each worker."],)),
        "waits_for": (
            "Adapters that it needs and that do not exist yet: it loads and lints, and is never offered or run.",
            (["kubernetes"],),
        ),
        "tests": ("Its own cases, played by `runbookctl test`.", ()),
        "command": ("Short form: one command of plain words, in the place of `steps`.", ("redis-cli FLUSHDB",)),
    },
    "Match": {
        "signatures": (
            "RE2 patterns of known errors, looked for in the alert's text and in log lines. The strongest reason to match.",
            (["java\\.lang\\.OutOfMemoryError"],),
        ),
        "symptoms": ("Phrases as people say them, for text search.", (["elevated 5xx", "service down"],)),
        "alerts": ("Exact names of alerts.", (["ServiceDown"],)),
        "labels": ("Labels that the alert must carry, all of them.", ({"team": "payments"},)),
        "when": (
            "CEL over `incident` and `facts` that must hold; what is not known does not hold.",
            ("facts.health.status != 200",),
        ),
    },
    "Parameter": {
        "type": ("The closed type: target, enum, integer, duration or identifier.", ("target",)),
        "kind": ("For a target: its kind in services.yaml.", ("supervisor_program",)),
        "values": ("For an enum: what may be chosen.", (["normal", "safe"],)),
        "min": ("For an integer or a duration: the least that is allowed.", (1, "10s")),
        "max": ("For an integer or a duration: the most that is allowed.", (12, "5m")),
        "default": ("What it is when nobody says. A target has none: the only one of its kind is taken.", (6, "30s")),
    },
    "Step": {
        "id": ("Name of the step: a-z, 0-9 and dash.", ("restart",)),
        "title": ("What the step does, as people read it.", ("Restart the program",)),
        "action": ("The operation; `runbookctl lint` knows which there are.", ("supervisor.restart",)),
        "with": (
            'Its parameters. `"${name}"` stands for a whole value and never for a part of a text.',
            ({"target": "${target}"},),
        ),
        "when": ("CEL: whether the step is wanted at all; otherwise it is passed over.", ("incident.flapping",)),
        "precheck": (
            "CEL, asked with fresh facts just before the act: whether it is still needed. With waves, before the first.",
            ("facts.health.status != 200",),
        ),
        "verify": ("What proves that it worked, with fresh facts. A change needs it.", ()),
        "expect": ("What its own output must contain.", ()),
        "rollback": (
            "How it is undone when it did not work: a list of actions, or `none` said out loud.",
            ("none", [{"action": "settings.restore", "with": {"target": "${target}", "key": "mode"}}]),
        ),
        "rollback_note": (
            "Why there is no undo, or what people should know about it.",
            ("a restart cannot be taken back",),
        ),
        "irreversible": ("True when it can never be undone. Not together with rollback.", (True,)),
        "safety": ("How dangerous it is and where it may run. A change needs it.", ()),
        "deadline": ("How long the act may take, at most 1h.", ("60s",)),
        "increments": (
            "Change a size in steps of at most this share, each proved before the next. Needs `wanted` and verify.",
            ("50%",),
        ),
        "waves": (
            "Members of a group in turn: counts, shares, `rest` last. The last size repeats: `[1]` is one at a time.",
            ([1, "25%", "rest"], [1]),
        ),
        "on_failure": (
            "`continue`: a step that only reads and fails is noted, and the run goes on. Otherwise people are called.",
            ("continue",),
        ),
    },
    "Verify": {
        "fact": ("The fact that is observed.", ("health",)),
        "expect": ("CEL over its fields that must hold.", ("status == 200",)),
        "within": ("How long it may take until it is proved.", ("60s",)),
        "every": ("How often it is looked at.", ("2s",)),
        "samples": ("How many of the last looks must hold.", ("3 of 4",)),
    },
    "Pattern": {
        "pattern": ("RE2 pattern that the output must contain.", ("OK",)),
        "allow_failure": ("True: its absence is only noted.", (True,)),
    },
    "Rollback": {
        "action": ("The operation that undoes it.", ("settings.restore",)),
        "with": ("Its parameters, as in a step.", ({"target": "${target}"},)),
    },
    "Safety": {
        "risk": ("What policy decides by: read, safe, caution or forbidden.", ("safe",)),
        "scopes": ("The environments it may run in, each by name. Never empty, never all.", (["dev", "staging"],)),
        "requires_approval": ("True: somebody else must say yes, whatever policy asks for.", (True,)),
        "autonomy": ("The most that the bot may do by itself: shadow, suggest, approve or auto.", ("suggest",)),
        "limits": ("How often it may run, beside what policy allows.", ()),
        "blast_radius": ("How much one run may touch.", ()),
    },
    "Limit": {
        "max": ("At most so many runs.", (1,)),
        "per": ("Counted per service, target, action, person or for all together.", ("service",)),
        "window": ("In this time.", ("1h",)),
        "env": ("Only in this environment; one of the scopes.", ("prod",)),
    },
    "BlastRadius": {
        "max_targets": ("Targets, or members of a group, that one run may touch in all.", (1,)),
    },
    "Escalate": {
        "after_failures": ("After so many failed steps on one incident.", (1,)),
        "severity": ("With which severity people are paged.", ("critical",)),
    },
    "Case": {
        "name": ("What the case shows, in words.", ("a service that answers is left alone",)),
        "incident": ("What the monitor said.", ({"alert_name": "ServiceDown", "severity": "critical"},)),
        "environment": ("Of the service.", ("staging",)),
        "facts": ("Name of the fact and what was observed; one left out is not known.", ({"health": {"status": 503}},)),
        "past": ("What was tried on this incident before.", ([{"step": "restart", "outcome": "failed"}],)),
        "ran_minutes_ago": ("When this very step ran before and worked, for limits.", ([10],)),
        "params": ("Parameters that a person chose.", ({"wanted": 9},)),
        "targets": ("Kind of target and the settings of the only one of it, as in services.yaml.", ()),
        "expect": ("What must come out; at least one thing.", ({"step": "restart"},)),
    },
    "CaseIncident": {
        "title": ("The alert's title.", ("payments is down",)),
        "severity": ("critical, error, warning or info.", ("critical",)),
        "alert_name": ("The alert's name.", ("ServiceDown",)),
        "labels": ("The alert's labels.", ({"team": "payments"},)),
        "details": (
            "The alert's other fields; signatures are looked for here as well.",
            ({"log": "OutOfMemoryError"},),
        ),
    },
    "CasePast": {
        "step": ("Which step.", ("restart",)),
        "outcome": ("What became of it.", ("failed",)),
        "runbook": ("Of which runbook; this one when it is not written.", ("clear-cache",)),
    },
    "CaseExpect": {
        "step": ("The step that is offered.", ("restart",)),
        "plan": ("Exactly what each act shows, in order.", (["supervisorctl restart payments"],)),
        "refused": ("Code of the refusal.", ("cannot_plan",)),
        "no_step": ("Words that the reason for offering nothing contains.", ("not needed",)),
        "asks": ("Who is asked: approval, confirmation, or nobody with an empty list.", (["approval"], [])),
    },
}
