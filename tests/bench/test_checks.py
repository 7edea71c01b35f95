"""What the benchmark concludes from the databases: lost, doubled, miscounted alerts, order of messages, the mixed storm."""

from __future__ import annotations

import json

import pytest

from bench import reference, visible
from bench.botprocess import PEOPLE, POLICY, RUNBOOK, USUAL, write_configuration
from bench.chat import rendered as alert
from bench.ingest import Found, compare, event_id, rendered
from bench.visible import overtaken


@pytest.fixture
def limits() -> None:
    try:
        reference.find("storm.py")
    except reference.Missing as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(
    ("inbox", "signals", "occurrences", "wanted"),
    [
        (["a", "b"], ["a", "b"], 2, Found(0, 0, 0)),
        (["a", "b", "c"], ["a", "b", "c"], 3, Found(0, 0, 0)),
        (["a"], ["a"], 1, Found(1, 0, 0)),
        (["a", "b"], ["a"], 1, Found(1, 0, 0)),
        (["a", "b"], ["a", "b", "b"], 2, Found(0, 1, 0)),
        (["a", "b"], ["a", "b"], 3, Found(0, 0, 1)),
    ],
)
def test_answered_means_stored_once(inbox: list[str], signals: list[str], occurrences: int, wanted: Found) -> None:
    assert compare({"a", "b"}, inbox, signals, occurrences) == wanted


CRITICAL_LATE = [(0, "05", "20"), (0, "06", "21")]


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([*CRITICAL_LATE, (3, "01", "22")], 0),
        ([*CRITICAL_LATE, (3, "01", "04")], 0),
        ([*CRITICAL_LATE, (3, "01", "07"), (1, "02", "20")], 2),
        ([(0, "05", None), (3, "01", "07")], 1),
        ([(3, "01", "07")], 0),
        ([], 0),
    ],
)
def test_overtaken_counts_lesser_ones_told_while_a_critical_one_waited(
    rows: list[tuple[int, str, str | None]], wanted: int
) -> None:
    assert overtaken(rows) == wanted


def body(request: bytes) -> dict[str, object]:
    return dict(json.loads(request.partition(b"\r\n\r\n")[2])["event"])


def test_the_storm_is_rendered_with_the_ids_that_are_looked_up(limits: None) -> None:
    with rendered(3, 2) as requests:
        assert [body(request)["id"] for request in requests] == [event_id(0), event_id(1), event_id(2)]


def test_in_the_mixed_storm_the_last_groups_are_critical(limits: None) -> None:
    requests = visible.requests(groups=20, each=1)
    words = [body(request)["data"]["priority"]["summary"] for request in requests]  # type: ignore[index]  # reason: JSON of the storm
    assert words == ["P4"] * 10 + ["P1"] * 10
    assert body(visible.requests(groups=20, each=1)[0]) == body(requests[0])


def test_an_alert_of_the_chat_figures_is_signed_and_verifies(limits: None) -> None:
    from datetime import UTC, datetime

    from bot.sources.pagerduty import PagerDutySource

    head, _, content = alert(7).partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    source = PagerDutySource((reference.SECRET,), 600.0)
    assert source.verified(headers, content, datetime.now(UTC))
    signal = source.read(headers, content, datetime.now(UTC))
    assert signal is not None
    assert (signal.alert_name, signal.external_id) == ("BenchDown", "PINC000007")


def test_the_configuration_is_one_the_bot_starts_with(tmp_path: object) -> None:
    from pathlib import Path

    from bot.config import load
    from guards.policy import Policy
    from runbooks.load import Library

    folder = Path(str(tmp_path))
    found = load(write_configuration(folder, port=1, groups=3, pace=USUAL), {})
    assert [service.name for service in found.catalogue.services] == ["svc-000", "svc-001", "svc-002"]
    assert Policy.from_mapping(POLICY).word("dev", "safe") == "auto"
    assert found.people.by_slack("T01TEST", "U01ALICE") is not None
    assert len(PEOPLE["people"]) == 1
    assert "run-true" in RUNBOOK
    assert not Library([folder / "runbooks"]).problems


def test_a_missing_limit_is_a_reason_not_a_crash() -> None:
    with pytest.raises(reference.Missing, match=r"nothing\.py is not there"):
        reference.find("nothing.py")
