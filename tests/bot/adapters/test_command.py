"""Command adapter with real programs: what is refused, bounded, ended; and that no shell is ever started."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.command import CommandAdapter
from bot.adapters.registry import Registry
from bot.errors import Ambiguous, Permanent, Transient
from bot.plan import Act

NAMES = ("echo", "cat", "sleep", "yes", "head", "false", "printenv", "seq", "pwd", "tail", "ls")
FOUND = {name: str(Path(path).resolve()) for name in NAMES if (path := shutil.which(name))}
Make = Callable[..., Act]


async def quiet(line: str) -> None:
    return None


class Bench:
    """The adapter on a host that lists FOUND (and more), and acts on it."""

    def __init__(self, registry: Callable[..., Registry], act: Make, cwd: str) -> None:
        self._registry, self._act, self.cwd = registry, act, cwd
        self.programs = dict(FOUND)
        self.env: dict[str, str] = {}

    def adapter(self, **limits: Any) -> CommandAdapter:
        settings = {"allowed_programs": self.programs, "cwd": self.cwd, "env": self.env}
        return CommandAdapter(self._registry("command_host", settings), **limits)

    def act(self, *argv: str, **changes: Any) -> Act:
        full = [self.programs.get(argv[0], argv[0]), *argv[1:]]
        request = {"argv": full, "cwd": self.cwd, "env": self.env} | changes.pop("request", {})
        return self._act("command", "command.run", "command_host", request, **changes)


@pytest.fixture
def bench(registry: Callable[..., Registry], act: Make, tmp_path: Path) -> Bench:
    return Bench(registry, act, str(tmp_path))


async def test_runs_and_reports(bench: Bench) -> None:
    result = await bench.adapter().act(bench.act("echo", "hello", "a b"), "r/s/1", quiet)
    assert (result.ok, result.exit_code, result.output) == (True, 0, "hello a b\n")
    assert result.total_bytes == 10
    assert len(result.sha256) == 64


async def test_a_failing_program_is_a_result_and_not_an_error(bench: Bench) -> None:
    result = await bench.adapter().act(bench.act("false"), "r/s/1", quiet)
    assert (result.ok, result.exit_code) == (False, 1)
    assert result.summary == "false ended with exit code 1"


@pytest.mark.parametrize(
    "text", ["; rm", "$(id)", "`id`", "a|b", "&& id", "> /tmp/x", "*", "~", "$HOME", "'\"", "-n; id"]
)
async def test_T30_every_argument_arrives_as_it_is(bench: Bench, text: str) -> None:
    act = bench.act("echo", f"-{text}")
    if bench.adapter().forbidden(act) is None:
        result = await bench.adapter().act(act, "r/s/1", quiet)
        assert result.output == f"-{text}\n"
    else:
        assert "rm" in text


async def test_environment_and_folder_are_only_what_was_planned(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-secret")
    bench.env = {"APP_MODE": "safe"}
    environment = await bench.adapter().act(bench.act("printenv"), "r/s/1", quiet)
    folder = await bench.adapter().act(bench.act("pwd"), "r/s/1", quiet)
    names = {line.partition("=")[0] for line in environment.output.splitlines()}
    assert names <= {"PATH", "LANG", "LC_ALL", "APP_MODE", "COUNTERSIGN_KEY", "PWD", "SHLVL", "_"}
    assert "APP_MODE=safe" in environment.output
    assert folder.output.strip() == bench.cwd


async def test_stdin_is_empty(bench: Bench) -> None:
    result = await bench.adapter().act(bench.act("cat"), "r/s/1", quiet)
    assert (result.ok, result.output) == (True, "")


async def test_T47_fifty_megabytes_stay_bounded(bench: Bench) -> None:
    size = 50_000_000
    act = bench.act("head", "-c", str(size), "/dev/zero")
    tracemalloc.start()
    try:
        result = await bench.adapter().act(act, "r/s/1", quiet)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result.ok
    assert result.total_bytes == size
    assert len(result.output) < 20_000
    assert peak < 5_000_000


async def test_T47_output_over_the_limit_ends_the_group(bench: Bench) -> None:
    adapter = bench.adapter(output_limit=1_000_000, grace=0.2)
    with pytest.raises(Ambiguous, match="1000000 bytes"):
        await adapter.act(bench.act("yes"), "r/s/1", quiet)
    with pytest.raises(Permanent):
        await adapter.act(bench.act("yes", idempotent=True), "r/s/1", quiet)


async def test_T52_at_the_deadline_the_act_is_ambiguous(bench: Bench) -> None:
    with pytest.raises(Ambiguous, match=r"0\.3 s"):
        await bench.adapter().act(bench.act("sleep", "60", deadline=0.3), "r/s/1", quiet)
    with pytest.raises(Transient):
        await bench.adapter().act(bench.act("sleep", "60", deadline=0.3, idempotent=True), "r/s/1", quiet)


STUBBORN = """#!{python}
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["{sleep}", "600"], preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN))
open("{pids}", "w").write(f"{{os.getpid()}} {{child.pid}}")
print("started", flush=True)
{rest}
"""


def stubborn(bench: Bench, rest: str) -> Path:
    """A program that starts a child and ignores SIGTERM, both; returns where it writes their pids."""
    pids = Path(bench.cwd) / "pids"
    program = Path(bench.cwd) / "stubborn"
    program.write_text(STUBBORN.format(python=sys.executable, sleep=FOUND["sleep"], pids=pids, rest=rest))
    program.chmod(0o755)
    bench.programs["stubborn"] = str(program)
    return pids


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] not in ("Z", "X")


async def gone(pid: int) -> bool:
    for _ in range(100):
        if not alive(pid):
            return True
        await asyncio.sleep(0.02)
    return False


async def test_T52_the_whole_process_group_is_killed(bench: Bench) -> None:
    pids = stubborn(bench, "time.sleep(600)")
    with pytest.raises(Ambiguous, match="started"):
        await bench.adapter(grace=0.2).act(bench.act("stubborn", deadline=2), "r/s/1", quiet)
    for pid in map(int, pids.read_text().split()):
        assert await gone(pid)


async def test_cancelling_kills_the_group_too(bench: Bench) -> None:
    pids = stubborn(bench, "time.sleep(600)")
    task = asyncio.create_task(bench.adapter(grace=0.2).act(bench.act("stubborn", deadline=60), "r/s/1", quiet))
    for _ in range(200):
        if pids.exists() and pids.read_text():
            break
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for pid in map(int, pids.read_text().split()):
        assert await gone(pid)


@pytest.mark.parametrize("steps", range(8))
async def test_cancelling_while_it_starts_leaves_nothing_behind(bench: Bench, steps: int) -> None:
    if not Path("/proc/self").exists():
        pytest.skip("no /proc on this machine")
    number = f"{600 + steps}.{os.getpid()}"
    task = asyncio.create_task(bench.adapter(grace=0.2).act(bench.act("sleep", number), "r/s/1", quiet))
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    left = [p for p in Path("/proc").iterdir() if p.name.isdecimal() and number in _command_line(p)]
    assert not [p for p in left if alive(int(p.name))]


def _command_line(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


async def test_a_background_child_that_holds_the_pipe_does_not_hold_the_result(bench: Bench) -> None:
    pids = stubborn(bench, "sys.exit(3)")
    result = await bench.adapter().act(bench.act("stubborn", deadline=30), "r/s/1", quiet)
    child = int(pids.read_text().split()[1])
    os.kill(child, signal.SIGKILL)
    assert result.exit_code == 3
    assert result.output == "started\n"
    assert result.took_seconds < 10


async def test_progress_is_told_now_and_then_and_cannot_break_the_act(bench: Bench) -> None:
    told: list[str] = []

    async def progress(line: str) -> None:
        told.append(line)
        raise OSError("Slack is down")

    program = Path(bench.cwd) / "talker"
    program.write_text(
        f"#!{sys.executable}\nimport time\nfor n in range(60):\n print('line', n, flush=True); time.sleep(0.02)\n"
    )
    program.chmod(0o755)
    bench.programs["talker"] = str(program)
    result = await bench.adapter().act(bench.act("talker"), "r/s/1", progress)
    assert result.ok
    assert len(told) == 1
    assert told[0].startswith("line ")


async def test_progress_comes_at_most_every_half_second(bench: Bench, told: Any) -> None:
    program = Path(bench.cwd) / "talker"
    program.write_text(
        f"#!{sys.executable}\nimport time\nfor n in range(75):\n print('line', n, flush=True); time.sleep(0.02)\n"
    )
    program.chmod(0o755)
    bench.programs["talker"] = str(program)
    result = await bench.adapter().act(bench.act("talker"), "r/s/1", told)
    assert 1 <= len(told.lines) <= result.took_seconds / 0.5


FORBIDDEN_REQUESTS: list[dict[str, Any]] = [
    {"argv": "echo hello"},
    {"argv": []},
    {"argv": ["echo"]},
    {"argv": ["/bin/sh", "-c", "id"]},
    {"argv": [FOUND["echo"], 1]},
    {"argv": ["/usr/../bin/echo"]},
    {"cwd": None},
    {"env": {"LD_PRELOAD": "/tmp/x.so"}},
    {"env": {"A": 1}},
    {"shell": True},
    {"argv": [FOUND["echo"], "FLUSHALL"]},
]


@pytest.mark.parametrize("request_", FORBIDDEN_REQUESTS, ids=repr)
async def test_T42_forbidden_requests_are_blocked_and_never_run(bench: Bench, request_: dict[str, Any]) -> None:
    act = bench.act("echo", request=request_)
    assert bench.adapter().forbidden(act) is not None
    with pytest.raises(Permanent):
        await bench.adapter().act(act, "r/s/1", quiet)


@pytest.mark.parametrize("name", ["echo", "tool"])
async def test_T42_a_shell_is_blocked_even_when_the_catalogue_lists_it(bench: Bench, name: str) -> None:
    bench.programs = {name: "/bin/sh", "rm": FOUND["echo"]}
    assert bench.adapter().forbidden(bench.act(name, "x")) is not None
    assert bench.adapter().forbidden(bench.act("rm", "x")) is not None


async def test_T42_a_shell_behind_a_link_is_blocked(bench: Bench) -> None:
    link, second = Path(bench.cwd) / "tool", Path(bench.cwd) / "other"
    second.symlink_to("/bin/sh")
    link.symlink_to(second)
    bench.programs = {"tool": str(link)}
    denied = await bench.adapter().identify(bench.act("tool"))
    assert denied is not None
    assert denied.code == "forbidden_act"


async def test_T36_identify_compares_with_the_catalogue_and_the_disk(bench: Bench, act: Make) -> None:
    adapter, good = bench.adapter(), bench.act("echo", "x")
    assert await adapter.identify(good) is None
    other_kind = act("command", "command.run", "setting_file", dict(good.request))
    other_name = act("command", "command.run", "command_host", dict(good.request), name="checkout")
    other_env = act("command", "command.run", "command_host", dict(good.request), environment="prod")
    for wrong in (other_kind, other_name, other_env, bench.act("echo", request={"cwd": "/tmp"})):
        denied = await adapter.identify(wrong)
        assert denied is not None
        assert denied.code in ("wrong_kind", "unknown_target", "target_changed")
    bench.programs = {"missing": bench.cwd + "/missing"}
    assert await bench.adapter().identify(bench.act("missing")) is not None
    with pytest.raises(Permanent, match="cannot be started"):
        await bench.adapter().act(bench.act("missing"), "r/s/1", quiet)


@pytest.fixture
def started() -> Iterator[list[str]]:
    """Every program this process starts while the test runs (audit hooks cannot be removed, so it is switched off)."""
    seen: list[str] = []
    on = True

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if on and event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system", "pty.spawn"):
            seen.append(f"{event}:{os.fsdecode(args[0])}")

    sys.addaudithook(hook)
    yield seen
    on = False


async def test_T30_no_shell_is_ever_started(bench: Bench, started: list[str]) -> None:
    adapter = bench.adapter(grace=0.2)
    for text in ["; id", "$(id)", "`id`", "| id", "&& id", "> x"]:
        act = bench.act("echo", text)
        if adapter.forbidden(act) is None:
            await adapter.act(act, "r/s/1", quiet)
    with pytest.raises(Ambiguous):
        await adapter.act(bench.act("sleep", "60", deadline=0.1), "r/s/1", quiet)
    for argv in (["/bin/sh", "-c", "id"], ["/bin/bash"], ["sh"]):
        with pytest.raises(Permanent):
            await adapter.act(bench.act("echo", request={"argv": argv}), "r/s/1", quiet)
    assert started
    assert set(started) == {f"subprocess.Popen:{FOUND['echo']}", f"subprocess.Popen:{FOUND['sleep']}"}
