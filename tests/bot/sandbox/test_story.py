"""The story runner and its judges: what it waits for, what it says, and how it fails."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from bot.errors import Permanent
from bot.sandbox import judge
from bot.sandbox.story import Narrator, Story, StoryFailed, tell


class FakeTime:
    """Seconds that pass only while somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class NoWorkspace:
    """What `tell` needs of a workspace."""

    bot_log = "/somewhere/bot.log"

    def bot_log_tail(self, lines: int) -> str:
        return f"the last {lines} lines"


def narrator() -> tuple[Narrator, io.StringIO, FakeTime]:
    out, time = io.StringIO(), FakeTime()
    console = Console(file=out, width=200, color_system=None)
    return Narrator(console, now=time.now, sleep=time.sleep), out, time


async def test_expect_waits_until_it_is_true_and_says_when() -> None:
    say, out, time = narrator()
    answer = await say.expect(lambda: "up" if time.seconds > 101.95 else "", within=5, what="it is up")
    assert answer == "up"
    assert "2.0 s  ✓ it is up" in out.getvalue()


async def test_expect_takes_coroutines() -> None:
    say, _, _ = narrator()

    async def probe() -> int:
        return 7

    assert await say.expect(probe, within=1, what="seven") == 7


async def test_expect_fails_with_the_last_state_and_no_later_than_told() -> None:
    say, _, time = narrator()
    with pytest.raises(StoryFailed) as failure:
        await say.expect(lambda: False, within=3, what="it is up", last=lambda: f"down at {time.seconds:.0f}")
    assert "expected: it is up, within 3 s" in str(failure.value)
    assert "last seen: down at 103" in str(failure.value)
    assert time.seconds == pytest.approx(103, abs=0.2)


def test_check_fails_with_everything_that_is_wrong() -> None:
    say, out, _ = narrator()
    say.check([], "all is well")
    assert "✓ all is well" in out.getvalue()
    with pytest.raises(StoryFailed, match=r"owner.*; .*tier"):
        say.check(["owner is not there", "tier is not there"], "the summary is complete")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (None, 0, "as it should be"),
        (StoryFailed("a summary", "nothing"), 1, "expected: a summary"),
        (Permanent("supervisord ended"), 1, "supervisord ended"),
        (LookupError("no button"), 1, "no button"),
    ],
)
async def test_tell_turns_a_story_into_an_exit_code(error: Exception | None, code: int, words: str) -> None:
    out = io.StringIO()

    async def play(_workspace: object, say: Narrator) -> None:
        say("it begins")
        if error is not None:
            raise error

    console = Console(file=out, width=200, color_system=None)
    story = Story("example", "an example", play)  # type: ignore[arg-type]  # reason: the workspace is not used
    assert await tell(story, NoWorkspace(), console, lambda: 0.0) == code  # type: ignore[arg-type]  # reason: a fake
    assert words in out.getvalue()
    assert ("the last 40 lines" in out.getvalue()) is bool(code)


@pytest.mark.parametrize(("here", "absent"), [(["sed", "awk"], []), (["awk"], ["sed"]), ([], ["sed", "awk"])])
def test_a_story_names_the_programs_that_are_not_here(here: list[str], absent: list[str]) -> None:
    async def play(_workspace: object, _say: Narrator) -> None:
        raise AssertionError("it is not played")

    story = Story("example", "an example", play, needs=("sed", "awk"))  # type: ignore[arg-type]  # reason: not played
    assert story.absent(lambda program: f"/bin/{program}" if program in here else None) == absent


def test_flat_reads_blocks_and_documents_in_order() -> None:
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "payments in prod"}},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "*Owner* payments-team"}]},
        {"type": "actions", "elements": [{"type": "button", "action_id": "x", "text": {"text": "Run"}}]},
    ]
    assert judge.flat(["first", blocks]) == "first\npayments in prod\n*Owner* payments-team\nRun"
    document = {"type": "doc", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "Proved"}]}]}
    assert judge.flat(document) == "Proved"


def test_missing_names_what_a_person_would_not_find() -> None:
    wanted = {"owner": r"payments-team", "tier": r"tier 1"}
    assert judge.missing(wanted, "Owner PAYMENTS-TEAM, Tier 1") == []
    assert judge.missing(wanted, "Owner payments-team") == ["tier (nothing matches /tier 1/)"]


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        (["a [cs-1]", "b [cs-2]"], 0),
        (["a [cs-1]", "a [cs-2]"], 0),
        (["a [cs-1]", "a again [cs-1]"], 1),
        (["no mark", "no mark "], 1),
        ([], 0),
    ],
)
def test_T64_a_line_that_came_twice_is_found(lines: list[str], wrong: int) -> None:
    assert len(judge.repeated(lines)) == wrong


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        (["asked", "approved", "done", "proved"], []),
        (["asked", "approved", "done", "other", "proved"], []),
        (["approved", "asked", "done", "proved"], ["/approved/ is not there after line 2 of 4"]),
        (["asked", "approved", "done"], ["/proved/ is not there after line 3 of 3"]),
        ([], ["/asked/ is not there", "/approved/ is not there", "/done/ is not there", "/proved/ is not there"]),
    ],
)
def test_T64_lines_out_of_order_or_lost_are_found(lines: list[str], wrong: list[str]) -> None:
    assert judge.out_of_order(["asked", "approved", "done", "proved"], lines) == wrong


def test_two_expressions_need_two_lines() -> None:
    assert judge.out_of_order(["done", "done"], ["done"]) == ["/done/ is not there after line 1 of 1"]
