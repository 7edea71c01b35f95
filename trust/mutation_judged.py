"""The mutants of `guards/` that no test can tell from the source, each with the reason. Reviewed like code.

Used by trust/mutation.py. Holds data. A judgement that no surviving mutant needs breaks the claim, so the list stays short.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Judged:
    """module: below the root. was, now: the changed line before and after, without indentation. why: in one sentence."""

    module: str
    was: str
    now: str
    why: str


JUDGED: tuple[Judged, ...] = (
    # One word of a closed list, compared by order instead of equality: the others of the list lie on the other side.
    Judged(
        "guards/autonomy.py",
        'if level == "suggest":',
        'if level >= "suggest":',
        "Only suggest, approve and auto come here, and both others sort before suggest.",
    ),
    Judged(
        "guards/autonomy.py",
        'if level == "approve":',
        'if level <= "approve":',
        "Only approve and auto come here, and auto sorts after approve.",
    ),
    Judged(
        "guards/chain.py",
        'if decision.outcome == "deny":',
        'if decision.outcome >= "deny":',
        "conclude() gives allow, ask or deny, and deny is the last of them.",
    ),
    Judged(
        "guards/chain.py",
        'if decision.outcome == "deny":',
        'if decision.outcome is "deny":',
        "The outcome is a constant of the same module, and equal constants of a module are one object.",
    ),
    Judged(
        "guards/circuit_breaker.py",
        'if self.per == "remediation":',
        'if self.per >= "remediation":',
        "Of incident, global and remediation (checked when it is made) the last is remediation.",
    ),
    Judged(
        "guards/circuit_breaker.py",
        'return "global" if self.per == "global" else ""',
        'return "global" if self.per <= "global" else ""',
        "Only global and incident come here, and incident sorts after global.",
    ),
    Judged(
        "guards/circuit_breaker.py",
        'what = "acts of this kind" if self.per == "remediation" else "acts that went wrong"',
        'what = "acts of this kind" if self.per >= "remediation" else "acts that went wrong"',
        "Only global and remediation come here, and global sorts before remediation.",
    ),
    Judged(
        "guards/circuit_breaker.py",
        'if guard.per == "global":',
        'if guard.per <= "global":',
        "Only global and remediation come here, and remediation sorts after global.",
    ),
    Judged(
        "guards/policy.py",
        'if period.kind == "change_window"',
        'if period.kind <= "change_window"',
        "The policy declares change_window, freeze and maintenance only, and change_window is the first of them.",
    ),
    Judged(
        "guards/policy.py",
        'if period.kind == "change_window"',
        'if period.kind is "change_window"',
        "The kind is a constant of guards/policy_periods.py that looks like a name, and CPython keeps such text once.",
    ),
    Judged(
        "guards/policy.py",
        'Freeze(watched=bool(self.calendars) or any(p.kind != "change_window" for p in self.periods)),',
        'Freeze(watched=bool(self.calendars) or any(p.kind > "change_window" for p in self.periods)),',
        "The policy declares change_window, freeze and maintenance only, and both others sort after change_window.",
    ),
    Judged(
        "guards/policy.py",
        'Freeze(watched=bool(self.calendars) or any(p.kind != "change_window" for p in self.periods)),',
        'Freeze(watched=bool(self.calendars) or any(p.kind is not "change_window" for p in self.periods)),',
        "The kind is a constant of guards/policy_periods.py that looks like a name, and CPython keeps such text once.",
    ),
    Judged(
        "guards/rate_limit.py",
        'if self.per == "target" and not context.targets:',
        'if self.per >= "target" and not context.targets:',
        "Of the five kinds (checked when it is made) the last is target.",
    ),
    Judged(
        "guards/rate_limit.py",
        'if self.per == "target":',
        'if self.per >= "target":',
        "Of the five kinds (checked when it is made) the last is target.",
    ),
    Judged(
        "guards/rate_limit.py",
        'return {context.service if self.per == "service" else action or service or "everything": recent}',
        'return {context.service if self.per >= "service" else action or service or "everything": recent}',
        "Only action, global and service come here, and service is the last of them.",
    ),
    Judged(
        "guards/policy_matrix.py",
        'if words.get("forbidden", "forbid") != "forbid":',
        'if words.get("forbidden", "forbid") < "forbid":',
        "Of the four words of the matrix the last is forbid.",
    ),
    # A number that cannot lie on the other side.
    Judged(
        "guards/blast_radius.py",
        "if len(domains) > 1:",
        "if len(domains) != 1:",
        "There is at least one target, so there is at least one domain.",
    ),
    Judged(
        "guards/change_window.py",
        "over_midnight = end < start",
        "over_midnight = end <= start",
        "A window whose start and end are the same is refused when it is made.",
    ),
    Judged(
        "guards/max_change.py",
        "step = max(1, int(size * Fraction(percent) / 100))",
        "step = max(1, int(size * Fraction(percent) // 100))",
        "Of a fraction that is not negative, the floor is what int() takes.",
    ),
    Judged(
        "guards/max_change.py",
        "size = min(size + step, wanted) if wanted > size else max(size - step, wanted)",
        "size = min(size + step, wanted) if wanted >= size else max(size - step, wanted)",
        "The loop ends before the two are equal.",
    ),
    Judged(
        "guards/policy_periods.py",
        'if len(rule) < len(parts) or "FREQ" not in rule or "" in {each for _, v in parts for each in v.split(",")}:',
        'if len(rule) != len(parts) or "FREQ" not in rule or "" in {each for _, v in parts for each in v.split(",")}:',
        "A mapping made of the parts has never more entries than there are parts.",
    ),
    Judged(
        "guards/policy_periods.py",
        'if len(rule) < len(parts) or "FREQ" not in rule or "" in {each for _, v in parts for each in v.split(",")}:',
        'if len(rule) is not len(parts) or "FREQ" not in rule or "" in {each for _, v in parts for each in v.split(",")}:',
        "A mapping has never more entries than parts, and a rule of 200 characters has so few that equal counts are one object.",
    ),
    Judged(
        "guards/policy_periods.py",
        "or not 0 < len(value) <= LONGEST_PLACE",
        "or not 0 != len(value) <= LONGEST_PLACE",
        "No length is below 0.",
    ),
    Judged(
        "guards/policy_periods.py",
        "or not 0 < len(value) <= LONGEST_PLACE",
        "or not 0 is not len(value) <= LONGEST_PLACE",
        "No length is below 0, and there is one object 0.",
    ),
    Judged(
        "guards/policy_periods.py",
        "or value != value.strip()",
        "or value is not value.strip()",
        "CPython gives the text itself back when there is nothing to strip.",
    ),
    Judged(
        "guards/tally.py",
        "if len(approvals) < len(eligible):",
        "if len(approvals) != len(eligible):",
        "The approvals are picked from the eligible votes, so there are never more.",
    ),
    Judged(
        "guards/tally.py",
        """return f"Still needed: {wanted} more {'person' if wanted == 1 else 'people'} from {_groups(approvers)}.\"""",
        """return f"Still needed: {wanted} more {'person' if wanted <= 1 else 'people'} from {_groups(approvers)}.\"""",
        "At least one is wanted where this is said.",
    ),
    Judged(
        "guards/change_window.py",
        "minutes = int(written[1]) * 60 + int(written[2]) if written else _DAY + 1",
        "minutes = int(written[1]) * 60 + int(written[2]) if written else _DAY + 2",
        "Anything beyond the day says that nothing could be read; 1442 is as well beyond it as 1441.",
    ),
    Judged(
        "guards/change_window.py",
        "minutes = int(written[1]) * 60 + int(written[2]) if written else _DAY + 1",
        "minutes = int(written[1]) * 60 + int(written[2]) if written else _DAY | 1",
        "Anything beyond the day says that nothing could be read; 1440 | 1 = 1441 is as well beyond it as 1441.",
    ),
    Judged(
        "guards/change_window.py",
        "minutes = int(written[1]) * 60 + int(written[2]) if written else _DAY + 1",
        "minutes = int(written[1]) * 60 + int(written[2]) if written else _DAY ^ 1",
        "Anything beyond the day says that nothing could be read; 1440 ^ 1 = 1441 is as well beyond it as 1441.",
    ),
    Judged(
        "guards/change_window.py",
        "minutes = int(written[1]) * 60 + int(written[2]) if written else _DAY + 1",
        "minutes = int(written[1]) * 60 + int(written[2]) if written else _DAY << 1",
        "Anything beyond the day says that nothing could be read; 2880 is as well beyond it as 1441.",
    ),
    Judged(
        "guards/change_window.py",
        "if _minutes(self.start) == _DAY:",
        "if _minutes(self.start) >= _DAY:",
        "_minutes() gives at most a day.",
    ),
    Judged(
        "guards/names.py",
        "if not name or name != name.strip():",
        "if not name or name is not name.strip():",
        "CPython gives the text itself back when there is nothing to strip.",
    ),
    Judged(
        "guards/policy_approvals.py",
        'if len({each["id"] for each in found}) < len(found):',
        'if len({each["id"] for each in found}) != len(found):',
        "A set made of a list has never more members than the list.",
    ),
    Judged(
        "guards/policy_values.py",
        "if len(set(value)) < len(value):",
        "if len(set(value)) != len(value):",
        "A set made of a list has never more members than the list.",
    ),
    Judged(
        "guards/policy_periods.py",
        'if len({calendar["name"] for calendar in found}) < len(found):',
        'if len({calendar["name"] for calendar in found}) != len(found):',
        "A set made of a list has never more members than the list.",
    ),
    Judged(
        "guards/recording.py",
        "KNOWN = frozenset({field.name for field in fields(Context)}) - frozenset(LEFT_OUT)",
        "KNOWN = frozenset({field.name for field in fields(Context)}) ^ frozenset(LEFT_OUT)",
        "Everything in LEFT_OUT is a field.",
    ),
    Judged(
        "guards/rate_limit.py",
        "_elsewhere: Allow = field(init=False, repr=False, compare=False)",
        "_elsewhere: Allow = field(init=False, repr=False, compare=True)",
        "It is made of fields that are compared already.",
    ),
    # What only a type checker reads.
    Judged(
        "guards/chain.py",
        "@property",
        "",
        "The first one stands in a protocol, which nothing executes; tests/guards/test_typing.py holds it, but reads the file.",
    ),
    # Short cuts: without them the long way comes to the same.
    Judged(
        "guards/soundness.py",
        "if len(found) == 1:",
        "if len(found) < 1:",
        "A short cut: one finding sorted is the same finding, and there is never none.",
    ),
    Judged(
        "guards/soundness.py",
        "if len(found) == 1:",
        "if len(found) <= 1:",
        "There is always at least one finding.",
    ),
    Judged(
        "guards/soundness.py",
        "if len(found) == 1:",
        "if len(found) == 0:",
        "A short cut: one finding sorted is the same finding, and there is never none.",
    ),
    Judged(
        "guards/soundness.py",
        "if len(alike) > 1:",
        "if len(alike) >= 1:",
        "A short cut: sorting one finding changes nothing.",
    ),
    Judged(
        "guards/soundness.py",
        "if len(alike) > 1:",
        "if len(alike) != 1:",
        "There is always at least one finding of these words.",
    ),
    Judged(
        "guards/soundness.py",
        "if len(alike) > 1:",
        "if len(alike) > 0:",
        "A short cut: sorting one finding changes nothing.",
    ),
    Judged(
        "guards/soundness.py",
        "if type(name) is not str or not (type(value) in _PLAIN or _printable(value)):",
        "if type(name) is not str or not (type(value) in _PLAIN and _printable(value)):",
        "A short cut: what is not known to be printable is printed, and plain values can be.",
    ),
)
