"""Pool adapter against a real supervisord: one process after the other, confirmed, and no further after a failure (G7, E4)."""

from __future__ import annotations

import asyncio
import xmlrpc.client
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.registry import Registry
from bot.adapters.supervisor_pool import SupervisorPoolAdapter
from bot.errors import Ambiguous, Permanent, Transient
from bot.plan import Act
from bot.sandbox.supervisor import Supervisor
from bot.sandbox.worker_pool import WorkerPool

KIND = "supervisor_pool"
SCALE, BACK = "supervisor.scale", "supervisor.scale_back"
ROLLING, TAIL = "supervisor.rolling_restart", "supervisor.tail_logs"
# worker_03 ends at once, so supervisord never calls it RUNNING
POOL = WorkerPool(group="w", total=5, running=2, weak=(3,), weak_seconds=0)


def workers(*numbers: int) -> list[str]:
    return [POOL.name(number) for number in numbers]


@dataclass
class Bench:
    url: str
    registry: Callable[..., Registry]
    make: Callable[..., Act]

    @property
    def settings(self) -> dict[str, Any]:
        return {"url": self.url, "group": "w", "pattern": POOL.pattern, "most": 5}

    def adapter(self) -> SupervisorPoolAdapter:
        return SupervisorPoolAdapter(self.registry(KIND, self.settings, name="w"), lambda _name: "")

    def act(self, verb: str, names: Any, operation: str = SCALE, **changes: Any) -> Act:
        request = {
            "url": self.url,
            "group": "w",
            "verb": verb,
            "names": names,
            "running": workers(0, 1),
            "username": "",
            "password_env": "",
        }
        request |= changes.pop("request", {})
        changes.setdefault("name", "w")
        changes.setdefault("deadline", 20)
        members = changes.pop("members", names if operation == ROLLING else ())
        made = self.make("supervisor_pool", operation, changes.pop("kind", KIND), request, **changes)
        return made.model_copy(update={"members": tuple(members or ())})


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Supervisor]:
    made = Supervisor(tmp_path, (), root=tmp_path, pool=POOL)
    try:
        await made.start()
        yield made
    finally:
        await made.stop()


@pytest.fixture
def bench(registry: Callable[..., Registry], act: Callable[..., Act]) -> Bench:
    return Bench("unix:///nonexistent/s.sock", registry, act)


async def test_G7_growing_shrinking_and_taking_back(daemon: Supervisor, bench: Bench, told: Any) -> None:
    bench.url = f"unix://{daemon.socket}"
    adapter = bench.adapter()
    grow = bench.act("start", workers(2, 4))
    assert await adapter.identify(grow) is None
    result = await adapter.act(grow, "run/scale-1/1", told)
    assert result.ok
    assert result.summary == "start: 2 of 2 processes"
    assert [line.split()[:3] for line in result.output.splitlines()] == [[n, "is", "RUNNING,"] for n in workers(2, 4)]
    assert [line.split(":")[0] for line in told.lines] == ["start 1 of 2", "start 2 of 2"]
    assert await daemon.running("w") == workers(0, 1, 2, 4)
    again = await adapter.act(grow, "run/scale-1/1", told)
    assert again.ok, "after a crash the same act is carried out again, and does nothing"
    assert result.output == again.output, "the same processes, not new ones"
    moved = await adapter.identify(grow)
    assert moved is not None
    assert moved.code == "target_changed"
    assert "runs 4 processes, not the 2 of the plan" in moved.reason
    undo = bench.act("stop", workers(4, 2), BACK)
    assert await adapter.identify(undo) is None
    for _ in range(2):
        result = await adapter.act(undo, "run/scale-1:undo-0/1", told)
        assert result.ok, result.output
        assert await daemon.running("w") == workers(0, 1)


async def test_G7_the_first_that_does_not_come_up_ends_it_and_the_rest_is_said(
    daemon: Supervisor, bench: Bench, told: Any
) -> None:
    bench.url = f"unix://{daemon.socket}"
    adapter = bench.adapter()
    result = await adapter.act(bench.act("start", workers(2, 3, 4)), "run/scale-1/1", told)
    assert not result.ok
    assert result.summary.startswith("start: 1 of 3 processes: w:worker_03 is ")
    assert result.summary.endswith("; 1 not tried after that")
    assert set(result.data["processes"]) == set(workers(2, 3))
    assert await daemon.running("w") == workers(0, 1, 2)
    result = await adapter.act(bench.act("stop", workers(4, 3, 2), BACK), "run/scale-1:undo-0/1", told)
    assert result.ok, "the undo of a half-done act works"
    assert await daemon.running("w") == workers(0, 1)
    hurried = await adapter.act(bench.act("start", workers(2, 4), deadline=1.2), "run/scale-1/1", told)
    assert not hurried.ok
    gone = await adapter.identify(bench.act("start", ["w:worker_99"]))
    assert gone is not None
    assert gone.code == "target_gone"


