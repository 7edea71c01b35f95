"""Review: one changed file as a branch with a commit of its own, so that somebody else looks at it before it counts.

Used by `runbookctl promote` and `demote`. Programs are started as argv lists without a shell. The branch is made from
objects: neither the working tree nor the index is touched, so nothing that lies there is taken along or lost, and the bot
that reads the folder does not see the file before it is merged. Must not push.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.errors import Permanent

GIT = ("git", "-c", "safe.bareRepository=explicit", "-c", "core.fsmonitor=false", "-c", "log.showSignature=false")
"""Git, as it is started here: a folder under review may look like a bare repository, and its settings would start programs.

Source: git-config, safe.bareRepository (since Git 2.38; an older one knows at least the other two).
"""

Run = Callable[[Sequence[str], Mapping[str, str], bytes], tuple[int, str]]
"""(argv, variables to add, standard input) -> (exit code, output and errors). Must not use a shell."""


@dataclass(frozen=True, slots=True)
class Change:
    """path: absolute, of the file. text: its new content. branch: a new one. title, why: of the commit, neither empty."""

    path: Path
    text: str
    branch: str
    title: str
    why: str


def commands(change: Change) -> tuple[tuple[str, ...], ...]:
    """What a person types when the file is written already."""
    folder = str(change.path.parent)
    return (
        ("git", "-C", folder, "switch", "--create", change.branch),
        ("git", "-C", folder, "add", change.path.name),
        ("git", "-C", folder, "commit", "--message", change.title, "--message", change.why),
        ("git", "-C", folder, "push", "--set-upstream", "origin", change.branch),
    )


def commit(change: Change, run: Run) -> str:
    """Make the branch; returns the commit's id. Raises Permanent with what git said and what to do."""
    root = Path(_git(run, _existing(change.path.parent), "rev-parse", "--show-toplevel"))
    if run((*GIT, "-C", str(root), "rev-parse", "--verify", "--quiet", f"refs/heads/{change.branch}"), {}, b"")[0] == 0:
        raise Permanent(f"the branch {change.branch} is there already: review or delete it first")
    inside = change.path.resolve().relative_to(root.resolve()).as_posix()
    with tempfile.TemporaryDirectory(prefix="countersign-review-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        blob = _git(run, root, "hash-object", "-w", "--stdin", given=change.text.encode())
        _git(run, root, "read-tree", "HEAD", variables=index)
        _git(run, root, "update-index", "--add", "--cacheinfo", f"100644,{blob},{inside}", variables=index)
        tree = _git(run, root, "write-tree", variables=index)
    made = _git(run, root, "commit-tree", tree, "-p", "HEAD", "-m", change.title, "-m", change.why)
    _git(run, root, "branch", change.branch, made)
    return made


def _existing(folder: Path) -> Path:
    """The nearest folder above that is there: the folder of records may be new."""
    return next((place for place in (folder, *folder.parents) if place.is_dir()), Path("/"))


def _git(run: Run, folder: Path, *words: str, variables: Mapping[str, str] | None = None, given: bytes = b"") -> str:
    code, said = run((*GIT, "-C", str(folder), *words), variables or {}, given)
    if code != 0:
        first = (said.strip().splitlines() or ["it said nothing"])[0]
        raise Permanent(f"git {words[0]} did not work: {first}")
    return said.strip()
