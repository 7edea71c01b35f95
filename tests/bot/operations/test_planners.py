"""What every planner makes of good parameters, and that none takes hostile ones (T30-T34). Cases are data."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

import guards
from bot.operations.base import Operation
from bot.plan import Act
from guards.testing import answer_no, answer_yes, frozen

Plan = Callable[..., Act]

GOOD: list[tuple[str, dict[str, Any], str, str]] = [
    ("supervisor.tail_log", {"lines": 50}, "supervisor", "supervisorctl tail payments (last 50 lines)"),
    ("supervisor.start", {}, "supervisor", "supervisorctl start payments"),
    ("supervisor.stop", {}, "supervisor", "supervisorctl stop payments"),
    ("supervisor.restart", {}, "supervisor", "supervisorctl restart payments"),
    ("redis.ping", {}, "redis", "redis-cli -u redis://127.0.0.1:6379 -n 2 PING"),
    ("redis.flush_database", {}, "redis", "redis-cli -u redis://127.0.0.1:6379 -n 2 FLUSHDB"),
    ("disk.report", {}, "disk", "measure /var/cache/payments/thumbnails, /var/cache/payments/tmp/uploads"),
    (
        "disk.clean_paths",
        {"older_than_days": 7},
        "disk",
        "remove files older than 7 days in /var/cache/payments/thumbnails, /var/cache/payments/tmp/uploads",
    ),
    ("settings.set", {"key": "mode", "value": "safe"}, "settings", 'set mode = "safe" in /srv/payments/flags.json'),
    ("settings.set", {"key": "fast", "value": True}, "settings", "set fast = true in /srv/payments/flags.json"),
    ("settings.restore", {"key": "mode"}, "settings", "restore mode in /srv/payments/flags.json to its previous value"),
    ("http.get", {"path": "/health"}, "http", "GET http://127.0.0.1:8080/health"),
    ("http.post", {"path": "/drain", "body": {"on": 1}}, "http", 'POST http://127.0.0.1:8080/drain {"on":1}'),
    ("command.run", {"argv": ["redis-cli", "-n", "2", "GET", "a b"]}, "command", "/usr/bin/redis-cli -n 2 GET 'a b'"),
]


@pytest.mark.parametrize(
    ("name", "parameters", "adapter", "shown"), GOOD, ids=lambda v: v if isinstance(v, str) else ""
)
def test_a_plan_says_exactly_what_will_be_done(
    plan: Plan, name: str, parameters: dict[str, Any], adapter: str, shown: str
) -> None:
    act = plan(name, parameters)
    assert (act.adapter, act.operation, act.shown) == (adapter, name, shown)
    assert act.target.key.endswith(":dev/payments")
    assert json.loads(json.dumps(act.request)) == act.request
    assert plan(name, parameters) == act


def test_a_plan_names_the_password_variable_and_never_the_password(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPERVISOR_PASSWORD", "geheim")
    act = plan("supervisor.restart")
    assert act.request["password_env"] == "SUPERVISOR_PASSWORD"
    assert "geheim" not in act.model_dump_json()


HOSTILE_TEXT = [
    "; rm -rf /", "$(id)", "`id`", "a|b", "a && b", "a > b", "a\x00b", "a\nb", "a\r", "\x1b[31m", "a\u202eb", "a\u200bb",
    "wеb-1", "１２", "", "   ", "@/etc/passwd", "a\\b", "x" * 1001,
]  # fmt: skip
HOSTILE_KEYS = ["", "*", "all", "null", "--all", "-rf", "@file", "a b", "mode\n", "mоde", "missing", "__class__"]
HOSTILE_PATHS = [
    "", "health", "//evil.example/x", "/../admin", "/a/../b", "/./a", "/a?x=1", "/a#b", "http://evil.example/",
    "/a b", "/a%2e%2e/b", "/a\n", "/a\\b", "/@evil", "/аdmin", "/a//b",
]  # fmt: skip
HOSTILE_NUMBERS: list[Any] = [0, -1, 10**9, True, "5", 5.0, 1.5, None, [], float("nan")]
HOSTILE: list[tuple[str, dict[str, Any]]] = [
    *(("command.run", {"argv": ["redis-cli", text]}) for text in HOSTILE_TEXT),
    *(
        ("command.run", {"argv": [text]})
        for text in [*HOSTILE_TEXT, "sh", "/bin/sh", "/usr/bin/redis-cli", "REDIS-CLI"]
    ),
    ("command.run", {"argv": []}),
    ("command.run", {"argv": "redis-cli PING"}),
    ("command.run", {"argv": ["redis-cli", 1]}),
    ("command.run", {"argv": ["redis-cli"], "cwd": "/tmp"}),
    ("command.run", {"argv": ["redis-cli", *["x"] * 64]}),
    ("command.run", {}),
    *(("settings.set", {"key": key, "value": "safe"}) for key in HOSTILE_KEYS),
    *(("settings.restore", {"key": key}) for key in HOSTILE_KEYS),
    *(("settings.set", {"key": "mode", "value": value}) for value in ["", "SAFE", "safe ", 1, True, None, ["safe"]]),
    *(("settings.set", {"key": "fast", "value": value}) for value in [1, 0, "true", 1.0, None]),
    *(("http.get", {"path": path}) for path in HOSTILE_PATHS),
    *(("http.post", {"path": path, "body": {}}) for path in HOSTILE_PATHS),
    ("http.post", {"path": "/a", "body": {"x": float("nan")}}),
    ("http.post", {"path": "/a", "body": {"x": "y" * 20_000}}),
    ("http.post", {"path": "/a", "body": []}),
    ("http.post", {"path": "/a"}),
    *(("supervisor.tail_log", {"lines": number}) for number in [*HOSTILE_NUMBERS, 201]),
    ("supervisor.tail_log", {}),
    ("supervisor.restart", {"program": "other"}),
    ("supervisor.restart", {"force": True}),
    *(("disk.clean_paths", {"older_than_days": number}) for number in HOSTILE_NUMBERS),
    ("disk.clean_paths", {}),
    ("disk.clean_paths", {"older_than_days": 7, "paths": ["/"]}),
    ("redis.flush_database", {"database": 3}),
    ("redis.flush_database", {"all": True}),
]


@pytest.mark.parametrize(("name", "parameters"), HOSTILE, ids=repr)
def test_T30_T31_T32_T33_T34_hostile_parameters_are_refused(plan: Plan, name: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        plan(name, parameters)


BAD_SETTINGS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    *(
        ("supervisor.restart", {}, {"program": program})
        for program in ["*", "all", "payments:*", "payments:", "", "-a", "a b", "pаyments", None, 1, "a\n"]
    ),
    ("supervisor.restart", {}, {"url": "http://u:p@h"}),
    ("supervisor.restart", {}, {"url": "file:///etc"}),
    ("supervisor.restart", {}, {"password": "geheim"}),
    ("supervisor.restart", {}, {"password_env": "$(id)"}),
    ("redis.flush_database", {}, {"url": "redis://h/0"}),
    ("redis.flush_database", {}, {"url": "redis://:p@h"}),
    ("redis.flush_database", {}, {"database": True}),
    ("redis.flush_database", {}, {"database": -1}),
    ("redis.flush_database", {}, {"database": None}),
    *(
        ("disk.clean_paths", {"older_than_days": 7}, {"paths": paths})
        for paths in [
            [],
            ["*"],
            ["."],
            [".."],
            ["a/../b"],
            ["/etc"],
            ["a/"],
            [""],
            ["-rf"],
            ["a", "a"],
            ["a[0]"],
            "a",
            ["a?"],
        ]
    ),
    *(("disk.report", {}, {"root": root}) for root in ["", "relative", "/a/../b", "//a", "/a/", "/a//b", "/a\n"]),
    ("http.get", {"path": "/x"}, {"base_url": "ftp://h"}),
    ("http.get", {"path": "/x"}, {"base_url": "http://u:p@h"}),
    ("http.get", {"path": "/x"}, {"base_url": "http://h?x="}),
    ("command.run", {"argv": ["redis-cli"]}, {"allowed_programs": {}}),
    ("command.run", {"argv": ["redis-cli"]}, {"allowed_programs": {"redis-cli": "redis-cli"}}),
    ("command.run", {"argv": ["redis-cli"]}, {"allowed_programs": {"redis-cli": "/usr/bin/../bin/sh"}}),
    ("command.run", {"argv": ["redis-cli", "{deployment}"]}, {}),
    *(
        ("command.run", {"argv": ["redis-cli", "{deployment}"]}, {"names": {"deployment": name}})
        for name in ["", "all", "*", "-n", "a b", "a,b", "--all", "{deployment}", "pаyments", 1, None, "a\n"]
    ),
    ("settings.set", {"key": "mode", "value": "safe"}, {"path": "flags.json"}),
    ("settings.set", {"key": "mode", "value": "safe"}, {"allowed": {}}),
]


@pytest.mark.parametrize(("name", "parameters", "changes"), BAD_SETTINGS, ids=repr)
def test_T34_wrong_catalogue_entries_are_refused(
    plan: Plan, name: str, parameters: dict[str, Any], changes: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        plan(name, parameters, **changes)


def test_T34_a_commands_own_names_come_from_the_catalogue_as_whole_arguments(plan: Plan) -> None:
    argv = ["redis-cli", "GET", "{deployment}", "{deployment}-x", "{ deployment}"]
    act = plan("command.run", {"argv": argv}, names={"deployment": "payments-api"})
    assert act.request["argv"] == ["/usr/bin/redis-cli", "GET", "payments-api", "{deployment}-x", "{ deployment}"]


def test_parameters_of_another_operation_are_refused(operations: Mapping[str, Operation], plan: Plan) -> None:
    with pytest.raises(ValueError, match="not"):
        from_another = operations["http.get"].parameters.model_validate({"path": "/x"})
        from bot.operations.parameters import NoParameters, given

        given(NoParameters, from_another)


def test_every_operation_is_guarded_and_refuses_outside_a_context(operations: Mapping[str, Operation]) -> None:
    assert len(operations) == 15
    for operation in operations.values():
        assert guards.guards_of(operation.plan), operation.name
        with pytest.raises(guards.Denied):
            operation.plan(None)  # type: ignore[arg-type]  # reason: it must refuse before it looks


@pytest.mark.parametrize("name", ["start", "stop", "restart"])
def test_changing_operations_are_exclusive(operations: Mapping[str, Operation], name: str) -> None:
    held = frozen(holders={"demo:dev/demo": "run_other"})
    decision = guards.explain(operations[f"supervisor.{name}"].plan, held)
    assert [deny.code for deny in decision.denials] == ["target_busy"]


def test_X3_clearing_a_cache_is_for_staging_and_dev_after_a_confirmation(operations: Mapping[str, Operation]) -> None:
    flush = operations["redis.flush_database"].plan
    prod = guards.explain(flush, frozen(environment="prod", ask=answer_yes))
    staging = guards.explain(flush, frozen(environment="staging", ask=answer_no))
    assert prod.outcome == "deny"
    assert staging.outcome == "ask"
    assert [(q.kind, q.message, q.timeout_seconds) for q in staging.questions] == [
        ("confirmation", "Clear cache?", 120)
    ]


def test_reading_operations_read_and_changing_ones_do_not_claim_to(operations: Mapping[str, Operation]) -> None:
    reading = {name for name, operation in operations.items() if operation.read_only}
    assert reading == {"supervisor.tail_log", "redis.ping", "disk.report", "http.get"}
