"""Kill -9 at random moments (T51, bar B4 in short form): every act once, every run ended, every alert kept.

The judge is outside of the process that is killed: the ledger of acts, and the list of alerts that were acknowledged.
COUNTERSIGN_KILLS raises the number of kills, COUNTERSIGN_SEED changes the moments.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.audit import AuditRow, verify
from tests.scenarios.kill.worker import ACTS, lines

ROOT = Path(__file__).resolve().parents[2]
KILLS = 20
SEED = 7
START_SECONDS = 60.0
END_SECONDS = 60.0
PER_KILL = 5.0
# The engine goes on with interrupted runs about a second after its start, so most kills come later than that.
SOON, LATER = (0.0, 0.8), (1.0, 2.4)

kills = int(os.environ.get("COUNTERSIGN_KILLS", KILLS))
seed = int(os.environ.get("COUNTERSIGN_SEED", SEED))
pytestmark = [pytest.mark.kill, pytest.mark.timeout(START_SECONDS + END_SECONDS + PER_KILL * kills + 60)]


@dataclass
class Nursery:
    """The process that forks workers, and the worker of the moment."""

    folder: Path
    process: subprocess.Popen[str]
    worker: int = 0
    started: list[int] = field(default_factory=list)

    def tell(self, words: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{words}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        assert answer, "the nursery is gone"
        return answer

    def start(self, worker_seed: int) -> None:
        self.worker = int(self.tell(f"start {worker_seed}"))
        self.started.append(self.worker)
        ready = self.folder / f"ready-{self.worker}"
        end = time.monotonic() + START_SECONDS
        while not ready.exists():
            assert time.monotonic() < end, self.log()
            time.sleep(0.005)

    def end(self, number: signal.Signals) -> int:
        os.kill(self.worker, number)
        status = int(self.tell(f"wait {self.worker}"))
        self.worker = 0
        return status

    def log(self) -> str:
        path = self.folder / "worker.log"
        return path.read_text()[-4000:] if path.exists() else "the worker has written nothing"


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    environ = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.scenarios.kill.nursery", str(tmp_path)],
        cwd=ROOT,
        env={**environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    made = Nursery(tmp_path, process)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "nursery"
        yield made
    finally:
        if made.worker:
            made.end(signal.SIGKILL)
        process.communicate("", timeout=30)
    assert process.returncode == 0


def rows(folder: Path, question: str, name: str = "app.db") -> list[tuple[object, ...]]:
    connection = sqlite3.connect(f"file:{folder / name}?mode=ro", uri=True, timeout=30)
    try:
        return list(connection.execute(question))
    finally:
        connection.close()


def at_rest(folder: Path) -> bool:
    """Every acknowledged alert is an incident, every incident is resolved, every run is closed."""
    known = {row[0] for row in rows(folder, "select external_id from incident")}
    return (
        {line[0] for line in lines(folder / "acked")} <= known
        and not rows(folder, "select 1 from incident where is_open = 1")
        and not rows(folder, "select 1 from run where state <> 'closed'")
        and not rows(folder, "select 1 from inbox where state = 0", "inbox.db")
    )


def test_T51_kill_at_any_moment_repeats_nothing_and_loses_nothing(nursery: Nursery) -> None:
    folder, dice = nursery.folder, random.Random(seed)
    nursery.start(seed)
    for number in range(kills):
        time.sleep(dice.uniform(*(SOON if dice.random() < 0.2 else LATER)))
        assert os.WIFSIGNALED(nursery.end(signal.SIGKILL)), nursery.log()
        nursery.start(seed + number + 1)
    (folder / "enough").touch()
    end = time.monotonic() + END_SECONDS
    while not at_rest(folder):
        assert time.monotonic() < end, nursery.log()
        time.sleep(0.1)
    assert nursery.end(signal.SIGTERM) == 0, nursery.log()

    effects = Counter((line[0], line[1]) for line in lines(folder / "ledger"))
    outcomes = dict(rows(folder, "select id, outcome from run"))
    acked = {line[0] for line in lines(folder / "acked")}
    answered = Counter(line[1] for line in lines(folder / "answered"))
    twice = {act: count for act, count in effects.items() if count > 1}
    lost = [
        (run, act) for run, word in outcomes.items() if word == "succeeded" for act in ACTS if not effects[run, act]
    ]
    print(
        f"\nkills={kills} alerts={len(acked)} runs={len(outcomes)} outcomes={dict(Counter(outcomes.values()))} "
        f"effects={effects.total()} duplicate={len(twice)} lost={len(lost)} unknown answered={dict(answered)} "
        f"workers={len(set(nursery.started))} seed={seed}"
    )
    assert twice == {}
    assert lost == []
    assert set(outcomes.values()) == {"succeeded"}
    assert {run for run, _ in effects} <= set(outcomes)
    assert len(outcomes) >= kills // 4, "so few runs that the kills hit nothing"
    check_store(folder, acked)


def check_store(folder: Path, acked: set[str]) -> None:
    """What the store says afterwards: one incident per alert, nothing left over, one chain, one entry per event."""
    found = [row[0] for row in rows(folder, "select external_id from incident")]
    assert acked <= set(found), "an acknowledged alert was lost"
    assert len(found) == len(set(found)), "an alert became two incidents"
    assert rows(folder, "select target, run_id from lease") == []
    assert rows(folder, "select run_id, step_id from attempt where state = 'intended' and run_id not in "
                        "(select run_id from approval where kind = 'unknown')") == []  # fmt: skip
    chain = verify(AuditRow(*row) for row in rows(folder, "select * from audit order by seq"))  # type: ignore[arg-type]  # reason: columns in the table's order
    assert chain.ok, chain.reason
    events = Counter[tuple[object, ...]]()
    for run_id, kind, data in rows(folder, "select run_id, kind, data from entry where run_id <> ''"):
        told = json.loads(str(data))
        about = told.get("key") or told.get("approval_id") or told.get("step") or ""
        events[run_id, kind, about] += 1
    several = {"voted", "answered"}  # one for each question, and they do not name it
    assert [event for event, count in events.items() if count > 1 and event[1] not in several] == []
    questions = Counter(run_id for run_id, kind, about in events if kind == "unknown")
    assert [
        run_id for (run_id, kind, _), count in events.items() if kind == "answered" and count != questions[run_id]
    ] == []
    finished = [row[0] for row in rows(folder, "select run_id from entry where kind = 'finished'")]
    assert sorted(map(str, finished)) == sorted(str(row[0]) for row in rows(folder, "select id from run"))
    entries = rows(folder, "select count(*) from entry")[0][0]
    assert rows(folder, "select count(*) from audit")[0][0] == entries
