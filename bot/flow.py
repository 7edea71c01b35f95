"""One run: gate > lock > execute > verify > next | roll back | escalate. An interpreter over a plan frozen at the start.

Started and resumed by bot/engine for every run; every step may be entered again after a crash. Its own step order is
part of the durable state: change it only behind a patch (reference/engine.md pitfall 7). Must not word anything.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Any

from sqlmodel import Session

from bot.engine.base import Journal
from bot.errors import CountersignError
from bot.stages import closing
from bot.stages.base import Equipment
from bot.stages.delay import OUTLIVED
from bot.stages.execute import Attempt, execute
from bot.stages.verify import verify
from bot.store import approvals, incidents, leases, runs
from bot.telemetry import CORRELATION, log
from bot.transcript import Outcome

LOCK_WAIT_SECONDS = 120.0
LOCK_POLL_SECONDS = 0.5
UNKNOWN_ANSWER_SECONDS = 3600.0
APPROVING = ("approved", "consumed")
PAUSING = ("frozen", "maintenance", "calendar_unreadable", "outside_change_window", OUTLIVED)


class Flow:
    """Carries out runs. look_again: called with the incident id when a run has ended, to offer what comes next."""

    def __init__(self, equipment: Equipment, look_again: Callable[[str], Awaitable[None]]) -> None:
        self._equipment = equipment
        self._look_again = look_again

    async def carry_out(self, run_id: str, journal: Journal) -> str:
        """The whole run; returns its outcome's word. No exception leaves it (pitfall 8) except cancellation."""
        CORRELATION.set(run_id)
        try:
            outcome = await self._carry_out(run_id, journal)
        except Exception as error:  # noqa: BLE001 - the one broad except of the engine edge: a crash becomes an escalation
            log().error("run failed inside", run=run_id, error=repr(error))
            reason = f"the bot failed inside the run: {type(error).__name__}"
            outcome = await journal.step(
                "crashed", lambda: self._end(run_id, Outcome.UNKNOWN, reason, page=True, keep=True)
            )
        await journal.step("next", lambda: self._next(run_id))
        return str(outcome)

    async def _carry_out(self, run_id: str, journal: Journal) -> str:
        for gate in await journal.step("gates", lambda: self._gates(run_id)):
            await journal.wait(gate["id"], gate["seconds"])
            closed = await journal.step(f"gate {gate['kind']}", partial(self._close_gate, run_id, gate["id"]))
            if closed not in APPROVING:
                return str(await journal.step("not approved", partial(self._not_approved, run_id, closed)))
        held = await journal.step("lock", lambda: self._lock(run_id))
        if held:
            return str(await journal.step("busy", lambda: self._end(run_id, Outcome.REFUSED, held, code="target_busy")))
        count = int(await journal.step("length", lambda: self._length(run_id)))
        for index in range(count):
            ended = await self._carry_step(run_id, journal, index)
            if ended is not None:
                return ended
        return str(await journal.step("finish", lambda: self._end(run_id, Outcome.SUCCEEDED, "")))

    async def _carry_step(self, run_id: str, journal: Journal, index: int) -> str | None:
        """One step; None means go on."""
        number = 1
        while True:
            attempt = Attempt(run_id, index, number)
            done = await journal.step(f"execute {index}.{number}", partial(execute, self._equipment, attempt))
            if index > 0 and done["state"] == "refused" and done.get("code") in PAUSING:
                answer = await self._ask_paused(run_id, journal, attempt, str(done.get("reason", "")))
                if answer == "retry":
                    number += 1
                    continue
                break
            if done["state"] != "unknown":
                break
            answer = await self._ask_unknown(run_id, journal, attempt, str(done.get("reason", "")))
            if answer == "done":
                done = {"state": "done", "at": self._equipment.clock().isoformat()}
                break
            if answer != "retry":
                return await self._unanswered(run_id, journal, answer, done)
            number += 1
        state = done["state"]
        if state in ("refused", "stopped", "not_needed"):
            outcome = Outcome.STOPPED if state == "stopped" else Outcome.REFUSED
            code = str(done.get("code", state))
            return str(
                await journal.step(f"stop {index}", lambda: self._end(run_id, outcome, str(done["reason"]), code=code))
            )
        if state == "done":
            proof = await journal.step(f"verify {index}", lambda: self._verify(run_id, index, str(done["at"])))
            if proof["ok"] or proof.get("goes_on"):  # a proof from before there was the word has none
                return None
            return await self._roll_back(run_id, journal, index, "the change did not prove itself")
        if await journal.step(f"read only {index}", lambda: self._may_fail(run_id, index)):
            return None  # the runbook said that this look may fail; it is in the transcript
        return await self._roll_back(run_id, journal, index, f"the act failed: {done.get('reason', '')}")

    async def _ask_unknown(self, run_id: str, journal: Journal, attempt: Attempt, reason: str) -> str:
        name = f"unknown {attempt.step}.{attempt.number}"
        gate = await journal.step(f"ask {name}", lambda: closing.ask_unknown(self._equipment, attempt, reason))
        await journal.wait(gate, UNKNOWN_ANSWER_SECONDS)
        return str(await journal.step(f"answer {name}", lambda: self._close_gate(run_id, gate)))

    async def _ask_paused(self, run_id: str, journal: Journal, attempt: Attempt, reason: str) -> str:
        """A freeze began in the middle of the run (X11, T56), or it lay still: say so, page, and let a person decide."""
        name = f"paused {attempt.step}.{attempt.number}"
        gate = await journal.step(f"ask {name}", lambda: closing.ask_paused(self._equipment, attempt, reason))
        await journal.wait(gate, UNKNOWN_ANSWER_SECONDS)
        return str(await journal.step(f"answer {name}", lambda: self._close_gate(run_id, gate)))

    async def _unanswered(self, run_id: str, journal: Journal, answer: str, done: dict[str, Any]) -> str:
        """Aborted by a person, or nobody answered: the outcome stays unknown and people are paged."""
        reason = f"the outcome of a step is unknown ({done.get('reason', '')}); " + (
            "a person stopped the run" if answer == "abort" else "nobody answered within an hour"
        )
        keep = answer != "abort"
        return str(
            await journal.step("unknown", lambda: self._end(run_id, Outcome.UNKNOWN, reason, page=True, keep=keep))
        )

    async def _roll_back(self, run_id: str, journal: Journal, index: int, reason: str) -> str:
        """The declared undo, once, then people; no loops (trust cases T59, T60)."""
        undos = int(await journal.step(f"undo length {index}", lambda: self._undo_length(run_id, index)))
        for undo in range(undos):
            attempt = Attempt(run_id, index, 1, undo)
            done = await journal.step(f"undo {index}.{undo}", partial(execute, self._equipment, attempt))
            if done["state"] != "done":
                why = str(done.get("reason", done["state"]))
                await journal.step(
                    f"undo failed {index}.{undo}", partial(closing.rollback_failed, self._equipment, run_id, index, why)
                )
                text = f"{reason}, and the rollback did not work: {why}"
                return str(
                    await journal.step(
                        "escalate", partial(self._end, run_id, Outcome.FAILED, text, page=True, keep=True)
                    )
                )
        if undos:
            await journal.step(f"rolled back {index}", lambda: closing.rolled_back(self._equipment, run_id, index))
        outcome = Outcome.ROLLED_BACK if undos else Outcome.FAILED
        return str(await journal.step("escalate", lambda: self._end(run_id, outcome, reason, page=True)))

    async def _gates(self, run_id: str) -> list[dict[str, Any]]:
        now = self._equipment.clock()
        asked = await self._equipment.store.read(lambda s: approvals.for_run(s, run_id))
        return [
            {"id": a.id, "kind": a.kind, "seconds": max((a.expires_at - now).total_seconds(), 0.0)}
            for a in sorted(asked, key=lambda question: question.kind != "confirmation")
            if a.kind in ("confirmation", "approval")
        ]

    async def _close_gate(self, run_id: str, approval_id: str) -> str:
        """Time out or take the answer: one compare-and-set decides, the row is the truth (pitfall 11)."""
        now = self._equipment.clock()

        def close(session: Session) -> str:
            approvals.expire(session, approval_id, now)
            found = approvals.get(session, approval_id)
            if found is not None and found.state != "pending":
                approvals.mark_delivered(session, approval_id)
            return found.state if found else "expired"

        return await self._equipment.store.write(close)

    async def _lock(self, run_id: str) -> str:
        """Take every target or wait; '' when held, else a sentence about who has it. Re-entrant after a crash."""
        run = await self._run(run_id)
        keys = [target.key for target in run.plan.targets]
        waited = 0.0
        while True:
            others = await self._equipment.store.write(partial(self._acquire, keys, run_id))
            if not others:
                return ""
            if waited >= LOCK_WAIT_SECONDS:
                target, holder = next(iter(others.items()))
                return f"{target} is held by run {holder}"
            await self._equipment.sleep(LOCK_POLL_SECONDS)
            waited += LOCK_POLL_SECONDS

    def _acquire(self, keys: list[str], run_id: str, session: Session) -> dict[str, str]:
        now = self._equipment.clock()
        others = leases.acquire(session, keys, run_id, now)
        if not others and not runs.set_running(session, run_id, now):
            raise CountersignError(f"run {run_id} has ended already")  # and no lease is kept for it (T53)
        return others

    async def _verify(self, run_id: str, index: int, acted_at: str) -> dict[str, Any]:
        run = await self._run(run_id)
        step = run.plan.steps[index]
        if step.check is None:
            return {"ok": True, "evidence": [], "took_seconds": 0.0}
        incident = await self._equipment.store.read(lambda s: incidents.get(s, run.incident_id))
        if incident is None:
            return {"ok": False, "evidence": [], "took_seconds": 0.0}
        proof = await verify(self._equipment, incident, step.check, datetime.fromisoformat(acted_at))
        proof["goes_on"] = not proof["ok"] and step.may_fail
        await closing.verified(self._equipment, run_id, index, proof)
        return proof

    async def _length(self, run_id: str) -> int:
        return len((await self._run(run_id)).plan.steps)

    async def _undo_length(self, run_id: str, index: int) -> int:
        return len((await self._run(run_id)).plan.steps[index].rollback)

    async def _may_fail(self, run_id: str, index: int) -> bool:
        return (await self._run(run_id)).plan.steps[index].may_fail

    async def _run(self, run_id: str) -> runs.Run:
        run = await self._equipment.store.read(lambda s: runs.get(s, run_id))
        if run is None:
            raise CountersignError(f"run {run_id} is not in the store")
        return run

    async def _not_approved(self, run_id: str, state: str) -> str:
        words = {"expired": "nobody answered in time", "rejected": "it was declined", "void": "it is no longer needed"}
        outcome = Outcome.EXPIRED if state == "expired" else Outcome.REFUSED
        return await self._end(run_id, outcome, words.get(state, state), code=state)

    async def _end(
        self, run_id: str, outcome: Outcome, reason: str, *, code: str = "", page: bool = False, keep: bool = False
    ) -> str:
        return await closing.end(self._equipment, run_id, outcome, reason, code=code, page=page, keep_lease=keep)

    async def _next(self, run_id: str) -> None:
        run = await self._run(run_id)
        await self._look_again(run.incident_id)
