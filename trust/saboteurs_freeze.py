"""Saboteurs of freezes and breakers in the running bot (B17), and of what an approval is used for (B2, B5).

Used by trust/saboteurs.py only. Holds data. Those of the pure rules are in saboteurs_time.py.
"""

from __future__ import annotations

from trust.saboteur import Saboteur

B2 = ("tests/trust/test_b2.py",)
B17 = ("tests/trust/test_b17.py",)

DELAY = "bot/stages/delay.py"
EXECUTE = "bot/stages/execute.py"
KEPT = "bot/stages/kept.py"
LOADER = "bot/calendars/loader.py"
PERMISSION = "bot/stages/permission.py"
RECURRENCE = "bot/calendars/recurrence.py"

SABOTEURS: tuple[Saboteur, ...] = (
    # -- freezes -----------------------------------------------------------------------------------------------------
    Saboteur(
        "freezes are looked at only at plan time",
        "bot/stages/gate.py",
        "calendar=equipment.calendar(now),",
        "calendar=guards.Calendar() if run_id else equipment.calendar(now),",
        B17,
    ),
    Saboteur(
        "what was cut off is repeated without asking the guards",
        EXECUTE,
        "denied = altered(run) if step.read_only else await again(equipment, run, incident, step, undo=attempt.undo >= 0)",
        "denied = None",
        ("tests/bot/stages/test_execute.py",),
    ),
    Saboteur(
        "a plan is begun after its end where nobody was asked",
        DELAY,
        "return None if now < run.plan.expires_at else NOT_BEGUN",
        "return None",
        ("tests/bot/stages/test_delay.py",),
    ),
    Saboteur(
        "a run that lay still for days goes on by itself",
        DELAY,
        "if now - last <= QUIET + timedelta(seconds=acting + proving):",
        "if now - last <= timedelta.max:",
        ("tests/bot/stages/test_delay.py",),
    ),
    Saboteur(
        "a narrower stop ends the one that a touched file is",
        "bot/stop_file.py",
        "if before is not None and not found and not damaged:",
        "if before is None:",
        ("tests/bot/test_stop_file.py",),
    ),
    Saboteur(
        "a command that a crash offers again begins another run",
        "bot/stages/planned_work.py",
        "    if not once:",
        "    if once:",
        ("tests/bot/stages/test_planned_work.py",),
    ),
    Saboteur(
        "a delivery that meets a bug ends the bot",
        "bot/triage.py",
        "            if len(deliveries) > 1:",
        "            raise\n            if len(deliveries) > 1:",
        ("tests/bot/test_triage.py",),
    ),
    Saboteur(
        "a calendar that cannot be understood is as it was",
        LOADER,
        "            kept.fault = str(error)\n            return",
        "            return",
        B17,
    ),
    Saboteur(
        "a calendar that is gone is as it was",
        LOADER,
        'kept.fault, kept.trouble = str(error), ""',
        'kept.trouble = ""',
        B17,
    ),
    Saboteur("a calendar never grows old", LOADER, "> self.declared.max_age", "> self.declared.max_age * 1e6", B17),
    Saboteur(
        "a bot that has read nothing yet knows of no freeze",
        LOADER,
        'return tuple((e, "freezes and calendars are not worked out for this moment") for e in sorted(everywhere))',
        "return ()",
        B17,
    ),
    Saboteur("time zones do not matter", RECURRENCE, "zone = ZoneInfo(period.timezone)", 'zone = ZoneInfo("UTC")', B17),
    Saboteur("a period happens once", RECURRENCE, "if not period.repeat:", "if period.repeat is not None:", B17),
    Saboteur(
        "an hour that happens twice is frozen once",
        RECURRENCE,
        "return max(both) if later else min(both)",
        "return min(both) if later else max(both)",
        B17,
    ),
    Saboteur(
        "a cancelled event freezes",
        "bot/calendars/events.py",
        '_word(event, "STATUS") == "CANCELLED" or ',
        "",
        B17,
    ),
    # -- breakers ----------------------------------------------------------------------------------------------------
    Saboteur(
        "a restart forgets open breakers",
        "bot/store/session.py",
        "lambda session: schema.upgrade_connection(session.connection())",
        "lambda session: (schema.upgrade_connection(session.connection()), "
        'session.connection().exec_driver_sql("delete from breaker"))',
        B17,
    ),
    Saboteur(
        "a breaker opens one run too late",
        "guards/circuit_breaker.py",
        "return _count(guard, context_after) >= guard.max",
        "return _count(guard, context_after) > guard.max",
        B17,
    ),
    Saboteur(
        "an open breaker closes by itself",
        "guards/circuit_breaker.py",
        'return self._people(context, "It has cooled down and waits for one trial")',
        'return Allow("It has cooled down.")',
        B17,
    ),
    Saboteur(
        "nobody is the trial", "bot/store/breakers.py", ".values(trial_run=bindparam", ".values(key=bindparam", B17
    ),
    Saboteur(
        "a trial that failed closes the breaker",
        KEPT,
        "again = after_trial(opened, outcome is Outcome.SUCCEEDED, now)",
        "again = after_trial(opened, True, now)",
        B17,
    ),
    Saboteur(
        "a trial that worked leaves the breaker open",
        KEPT,
        "        if again is None:",
        "        if again is not None and False:",
        B17,
    ),
    Saboteur(
        "a run is the trial of the breaker that it opened",
        KEPT,
        "if any(opened.key == key for opened in context.breakers):",
        "if key:",
        ("tests/bot/stages/test_kept.py",),
    ),
    Saboteur(
        "failures of other places do not open the global breaker",
        KEPT,
        "            history=history.past_acts(session, since),",
        "            history=(),",
        B17,
    ),
    # -- approvals ---------------------------------------------------------------------------------------------------
    Saboteur(
        "the unique index of votes is dropped",
        "bot/store/migrations/versions/0001_baseline.py",
        '        sa.PrimaryKeyConstraint("approval_id", "person"),\n',
        "",
        B2,
    ),
    Saboteur(
        "a refusal uses up the questions before it",
        PERMISSION,
        '        if approval.state != "approved" or approval.expires_at <= now:',
        "        if not approvals.consume(session, approval.id, run.plan.digest, now):",
        B2,
    ),
    Saboteur(
        "after the clock was turned an approval of the runbook's own is used",
        PERMISSION,
        'if jumped and (confirmations_too or approval.kind == "approval"):',
        "if jumped and confirmations_too:",
        B2,
    ),
    Saboteur(
        "a stop that comes during the look-up is overlooked",
        EXECUTE,
        'stopper = runs.stop_requested_by(session, run.id) if attempt.undo < 0 else ""',
        'stopper = ""',
        ("tests/bot/stages/test_execute.py",),
    ),
)
