"""The sandbox's orchestrator: what each command changes, what it says, and everything it refuses."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bot.sandbox import orchestrator
from bot.sandbox.orchestrator import Revision, Rollout

NAMESPACE = ("--namespace", "shop")
UNDO = ("kubectl", *NAMESPACE, "rollout", "undo", "deployment", "payments")
PAUSE = ("kubectl", *NAMESPACE, "rollout", "pause", "deployment", "payments-canary")
RESUME = ("kubectl", *NAMESPACE, "rollout", "resume", "deployment", "payments-canary")
ABORT = ("kubectl-argo-rollouts", *NAMESPACE, "abort", "payments-canary")
ONE = Rollout("payments", (Revision(1, "v1"),))
TWO = orchestrator.deploy(ONE, "v2", 10.0)
CANARY = orchestrator.begin_canary(ONE, "v2", 25.0, 20.0)


def call(tmp_path: Path, before: Rollout, *argv: str) -> tuple[int, Rollout]:
    file = orchestrator.rollout_file(tmp_path, "payments")
    orchestrator.write(file, before)
    return orchestrator.main(argv, file), orchestrator.read(file)


def test_undo_brings_the_version_before_back_as_a_new_revision(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, after = call(tmp_path, TWO, *UNDO)
    assert (code, after.present) == (0, Revision(3, "v1", 0.0))
    assert capsys.readouterr().out == "deployment.apps/payments rolled back\n"


@pytest.mark.parametrize(
    ("argv", "state", "said"),
    [
        (PAUSE, "paused", "deployment.apps/payments-canary paused"),
        (ABORT, "aborted", "rollout 'payments-canary' aborted"),
    ],
)
def test_a_canary_that_is_held_or_taken_away_does_not_grow(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], state: str, said: str
) -> None:
    code, after = call(tmp_path, CANARY, *argv)
    assert code == 0
    assert after.canary is not None
    assert after.canary.state == state
    assert orchestrator.grow(after, 5.0) == after
    assert capsys.readouterr().out.strip() == said


def test_one_that_nobody_holds_grows_to_everybody_and_not_beyond(tmp_path: Path) -> None:
    _, paused = call(tmp_path, CANARY, *PAUSE)
    _, resumed = call(tmp_path, paused, *RESUME)
    for weight in (60.0, 100.0, 100.0):
        resumed = orchestrator.grow(resumed, 40.0)
        assert resumed.canary is not None
        assert resumed.canary.weight == weight
    assert orchestrator.grow(ONE, 5.0) == ONE


@pytest.mark.parametrize(
    ("before", "argv", "said"),
    [
        (ONE, UNDO, "no rollout history"),
        (ONE, PAUSE, "NotFound"),
        (ONE, ABORT, "NotFound"),
        (CANARY, RESUME, "is not paused"),
        (orchestrator.hold(CANARY, True), PAUSE, "already paused"),
        (TWO, (*UNDO[:-1], "checkout"), "does not know"),
        (TWO, ("kubectl", "--namespace", "other", *UNDO[3:]), "does not know"),
        (TWO, ("kubectl", *NAMESPACE, "delete", "deployment", "payments"), "does not know"),
        (TWO, (*UNDO, "--to-revision=1"), "does not know"),
        (TWO, ("kubectl",), "does not know"),
    ],
)
def test_what_it_cannot_do_changes_nothing_and_ends_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], before: Rollout, argv: tuple[str, ...], said: str
) -> None:
    assert call(tmp_path, before, *argv) == (1, before)
    told = capsys.readouterr()
    assert said in told.err
    assert told.out == ""


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"service": 1, "canary": null, "revisions": [{"x": 1}]}'])
def test_a_file_that_is_none_is_told_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None
) -> None:
    file = tmp_path / "payments.rollout.json"
    if text is not None:
        file.write_text(text)
    assert orchestrator.main(UNDO, file) == 1
    assert "connection to the server was refused" in capsys.readouterr().err


def test_the_program_that_is_installed_does_it_for_real_from_anywhere(tmp_path: Path) -> None:
    file = orchestrator.rollout_file(tmp_path, "payments")
    orchestrator.write(file, TWO)
    programs = orchestrator.install(tmp_path, file)
    done = subprocess.run(
        [programs["kubectl"], *UNDO[1:]],
        cwd="/",
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "deployment.apps/payments rolled back\n"), done.stderr
    assert orchestrator.read(file).present.version == "v1"
    assert set(programs) == set(orchestrator.PROGRAMS)
