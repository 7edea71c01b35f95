"""Telemetry: series that stay few, and logs in which nothing can be forged or shouted (T16, T48)."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from bot.telemetry import CORRELATION, QUIET, Metrics, configure_logging, log


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Logging into a text, and everything as before afterwards."""
    before, level = logging.root.handlers[:], logging.root.level
    levels = {name: logging.getLogger(name).level for name in QUIET}
    out = io.StringIO()
    configure_logging(stream=out)
    yield out
    structlog.reset_defaults()
    logging.root.handlers[:] = before
    logging.root.setLevel(level)
    for name, number in levels.items():
        logging.getLogger(name).setLevel(number)


def test_T48_one_event_is_one_line_of_json_whatever_is_in_it(stream: io.StringIO) -> None:
    log().info("opened", title='a\n{"event": "forged"}\r\n\x1b[31m')
    (line,) = stream.getvalue().splitlines()
    told = json.loads(line)
    assert (told["event"], told["level"]) == ("opened", "info")
    assert "\x1b" not in line
    assert told["timestamp"].endswith("Z")


def test_the_run_or_incident_is_on_every_line(stream: io.StringIO) -> None:
    token = CORRELATION.set("run_1")
    log().info("one")
    CORRELATION.reset(token)
    log().info("two")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first["correlation"] == "run_1"
    assert "correlation" not in second


@pytest.mark.parametrize("name", QUIET)
def test_T16_libraries_that_log_bodies_are_held_back(stream: io.StringIO, name: str) -> None:
    logging.getLogger(name).warning("the whole body: token=hunter2")
    logging.getLogger(f"{name}.inner").info("the whole body: token=hunter2")
    assert stream.getvalue() == ""


def test_debug_is_not_written(stream: io.StringIO) -> None:
    log().debug("noise")
    assert stream.getvalue() == ""


def test_the_exposition_names_every_series() -> None:
    metrics = Metrics()
    metrics.refusals.labels("expired").inc()
    text = metrics.exposition().decode()
    for name in (
        "webhooks_received", "signals", "signals_quarantined", "incidents_opened", "runbook_steps_executed",
        "runs_finished", "guard_refusals", "approval_votes", "outbox_deliveries", "outbox_waiting", "incidents_open",
        "kill_switch_engaged", "signal_to_incident_seconds", "step_seconds",
    ):  # fmt: skip
        assert f"# TYPE {name} " in text
    assert 'guard_refusals_total{code="expired"} 1.0' in text
    assert text.endswith("# EOF\n")


def test_two_bots_in_one_process_count_apart() -> None:
    first, second = Metrics(), Metrics()
    first.refusals.labels("expired").inc()
    assert b"expired" not in second.exposition()
