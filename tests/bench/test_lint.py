"""bench/lint.py: a thousand different runbooks that lint, and a limit that reads every key of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from bench import lint
from bench.__main__ import FIGURES
from bench.processes import Failed
from bench.run import Run


def test_the_limit_reads_every_key_and_ours_finds_no_error(tmp_path: Path) -> None:
    lint.write(tmp_path, 12)
    assert lint.limit(tmp_path) == 12
    report = lint.ours(tmp_path)
    assert (report.runbooks, report.errors) == (12, 0)
    loaded = yaml.safe_load(lint.runbook(1))
    assert len(loaded["steps"]) == 5
    loaded["steps"][0]["surprise"] = 1
    with pytest.raises(ValidationError):
        lint.PlainRunbook.model_validate(loaded)


def test_a_runbook_with_an_error_is_no_measurement(tmp_path: Path) -> None:
    lint.write(tmp_path, 1)
    (tmp_path / "bad.yaml").write_text(lint.runbook(2).replace("supervisor.restart", "supervisor.explode"))
    with pytest.raises(Failed, match="explode"):
        lint.one_round(tmp_path, 2)


async def test_it_is_measured_beside_the_c_loader_and_pydantic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert FIGURES["lint"] is lint.measure
    monkeypatch.setattr(lint, "QUICK", 5)
    run = Run(rounds=1, quick=True, seed=1, scratch=tmp_path, say=lambda text: None)
    (figure,) = [figure async for figures in lint.measure(run) for figure in figures]
    assert (figure.sense, figure.target, figure.extra["runbooks"]) == ("at most", 2, 5)
    assert figure.limit is not None
    assert figure.ours > 0