WRONG: dict[str, dict[str, Any]] = {
    "kind": {"kind": "supervisor_program"},
    "environment": {"environment": "prod"},
    "name": {"name": "other"},
    "url": {"request": {"url": "unix:///elsewhere"}},
    "group": {"request": {"group": "v"}},
    "password": {"request": {"password_env": "OTHER"}},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
async def test_T36_identify_wants_the_catalogues_target(bench: Bench, changes: dict[str, Any]) -> None:
    denied = await bench.adapter().identify(bench.act("start", workers(2), **changes))
    assert denied is not None


HOSTILE: list[tuple[str, Any]] = [
    ("start", []),
    ("start", None),
    ("start", "w:worker_02"),
    ("start", ["w:*"]),
    ("start", ["w:"]),
    ("start", ["all"]),
    ("start", ["worker_02"]),
    ("start", ["other:worker_02"]),
    ("start", ["w:worker_02", "w:worker_02"]),
    ("start", [["w:worker_02"]]),
    ("start", [f"w:worker_{number}" for number in range(101)]),
    ("restart", ["w:worker_02"]),
    ("", ["w:worker_02"]),
    ("tail", ["w:worker_02"]),
    (None, ["w:worker_02"]),  # type: ignore[list-item]  # reason: a request is JSON and may hold anything
]


@pytest.mark.parametrize(("verb", "names"), HOSTILE, ids=lambda value: repr(value)[:40])
async def test_T42_groups_patterns_and_everything_are_blocked(bench: Bench, told: Any, verb: str, names: Any) -> None:
    act = bench.act(verb, names)
    assert bench.adapter().forbidden(act) is not None
    with pytest.raises(Permanent):
        await bench.adapter().act(act, "run/x/1", told)


async def test_T42_unknown_operations_are_blocked(bench: Bench) -> None:
    for operation in ("supervisor.restart", "supervisor.stop", "supervisor.scale_all", ""):
        assert bench.adapter().forbidden(bench.act("start", workers(2), operation)) is not None


async def test_supervisord_that_is_down_is_transient(bench: Bench, told: Any) -> None:
    with pytest.raises(Transient):
        await bench.adapter().identify(bench.act("start", workers(2)))
    with pytest.raises(Transient):
        await bench.adapter().act(bench.act("start", workers(2)), "run/x/1", told)


class Silent:
    """A supervisord that carries a start out, or not, and loses the answer. states: of each process, by name."""

    def __init__(self, states: dict[str, str]) -> None:
        self.states = states
        self.asked: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length"))
        arguments, method = xmlrpc.client.loads(await reader.readexactly(length))
        self.asked.append(f"{str(method).removeprefix('supervisor.')} {arguments[0]}")
        if str(method).endswith("Info"):
            name = str(arguments[0])
            info = {"name": name.partition(":")[2], "group": "w", "statename": self.states[name], "pid": 5}
            body = xmlrpc.client.dumps((info,), methodresponse=True)
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
            await writer.drain()
        writer.close()


@pytest.mark.parametrize("state", ["RUNNING", "STARTING"])
async def test_T52_a_lost_answer_is_settled_by_the_state_or_stays_unknown(bench: Bench, told: Any, state: str) -> None:
    silent = Silent(dict.fromkeys(workers(2, 4), state))
    server = await asyncio.start_server(silent.serve, "127.0.0.1", 0)
    bench.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    act = bench.act("start", workers(2, 4))
    try:
        if state == "RUNNING":
            assert (await bench.adapter().act(act, "run/x/1", told)).ok
            assert [line.split()[0] for line in silent.asked] == ["startProcess", "getProcessInfo"] * 2
        else:
            with pytest.raises(Ambiguous):
                await bench.adapter().act(act, "run/x/1", told)
            assert len(silent.asked) == 2, "nothing is begun after that"
    finally:
        server.close()
        await asyncio.sleep(0.05)


async def pids(adapter: SupervisorPoolAdapter, act: Act) -> dict[str, int]:
    found = await adapter._client(act).get_group("w", 3.0)
    return {info.full_name: info.pid for info in found}


async def test_X6_E4_the_named_members_are_new_processes_and_the_others_are_not_touched(
    daemon: Supervisor, bench: Bench, told: Any
) -> None:
    bench.url = f"unix://{daemon.socket}"
    adapter = bench.adapter()
    act = bench.act("restart", workers(1), ROLLING)
    assert adapter.forbidden(act) is None
    assert await adapter.identify(act) is None
    before = await pids(adapter, act)
    result = await adapter.act(act, "run/roll-1/1", told)
    assert result.ok, result
    assert result.summary == "restart: 1 of 1 processes"
    after = await pids(adapter, act)
    assert {name for name in before if before[name] != after[name]} == set(workers(1))
    assert await daemon.running("w") == workers(0, 1)
    wider = await adapter.identify(bench.act("restart", workers(1), ROLLING, request={"running": workers(0, 1, 2)}))
    assert wider is not None
    assert wider.code == "target_changed"


async def test_E4_the_first_member_that_does_not_come_back_ends_the_wave(
    daemon: Supervisor, bench: Bench, told: Any
) -> None:
    bench.url = f"unix://{daemon.socket}"
    adapter = bench.adapter()
    result = await adapter.act(bench.act("restart", workers(0, 3, 1), ROLLING), "run/roll-1/1", told)
    assert not result.ok
    assert "1 of 3 processes: w:worker_03 is " in result.summary
    assert result.summary.endswith("; 1 not tried after that")
    assert await daemon.running("w") == workers(0, 1)


async def test_E1_the_logs_are_read_and_a_pool_without_any_is_a_failed_look(
    daemon: Supervisor, bench: Bench, told: Any
) -> None:
    bench.url = f"unix://{daemon.socket}"
    adapter = bench.adapter()
    act = bench.act("tail", workers(0, 1), TAIL, request={"lines": 3})
    assert await adapter.identify(act) is None
    result = await adapter.act(act, "run/logs/1", told)
    assert not result.ok
    assert result.summary == "the logs of 0 of 2 processes"
    assert "--- w:worker_00 ---" in result.output


@pytest.mark.parametrize(
    ("operation", "verb", "names", "members"),
    [
        (ROLLING, "restart", workers(1), workers(1, 2)),
        (ROLLING, "restart", workers(1, 2), workers(1)),
        (ROLLING, "restart", workers(1), ()),
        (ROLLING, "stop", workers(1), workers(1)),
        (ROLLING, "restart", [], []),
        (ROLLING, "restart", ["w:*"], ["w:*"]),
        (TAIL, "restart", workers(1), ()),
        (TAIL, "tail", [], ()),
        (SCALE, "restart", workers(1), ()),
    ],
)
async def test_T42_nothing_is_restarted_that_the_guards_were_not_asked_about(
    bench: Bench, told: Any, operation: str, verb: str, names: list[str], members: Any
) -> None:
    act = bench.act(verb, names, operation, members=members)
    assert bench.adapter().forbidden(act) is not None
    with pytest.raises(Permanent):
        await bench.adapter().act(act, "run/x/1", told)


class Restarting:
    """A supervisord that restarts in its own way. lose: the method whose answer is lost; anew: it did restart."""

    def __init__(self, lose: str, *, anew: bool, state: str = "RUNNING") -> None:
        self.lose, self.anew, self.state = lose, anew, state
        self.asked: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length"))
        arguments, found = xmlrpc.client.loads(await reader.readexactly(length))
        method = str(found).removeprefix("supervisor.")
        self.asked.append(method)
        if method != self.lose:
            answer: Any = True
            if method == "getProcessInfo":
                pid = 6 if self.anew and len(self.asked) > 1 else 5
                state = self.state if len(self.asked) > 1 else "RUNNING"
                answer = {"name": str(arguments[0]).partition(":")[2], "group": "w", "statename": state, "pid": pid}
            body = xmlrpc.client.dumps((answer,), methodresponse=True)
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
            await writer.drain()
        writer.close()


@pytest.mark.parametrize("lose", ["stopProcess", "startProcess"])
@pytest.mark.parametrize(("anew", "state"), [(True, "RUNNING"), (False, "RUNNING"), (True, "STARTING")])
async def test_T52_a_lost_answer_in_a_restart_is_settled_by_a_new_process_or_stays_unknown(
    bench: Bench, told: Any, lose: str, anew: bool, state: str
) -> None:
    daemon = Restarting(lose, anew=anew, state=state)
    server = await asyncio.start_server(daemon.serve, "127.0.0.1", 0)
    bench.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    act = bench.act("restart", workers(1), ROLLING)
    try:
        if anew and state == "RUNNING":
            assert (await bench.adapter().act(act, "run/x/1", told)).ok
        else:
            with pytest.raises(Ambiguous, match="not known whether it runs again"):
                await bench.adapter().act(act, "run/x/1", told)
        assert daemon.asked.count(lose) == 1, "nothing is sent twice"
    finally:
        server.close()
        await asyncio.sleep(0.05)


async def test_E4_the_same_process_as_before_was_not_restarted(bench: Bench, told: Any) -> None:
    daemon = Restarting("", anew=False)
    server = await asyncio.start_server(daemon.serve, "127.0.0.1", 0)
    bench.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        result = await bench.adapter().act(bench.act("restart", workers(1), ROLLING), "run/x/1", told)
        assert not result.ok
        assert "it was not restarted" in result.output
    finally:
        server.close()
        await asyncio.sleep(0.05)
