"""Counters on /metrics and structured logs with a correlation id. No decisions, no storage.

Made once by bot/app.py and passed on. Label values come from the catalogue and from fixed words, never from alerts,
so that the number of series stays small (design.md section 9).
"""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.openmetrics.exposition import generate_latest

CORRELATION: ContextVar[str] = ContextVar("correlation", default="")
QUIET = ("slack_bolt", "slack_sdk", "aiohttp.access", "dbos", "httpx2", "httpcore2", "alembic")


class Metrics:
    """Every series of the mission (row T1), in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        into = self.registry
        self.webhooks = Counter(
            "webhooks_received", "Webhook deliveries by answer", ["source", "answer"], registry=into
        )
        self.signals = Counter("signals", "Signals by kind", ["source", "kind"], registry=into)
        self.quarantined = Counter("signals_quarantined", "Deliveries nobody could read", ["source"], registry=into)
        self.incidents = Counter("incidents_opened", "Incidents opened", ["service", "severity"], registry=into)
        self.steps = Counter(
            "runbook_steps_executed", "Steps by result", ["service", "action", "result"], registry=into
        )
        self.runs = Counter("runs_finished", "Runs by outcome", ["service", "outcome"], registry=into)
        self.refusals = Counter("guard_refusals", "Refusals by reason code", ["code"], registry=into)
        self.votes = Counter("approval_votes", "Votes by verdict", ["verdict"], registry=into)
        self.deliveries = Counter("outbox_deliveries", "Deliveries by result", ["destination", "result"], registry=into)
        self.outbox_depth = Gauge("outbox_waiting", "Rows waiting", ["destination"], registry=into)
        self.open_incidents = Gauge("incidents_open", "Incidents not resolved", registry=into)
        self.stops = Gauge("kill_switch_engaged", "Engaged kill switches", registry=into)
        self.catalogue_loads = Counter("catalogue_loads", "Loads of the catalogue by result", ["result"], registry=into)
        self.catalogue_runbooks = Gauge("catalogue_runbooks", "Runbooks in force", registry=into)
        self.catalogue_problems = Gauge("catalogue_problems", "Problems of the catalogue on disk", registry=into)
        self.signal_seconds = Histogram(
            "signal_to_incident_seconds",
            "From received to stored as an incident",
            buckets=(0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30),
            registry=into,
        )
        self.step_seconds = Histogram(
            "step_seconds", "Duration of an act", ["action"], buckets=(0.01, 0.1, 0.5, 1, 5, 30, 120), registry=into
        )

    def exposition(self) -> bytes:
        """The OpenMetrics text of all series."""
        return bytes(generate_latest(self.registry))  # type: ignore[no-untyped-call]  # the package has no types here


def _correlate(_logger: Any, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    correlation = CORRELATION.get()
    if correlation:
        event.setdefault("correlation", correlation)
    return event


def configure_logging(level: str = "INFO", stream: Any = None) -> None:
    """One JSON line per event on stderr (T48: a newline in a value cannot forge a line).

    Chatty libraries are held at WARNING; slack_bolt logs whole bodies at INFO when a signature is wrong (trust 1.4).
    """
    target = stream or sys.stderr
    logging.basicConfig(stream=target, level=logging.WARNING, format="%(message)s", force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _correlate,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(file=target),
        cache_logger_on_first_use=False,
    )


def log() -> structlog.typing.FilteringBoundLogger:
    """The program's logger."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger
