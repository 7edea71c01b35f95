"""What must be true of approvals, written down a second time: who may answer, what a click does, when an act may start.

Used by trust/b2_walk.py (B2), which holds it against the real functions after every action, and by trust/b5_judge.py.
Knows the cases T01-T12, T55 and docs/policy.md, nothing of bot or guards; shares no code with what it judges.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
PLAN_LIVES = timedelta(minutes=15)
CONFIRMATION = timedelta(seconds=120)
LIES_STILL = timedelta(minutes=15, seconds=60)  # a quarter of an hour beside the time of its act and of its proof
GROUPS = ("alpha", "beta")
LOOKED_UP = "beta"  # the group whose members somebody else keeps, who cannot always be asked


@dataclass(frozen=True, slots=True)
class Rule:
    """What one environment asks before a change. count 0: no approval is asked there. minutes: of the approval.

    later: groups that may answer as well when nobody has for so many minutes.
    """

    confirm: bool
    count: int
    any_of: tuple[str, ...] = ()
    all_of: tuple[str, ...] = ()
    minutes: int = 15
    later: tuple[str, ...] = ()
    later_minutes: int = 2

    @property
    def groups(self) -> frozenset[str]:
        """Everybody whose answer may count is in one of these."""
        return frozenset((*self.any_of, *self.all_of))


PLACES: dict[str, Rule] = {
    "confirmed": Rule(confirm=True, count=0),
    "one": Rule(confirm=False, count=1, any_of=("alpha",)),
    "two": Rule(confirm=False, count=2, any_of=("alpha",), minutes=5, later=("beta",)),
    "three": Rule(confirm=False, count=3, any_of=("alpha", "beta"), minutes=30),
    "each": Rule(confirm=False, count=2, all_of=("alpha", "beta")),
    "mixed": Rule(confirm=True, count=1, any_of=("beta",)),
}


@dataclass(slots=True)
class Human:
    """One person of the directory. active: still in it. responder: may ask for steps."""

    groups: set[str]
    active: bool = True
    responder: bool = True


@dataclass(slots=True)
class Question:
    """One question of a run, and who said what. state: as in bot/store/approvals.py. widens: when `later` may answer."""

    id: str
    kind: str
    rule: Rule
    expires: datetime
    state: str = "pending"
    votes: dict[str, bool] = field(default_factory=dict)
    widens: datetime | None = None


@dataclass(slots=True)
class RunState:
    """One run. key: what its plan was made of. acts: step ids that were carried out. damaged: its stored plan was changed.

    ends: until when its first act may begin. last: when something happened in it.
    """

    id: str
    place: str
    requester: str
    key: tuple[int, ...]
    questions: list[Question]
    changing: tuple[bool, ...]
    ends: datetime
    last: datetime
    stop_asked: bool = False
    closed: bool = False
    damaged: bool = False
    acts: set[str] = field(default_factory=set)


def possible(*codes: str) -> frozenset[str]:
    """The answers that there may be."""
    return frozenset(codes)


@dataclass(slots=True)
class Model:
    """The world as it should be.

    stops: engaged levels and names. over: the monitor says the incident is resolved. blind: LOOKED_UP cannot be.
    jumped: somebody turned the clock, and no approval is used for a while (T65).
    """

    humans: dict[str, Human]
    now: datetime = START
    key: list[int] = field(default_factory=lambda: [0, 0, 0])
    stops: set[tuple[str, str]] = field(default_factory=set)
    over: bool = False
    blind: bool = False
    jumped: bool = False
    runs: list[RunState] = field(default_factory=list)

    # -- asking ------------------------------------------------------------------------------------------------------
    def open_at(self, place: str) -> RunState | None:
        """The run there that is not closed."""
        return next((run for run in self.runs if run.place == place and not run.closed), None)

    def stopped(self, place: str) -> bool:
        """Whether the kill switch stops everything that happens there."""
        return bool(self.stops & {("all", ""), ("environment", place), ("service", f"at-{place}")})

    def asking(self, place: str, person: str) -> frozenset[str]:
        """Every answer that asking there may get now; `done` alone means that a run must open."""
        if not self.humans[person].active:
            return possible("stranger")
        if self.over:
            return possible("incident_resolved")
        reasons = self._refused(place, person)
        if self.open_at(place) is not None:
            return reasons | {"already", "target_busy"}
        return reasons or possible("done")

    def _refused(self, place: str, person: str) -> frozenset[str]:
        """Every reason why rules refuse this requester there now. Who has left has no role, not even to look."""
        human = self.humans[person]
        reasons = {"kill_switch"} if self.stopped(place) else set()
        if not (human.active and human.responder):
            reasons.add("wrong_role")
        return frozenset(reasons)

    def opened(
        self, run_id: str, place: str, person: str, ids: Mapping[str, str], changing: Iterable[bool]
    ) -> RunState:
        """A run with its questions. ids: kind -> id. changing: of each step, whether it changes anything."""
        rule, questions = PLACES[place], []
        lives = {"confirmation": CONFIRMATION, "approval": timedelta(minutes=rule.minutes)}
        for kind, wanted in (("confirmation", rule.confirm), ("approval", rule.count > 0)):
            if wanted:
                until = self.now + min(lives[kind], PLAN_LIVES)
                questions.append(Question(ids[kind], kind, rule, until))
                widens = self.now + timedelta(minutes=rule.later_minutes)
                if kind == "approval" and rule.later and widens < until:
                    questions[-1].widens = widens
        ends = self.now + PLAN_LIVES
        made = RunState(run_id, place, person, tuple(self.key), questions, tuple(changing), ends, self.now)
        self.runs.append(made)
        return made

    # -- answering ---------------------------------------------------------------------------------------------------
    def may_answer(self, run: RunState, question: Question, person: str) -> str:
        """Empty, or why this person's answer does not count."""
        if question.kind == "confirmation":
            return "" if person == run.requester else "not_requester"
        if person == run.requester:
            return "self_approval"
        human = self.humans[person]
        if human.active and self.known(human) & self.groups(question):
            return ""
        return "authz_unavailable" if self.in_doubt(question) else "not_approver"

    def known(self, human: Human) -> set[str]:
        """The groups that a person is known to be in."""
        return human.groups - {LOOKED_UP} if self.blind else human.groups

    def in_doubt(self, question: Question) -> bool:
        """Whether a group that matters cannot be looked up: then nothing is decided (T02)."""
        return self.blind and LOOKED_UP in self.groups(question)

    def groups(self, question: Question) -> frozenset[str]:
        """The groups whose people may answer it now."""
        wider = question.widens is not None and question.widens <= self.now
        return question.rule.groups | frozenset(question.rule.later if wider else ())

    def standing(self, run: RunState, question: Question) -> dict[str, bool]:
        """The votes of the people who may answer today."""
        return {who: yes for who, yes in question.votes.items() if not self.may_answer(run, question, who)}

    def agreed(self, run: RunState, question: Question) -> bool:
        """Enough distinct people who may answer, today, say yes, and nobody of them says no."""
        if question.kind == "confirmation":
            return question.votes.get(run.requester) is True
        standing = self.standing(run, question)
        if self.in_doubt(question) or not all(standing.values()):
            return False
        represented = all(any(g in self.humans[who].groups for who in standing) for g in question.rule.all_of)
        return represented and len(standing) >= question.rule.count

    def click(self, run: RunState, question: Question, person: str, *, approve: bool, own_card: bool) -> str:
        """The answer of a click, and what it changes. person: empty for nobody of the directory."""
        if not person:
            return "stranger"
        if not own_card:
            return "wrong_card"
        if question.state in ("approved", "consumed") and not approve and not run.closed:
            return self._take_back(run, question, person)
        if question.state != "pending":
            return "already"
        if question.expires <= self.now:
            question.state = "expired"
            return "already"
        refused = self.may_answer(run, question, person)
        if refused:
            return refused
        if approve and question.kind == "approval" and self.in_doubt(question):
            return "authz_unavailable"  # a yes that cannot be counted is not taken; a no needs nobody else
        if person in question.votes:
            return "already"
        question.votes[person] = approve
        if not approve:
            question.state = "rejected"
        elif self.agreed(run, question):
            question.state = "approved"
        run.last = run.last if question.state == "pending" else max(run.last, self.now)
        return "done"

    def _take_back(self, run: RunState, question: Question, person: str) -> str:
        """No wins until the first intent; from then on it asks the run to stop (T06)."""
        refused = self.may_answer(run, question, person)
        if refused:
            return refused
        question.votes.setdefault(person, False)
        if question.state == "approved":
            question.state = "rejected"
            run.last = max(run.last, self.now)
            return "done"
        if run.stop_asked:
            return "already"
        run.stop_asked = True
        return "done"

    # -- acting ------------------------------------------------------------------------------------------------------
    def starting(self, run: RunState, step: int, *, undo: bool = False) -> frozenset[str]:
        """What may come of starting that step now: `acted`, `replayed`, `stopped` or the codes of a refusal."""
        name = f"{step}:undo" if undo else str(step)
        if name in run.acts:
            return possible("replayed")
        if not undo:
            if run.stop_asked:
                return possible("stopped")
            if self.over:
                return possible("incident_resolved")
            if run.key != tuple(self.key):
                return possible("plan_changed")
        refused = self._refused(run.place, run.requester)
        if refused:
            return refused
        late = self._late(run, first=step == 0 and not undo)
        if step == 0 or run.changing[step]:
            return (late | self._permitted(run)) or possible("acted")
        return late or possible("acted")

    def _late(self, run: RunState, *, first: bool) -> frozenset[str]:
        """Why it comes too late: the plan ended before it was begun, or the run lay still for too long."""
        late = self.now >= run.ends if first else self.now - run.last > LIES_STILL
        return possible("expired" if first else "outlived") if late else possible()

    def _permitted(self, run: RunState) -> frozenset[str]:
        """Every reason why the questions of this run do not stand; empty when all do (T03, T08, T09, T11)."""
        reasons: set[str] = set()
        for question in run.questions:
            if run.damaged:
                reasons.add("plan_changed")
            if question.state == "consumed":
                continue
            if question.kind == "approval" and self.jumped:
                reasons.add("clock_jumped")
            if question.kind == "approval" and not self.agreed(run, question):
                reasons.add("authz_unavailable" if self.in_doubt(question) else "approval_void")
            if question.state != "approved" or question.expires <= self.now:
                reasons.add("expired")
        return frozenset(reasons)

    def started(self, run: RunState, step: int, *, undo: bool = False) -> None:
        """It was started: its questions are used up."""
        run.acts.add(f"{step}:undo" if undo else str(step))
        run.last = max(run.last, self.now)
        if step == 0 or run.changing[step]:
            for question in run.questions:
                question.state = "consumed"

    def ended(self, run: RunState) -> None:
        """It is over; nobody need answer any more."""
        run.closed = True
        for question in run.questions:
            if question.state == "pending":
                question.state = "void"
