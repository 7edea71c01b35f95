"""The sandbox's orchestrator, a stand-in for Kubernetes as the sandbox's Slack is one for Slack: versions of one service in a file.

The bot's command adapter starts it as `kubectl` and `kubectl-argo-rollouts` (programs written by `install`); the demo service
(bot/sandbox/demo_service.py) reads the file for every customer and answers as the version that serves them, so that a roll-back
really changes what customers get. bot/sandbox/rollouts.py rolls bad versions out and lets a canary grow. It knows the few
commands that the catalogue's runbooks use, with kubectl's words and exit codes, and refuses every other one. Standard library
only, because it is started anew for each command; must not know the bot.
"""

from __future__ import annotations

import fcntl
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

NAMESPACE = "shop"
PROGRAMS = ("kubectl", "kubectl-argo-rollouts")
ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """#!{python} -I
# The sandbox's stand-in for {name}; written by bot/sandbox/orchestrator.py, removed with the sandbox.
import sys
from pathlib import Path

sys.path.insert(0, {root!r})
from bot.sandbox.orchestrator import main

sys.exit(main([{name!r}, *sys.argv[1:]], Path({file!r})))
"""


class Refused(Exception):
    """What the program prints on standard error before it ends with exit code 1."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One version of the service. error_percent: so many of a hundred customers get 503 from it, 0 to 100."""

    number: int
    version: str
    error_percent: float = 0.0


@dataclass(frozen=True, slots=True)
class Canary:
    """A second version beside the present one. weight: per cent of the customers that it serves, 0 after an abort.

    paused: its weight stays as it is; else bot/sandbox/rollouts.py lets it grow.
    """

    revision: Revision
    weight: float
    paused: bool = False

    @property
    def state(self) -> str:
        """`aborted`, `paused` or `growing`."""
        return "aborted" if self.weight <= 0 else "paused" if self.paused else "growing"


@dataclass(frozen=True, slots=True)
class Rollout:
    """The versions of one service, oldest first; the last one serves everybody whom no canary serves."""

    service: str
    revisions: tuple[Revision, ...]
    canary: Canary | None = None

    @property
    def present(self) -> Revision:
        """The stable one."""
        return self.revisions[-1]

    @property
    def canary_name(self) -> str:
        """What the canary is called, as `names` of services.yaml has it."""
        return f"{self.service}-canary"


def rollout_file(folder: Path, service: str) -> Path:
    """Where the orchestrator of that service keeps its file; there is none where no scenario asked for one."""
    return folder / f"{service}.rollout.json"


def read(file: Path) -> Rollout:
    """The state in the file. Raises OSError, or ValueError, TypeError or KeyError when that is not one."""
    data = json.loads(file.read_text(encoding="utf-8"))
    canary = data["canary"]
    return Rollout(
        service=data["service"],
        revisions=tuple(Revision(**one) for one in data["revisions"]),
        canary=canary and Canary(Revision(**canary["revision"]), canary["weight"], canary["paused"]),
    )


def write(file: Path, rollout: Rollout) -> None:
    """Replace the file in one step, so that no customer ever meets half of it."""
    fresh = file.with_suffix(".fresh")
    fresh.write_text(json.dumps(asdict(rollout)) + "\n", encoding="utf-8")
    fresh.replace(file)


def change(file: Path, how: Callable[[Rollout], Rollout]) -> Rollout:
    """Read, change and write while nobody else does. Returns what stands there now; raises what `how` raises."""
    with _alone(file):
        changed = how(read(file))
        write(file, changed)
    return changed


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    with file.with_suffix(".lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# -- what can be done --------------------------------------------------------------------------------------------------
def deploy(rollout: Rollout, version: str, error_percent: float) -> Rollout:
    """A new version serves everybody; a canary is gone."""
    revision = Revision(rollout.present.number + 1, version, error_percent)
    return replace(rollout, revisions=(*rollout.revisions, revision), canary=None)


def begin_canary(rollout: Rollout, version: str, error_percent: float, weight: float) -> Rollout:
    """A new version serves `weight` per cent of the customers at first."""
    return replace(rollout, canary=Canary(Revision(rollout.present.number + 1, version, error_percent), weight))


def grow(rollout: Rollout, step: float) -> Rollout:
    """One step of the rollout: the canary gets `step` per cent more of the customers, unless it is held or taken away."""
    canary = rollout.canary
    if canary is None or canary.state != "growing":
        return rollout
    return replace(rollout, canary=replace(canary, weight=min(100.0, canary.weight + step)))


def undo(rollout: Rollout) -> Rollout:
    """The version before serves again, as a new revision. Raises Refused when there was none."""
    if len(rollout.revisions) < 2:
        raise Refused(f'error: no rollout history found for deployment "{rollout.service}"')
    before = replace(rollout.revisions[-2], number=rollout.present.number + 1)
    return replace(rollout, revisions=(*rollout.revisions, before))


def hold(rollout: Rollout, paused: bool) -> Rollout:
    """Hold the canary where it is, or let it grow again. Raises Refused when it is so already."""
    canary = _canary(rollout)
    if canary.paused == paused:
        state = "already paused" if paused else "not paused"
        raise Refused(f'error: deployments.apps "{rollout.canary_name}" is {state}')
    return replace(rollout, canary=replace(canary, paused=paused))


def abort(rollout: Rollout) -> Rollout:
    """All customers go to the stable version. Raises Refused without a canary."""
    return replace(rollout, canary=replace(_canary(rollout), weight=0.0))


def _canary(rollout: Rollout) -> Canary:
    if rollout.canary is None:
        raise Refused(f'Error from server (NotFound): deployments.apps "{rollout.canary_name}" not found')
    return rollout.canary


# -- the programs ------------------------------------------------------------------------------------------------------
def install(folder: Path, file: Path) -> dict[str, str]:
    """Write the programs into the folder. file: the state they change. Returns name -> absolute path."""
    paths: dict[str, str] = {}
    for name in PROGRAMS:
        path = folder / name
        text = PROGRAM.format(python=sys.executable, name=name, root=str(ROOT), file=str(file))
        path.write_text(text, encoding="utf-8")
        path.chmod(0o700)
        paths[name] = str(path)
    return paths


def main(argv: Sequence[str], file: Path) -> int:
    """One call of a program. argv: its name first. Returns the exit code: 0 it was done, 1 it was refused."""
    try:
        print(_call(list(argv), file))
    except Refused as error:
        print(error, file=sys.stderr)
        return 1
    except (OSError, ValueError, TypeError, KeyError) as error:
        print(f"The connection to the server was refused ({type(error).__name__})", file=sys.stderr)
        return 1
    return 0


def _call(argv: list[str], file: Path) -> str:
    """Do what is asked, and say it as the real program does."""
    known = read(file)
    match argv:
        case ["kubectl", "--namespace", "shop", "rollout", "undo", "deployment", name] if name == known.service:
            change(file, undo)
            return f"deployment.apps/{name} rolled back"
        case ["kubectl", "--namespace", "shop", "rollout", ("pause" | "resume") as verb, "deployment", name] if (
            name == known.canary_name
        ):
            change(file, lambda rollout: hold(rollout, verb == "pause"))
            return f"deployment.apps/{name} {verb}d"
        case ["kubectl-argo-rollouts", "--namespace", "shop", "abort", name] if name == known.canary_name:
            change(file, abort)
            return f"rollout '{name}' aborted"
    raise Refused(f"error: the sandbox's {argv[0]} does not know: {' '.join(argv[1:])[:200]}")
