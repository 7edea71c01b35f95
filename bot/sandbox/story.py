"""A story: scripted people in a real workspace, told as it happens, ending in exit code 0 or 1.

Run by bot/cli/sandbox.py; the stories themselves are in bot/sandbox/stories, and the scenario tests run them.
Must not reach into the bot: a story sees what people see, and what vendors and the machine hold.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console
from rich.text import Text

from bot.errors import CountersignError
from bot.sandbox.configuration import SandboxSettings

if TYPE_CHECKING:
    from bot.sandbox.workspace import Workspace

Value = TypeVar("Value")
POLL_SECONDS = 0.1
LOG_LINES = 40


class StoryFailed(Exception):
    """The story did not go as it must. what: what was expected; last: the last thing that was seen instead."""

    def __init__(self, what: str, last: str) -> None:
        super().__init__(f"expected: {what}\nlast seen: {last}")
        self.what = what
        self.last = last


class Narrator:
    """Says each step with the seconds since the beginning, and waits for what must come true.

    now: monotonic seconds; sleep: as asyncio.sleep.
    """

    def __init__(
        self,
        console: Console,
        *,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.console = console
        self._now = now
        self._sleep = sleep
        self._began = now()

    def __call__(self, text: str) -> None:
        """Something happens: a person acts, a service breaks."""
        self._line("·", "cyan", text)

    def seen(self, text: str) -> None:
        """Something was checked and is as it must be."""
        self._line("✓", "green", text)

    def _line(self, mark: str, style: str, text: str) -> None:
        line = Text(f"{self._now() - self._began:7.1f} s  ")
        line.append(f"{mark} ", style=style)
        line.append(text)
        self.console.print(line, highlight=False)

    async def expect(
        self,
        probe: Callable[[], Value | Awaitable[Value]],
        *,
        within: float,
        what: str,
        last: Callable[[], object] | None = None,
    ) -> Value:
        """Ask `probe` until it answers something true, and return that.

        within: seconds; what: the expectation in words; last: describes the state for the failure text, else the
        probe's last answer is shown. Raises StoryFailed.
        """
        deadline = self._now() + within
        while True:
            asked = probe()
            answer: Value = await asked if inspect.isawaitable(asked) else asked
            if answer:
                self.seen(what)
                return answer
            if self._now() >= deadline:
                shown = last() if last is not None else answer
                raise StoryFailed(f"{what}, within {within:g} s", str(shown))
            await self._sleep(POLL_SECONDS)

    def check(self, wrong: list[str], what: str, last: str = "") -> None:
        """Go on when nothing is wrong. wrong: what a judge found; raises StoryFailed with all of it."""
        if wrong:
            raise StoryFailed(what, "; ".join(wrong) + (f"\n{last}" if last else ""))
        self.seen(what)


Play = Callable[["Workspace", Narrator], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Story:
    """One story. title: one sentence for people; settings: how its workspace differs from the usual one.

    needs: programs that must be on this machine; without one of them the story is left out.
    """

    name: str
    title: str
    play: Play
    settings: SandboxSettings = field(default_factory=SandboxSettings)
    needs: tuple[str, ...] = ()

    def absent(self, which: Callable[[str], str | None]) -> list[str]:
        """The programs it needs that are not here. which: as shutil.which."""
        return [program for program in self.needs if which(program) is None]


async def tell(story: Story, workspace: Workspace, console: Console, now: Callable[[], float]) -> int:
    """Play one story in a running workspace. Returns 0, or 1 after saying what went wrong and what the bot logged."""
    narrator = Narrator(console, now=now)
    console.print(f"[bold]{story.name}[/bold]: {story.title}", highlight=False)
    try:
        await story.play(workspace, narrator)
    except (StoryFailed, CountersignError, LookupError, OSError) as error:
        failed(story, workspace, console, error)
        return 1
    console.print(f"[bold green]{story.name}: as it should be[/bold green]", highlight=False)
    return 0


def failed(story: Story, workspace: Workspace, console: Console, error: Exception) -> None:
    """Say what went wrong, with the end of the bot's log."""
    console.print(Text(f"{story.name}: FAILED ({type(error).__name__})", style="bold red"))
    console.print(Text(str(error)))
    console.print(Text(f"\nThe bot's log ends with ({workspace.bot_log}):", style="bold"))
    console.print(Text(workspace.bot_log_tail(LOG_LINES)))
