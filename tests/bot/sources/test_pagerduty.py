"""PagerDuty webhooks: what verifies, what the key is, and what every event type becomes."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.incident import IncidentStatus, Severity, SignalKind
from bot.sources.base import Unreadable
from bot.sources.pagerduty import KINDS, MEANINGLESS, POLLER_CLIENT, PagerDutySource, alert_name

PAYLOADS = Path(__file__).parents[4] / "shared" / "payloads" / "pagerduty"
needs_payloads = pytest.mark.skipif(not PAYLOADS.is_dir(), reason="../shared/payloads is not here")
NOW = datetime(2026, 4, 1, 2, 10, tzinfo=UTC)
SOURCE = PagerDutySource(("first", "second"), stale_after=600)


def sign(secret: str, body: bytes) -> str:
    return "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def event(event_type: str = "incident.triggered", **data: Any) -> dict[str, Any]:
    about = {
        "id": "PINC1",
        "type": "incident",
        "status": "triggered",
        "title": "ServiceDown: payments",
        "html_url": "https://acme.example/incidents/PINC1",
        "service": {"id": "PSVC1", "summary": "Payments"},
        "urgency": "high",
    }
    return {
        "event": {
            "id": "01EVENT",
            "event_type": event_type,
            "occurred_at": "2026-04-01T02:09:31.120Z",
            "agent": {"id": "PUSER1", "summary": "Ada"},
            "data": {**about, **data},
        }
    }


def read(made: Any, source: PagerDutySource = SOURCE) -> Any:
    return source.read({}, json.dumps(made).encode(), NOW)


@needs_payloads
def test_known_answer_vector_verifies() -> None:
    vector = json.loads((PAYLOADS / "signature_vector.json").read_text())
    source = PagerDutySource((vector["secret"],), stale_after=600)
    body = vector["body"].encode()
    header = (
        next(value for value in vector["header"].values()) if isinstance(vector["header"], dict) else vector["header"]
    )
    assert source.verified({"x-pagerduty-signature": header}, body, NOW)
    assert not source.verified({"x-pagerduty-signature": header}, body + b" ", NOW)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("{first}", True),
        ("{second}", True),
        ("v1=" + "0" * 64 + ",{first}", True),
        ("v1=" + "0" * 64 + ", {second}", True),
        ("  {first}  ", True),
        ("v0=zzz,v2=abc, {first}", True),
        ("{retired}", False),
        ("{first}0", False),
        ("{upper}", False),
        ("v2={bare}", False),
        ("{bare}", False),
    ],
)
def test_T20_any_valid_v1_of_any_active_secret_accepts(header: str, expected: bool) -> None:
    body = b'{"event": {}}'
    first = sign("first", body)
    given_header = header.format(
        first=first, second=sign("second", body), retired=sign("retired", body), upper=first.upper(), bare=first[3:]
    )
    assert SOURCE.verified({"X-PagerDuty-Signature": given_header}, body, NOW) is expected


@pytest.mark.parametrize("header", ["", "v1=", "v1", ",,,", "v1=é", "v1=\x00", "=" * 5000, "v1=,v1=" * 300, "\ud800"])
def test_T16_junk_signatures_are_refused_and_never_raise(header: str) -> None:
    assert SOURCE.verified({"X-PagerDuty-Signature": header}, b"body", NOW) is False
    assert SOURCE.verified({}, b"body", NOW) is False


def test_T43_no_secret_verifies_nothing() -> None:
    body = b"{}"
    source = PagerDutySource(("",), stale_after=600)
    assert source.verified({"X-PagerDuty-Signature": sign("", body)}, body, NOW) is False


@given(st.binary(max_size=200), st.text(max_size=100))
def test_T16_random_bytes_never_verify_and_only_raise_unreadable(body: bytes, header: str) -> None:
    assert SOURCE.verified({"X-PagerDuty-Signature": header}, body, NOW) is False
    for call in (lambda: SOURCE.key({}, body), lambda: SOURCE.read({}, body, NOW)):
        with pytest.raises(Unreadable):
            call()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
FIELDS = (
    "id",
    "type",
    "status",
    "title",
    "service",
    "assignees",
    "priority",
    "urgency",
    "html_url",
    "incident",
    "content",
)


@given(
    st.sampled_from(sorted([*KINDS, *MEANINGLESS])),
    st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=8),
    st.dictionaries(st.sampled_from(("agent", "client", "occurred_at", "data", "id")), json_values, max_size=3),
)
def test_T22_any_shape_of_a_known_event_is_read_or_unreadable(
    event_type: str, data: dict[str, Any], top: dict[str, Any]
) -> None:
    made = event(event_type)
    made["event"]["data"].update(data)
    made["event"].update(top)
    try:
        signal = read(made)
    except Unreadable:
        return
    assert signal is None or signal.title.isprintable()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[]",
        b"null",
        b"{}",
        b'{"event": []}',
        b'{"event": {"id": 7}}',
        b'{"event": {"id": ""}}',
        b'{"event": {"id": "a b"}}',
        b'{"event": {"id": "\\ud800"}}',
        b'{"event": {"id": "' + b"x" * 500 + b'"}}',
        b'{"a":' * 20_000,
        b"[" * 200_000,
        b"\xff\xfe{}",
    ],
)
def test_T22_bodies_without_a_usable_id_have_no_key(body: bytes) -> None:
    with pytest.raises(Unreadable):
        SOURCE.key({"X-Webhook-Id": "trusted-by-nobody"}, body)


def test_T19_the_key_is_the_signed_event_id_not_the_header() -> None:
    body = json.dumps(event()).encode()
    assert SOURCE.key({"X-Webhook-Id": "one"}, body) == SOURCE.key({"X-Webhook-Id": "two"}, body) == "01EVENT"


@pytest.mark.parametrize(("event_type", "kind"), sorted(KINDS.items()))
def test_every_incident_event_has_a_kind(event_type: str, kind: SignalKind) -> None:
    signal = read(event(event_type))
    assert signal.kind is kind
    assert signal.external_id == "PINC1"
    assert signal.key == "01EVENT"


@pytest.mark.parametrize("event_type", sorted(MEANINGLESS))
def test_service_events_and_pings_mean_nothing(event_type: str) -> None:
    assert read(event(event_type, type="service")) is None


@pytest.mark.parametrize("event_type", ["incident.exploded", "", None, 7, "service"])
def test_T22_unknown_types_are_unreadable(event_type: Any) -> None:
    made = event()
    made["event"]["event_type"] = event_type
    with pytest.raises(Unreadable):
        read(made)


@needs_payloads
@pytest.mark.parametrize("path", sorted(PAYLOADS.glob("*.*.json")) if PAYLOADS.is_dir() else [], ids=lambda p: p.name)
def test_vendor_payloads_are_read(path: Path) -> None:
    body = path.read_bytes()
    signal = SOURCE.read({}, body, NOW)
    if path.name.startswith("service."):
        assert signal is None
    else:
        assert signal is not None
        assert signal.external_id
        assert signal.details.get("stale") == ("true" if NOW - signal.occurred_at > timedelta(minutes=10) else None)


@needs_payloads
def test_a_vendor_payload_field_by_field() -> None:
    signal = SOURCE.read({}, (PAYLOADS / "incident.escalated.json").read_bytes(), NOW)
    assert signal is not None
    assert signal.kind is SignalKind.REASSIGNED
    assert signal.status is IncidentStatus.TRIGGERED
    assert signal.severity is Severity.CRITICAL
    assert (signal.service.id, signal.service.name) == ("PLVTM9H", "Default Service")
    assert signal.assignee_ids == ("PXRUEF2",)
    assert signal.actor_name == "Example Responder"
    assert signal.labels == {"service": "Default Service", "urgency": "high", "priority": "P1"}
    assert signal.url == "https://acme.pagerduty.com/incidents/Q3B15VLMF3ASBD"


def test_our_own_notes_are_dropped_and_others_kept() -> None:
    note = {"type": "incident_note", "incident": {"id": "PINC1"}}
    assert read(event("incident.annotated", **note, content="Restarted payments.\n[cs-12]")) is None
    other = read(event("incident.annotated", **note, content="Looking into it"))
    assert other.kind is SignalKind.NOTE
    assert other.details["note"] == "Looking into it"


def test_an_event_without_an_incident_is_unreadable() -> None:
    for made in (
        event(id=None),
        event(id="../users"),
        event(id="pinc1"),
        event("incident.annotated", type="incident_note"),
    ):
        with pytest.raises(Unreadable):
            read(made)


@pytest.mark.parametrize(
    ("data", "severity"),
    [
        ({"priority": {"summary": "P1"}}, Severity.CRITICAL),
        ({"priority": {"summary": "SEV-2"}}, Severity.ERROR),
        ({"priority": {"name": "p3"}, "urgency": "high"}, Severity.WARNING),
        ({"priority": {"summary": "P4"}}, Severity.INFO),
        ({"priority": {"summary": "Whatever 1"}}, Severity.ERROR),
        ({"priority": None, "urgency": "low"}, Severity.WARNING),
        ({"priority": None, "urgency": None}, Severity.ERROR),
    ],
)
def test_severity(data: dict[str, Any], severity: Severity) -> None:
    assert read(event(**data)).severity is severity


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("ServiceDown: payments is not answering", "ServiceDown"),
        ("disk_full on db-1", "disk_full"),
        ("[FIRING:1] HealthCheckFailing payments (prod)", "HealthCheckFailing"),
        ("[FIRING:2] ServiceDown", "ServiceDown"),
        ("Critical: Checkout API", ""),
        ("GitHub webhook down", ""),
        ("The server is on fire.", ""),
        ("--all: x", ""),
        ("", ""),
        ("[", ""),
    ],
)
def test_alert_name(title: str, name: str) -> None:
    assert alert_name(title) == name


def test_T19_an_old_event_is_marked_stale_and_a_polled_one_is_not() -> None:
    made = event()
    made["event"]["occurred_at"] = (NOW - timedelta(minutes=11)).isoformat()
    assert read(made).details["stale"] == "true"
    made["event"]["client"] = {"name": POLLER_CLIENT}
    assert "stale" not in read(made).details
    made["event"]["client"] = None
    made["event"]["occurred_at"] = (NOW - timedelta(minutes=9)).isoformat()
    assert "stale" not in read(made).details


def test_T48_control_characters_and_odd_links_do_not_get_through() -> None:
    signal = read(event(title="a\nb\x1b[31m\u202ec\ud800d" + "x" * 2000, html_url="javascript:alert(1)"))
    assert "\n" not in signal.title
    assert signal.title.isprintable()
    assert len(signal.title) <= 500
    assert signal.url == ""
    assert read(event(html_url="https://evil|Approve>")).url == ""


def test_T44_mentions_stay_text() -> None:
    assert read(event(title="<!channel> down")).title == "<!channel> down"  # escaping is the renderer's
