"""The result as people and machines get it: reads at 100 columns, and nothing is said to hold that did not."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from bot.sandbox.gameday.load import load_scenario
from bot.sandbox.gameday.play import Result, RoundResult
from bot.sandbox.gameday.scenario import MARKS, Scenario
from bot.sandbox.gameday.score import Mark
from bot.sandbox.gameday.table import after, as_json, print_list, print_result, total

ROUND = """\
  - name: {name}
    script: [{{alert: {{}}}}]
    expect:
      detection: {{}}
      step: {{none: nothing}}
      guard: {{answer: not_reached}}
      verify: {{answer: not_reached}}
      record: {{lines: [no_step], incident: open}}
"""


def scenario(*names: str, head: str = "") -> Scenario:
    rounds = "".join(ROUND.format(name=name) for name in names)
    return load_scenario(f"id: demo\ntitle: a demo [/bold]\ncovers: [X1, X4]\n{head}rounds:\n{rounds}", "demo.yaml")


RIGHT = tuple(Mark(name, 1.25, f"{name} was seen [red]") for name in MARKS)
WRONG = (*RIGHT[:4], Mark("record", None, "", ("the thread: /finished/ is not there", "nobody was paged " + "x" * 300)))


def result(*rounds: tuple[Mark, ...], of: int = 0) -> Result:
    names = [f"occurrence {number}" for number in range(max(of, len(rounds)))]
    played = tuple(RoundResult(name, marks, 12.34) for name, marks in zip(names, rounds, strict=False))
    return Result(scenario(*names), played, 30.0)


def printed(what: object, width: int = 100) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, color_system=None)
    if isinstance(what, Result):
        print_result(what, console)
    else:
        print_list(what, console)  # type: ignore[arg-type]  # reason: a list of scenarios
    return out.getvalue()


@pytest.mark.parametrize(
    ("played", "scored", "words"),
    [
        (
            result(RIGHT),
            (5, 5),
            ["demo: 5 of 5, everything held", "1 ✓", "1.2 s", "record was seen [red]", "a demo [/bold]"],
        ),
        (result(WRONG), (4, 5), ["demo: 4 of 5, it did NOT go as it must", "0 ✗", "✗ the thread: /finished/"]),
        (result(RIGHT, RIGHT), (10, 10), ["Round", "occurrence 1", "10 of 10"]),
        (result(WRONG, of=3), (4, 15), ["2 further rounds not played", "4 of 15"]),
    ],
)
def test_the_table_says_what_held_and_fits(played: Result, scored: tuple[int, int], words: list[str]) -> None:
    text = printed(played)
    assert total(played) == scored
    assert not [word for word in words if word not in text], text
    assert max(len(line) for line in text.splitlines()) <= 100


@pytest.mark.parametrize("marks", [RIGHT, WRONG])
def test_json_has_every_mark_with_seconds_evidence_and_what_is_wrong(marks: tuple[Mark, ...]) -> None:
    told = json.loads(json.dumps(as_json(result(marks))))
    assert (told["id"], told["covers"], told["of"], told["holds"]) == ("demo", ["X1", "X4"], 5, marks is RIGHT)
    listed = told["rounds"][0]["marks"]
    assert [one["mark"] for one in listed] == list(MARKS)
    assert [one["score"] for one in listed] == [mark.score for mark in marks]
    assert [one["at"] for one in listed] == [None if mark.at is None else 1.2 for mark in marks]
    assert listed[4]["wrong"] == list(marks[4].wrong)


def test_the_list_says_what_waits_and_for_what() -> None:
    waiting = scenario("only", head="waits_for: [sql]\nbecause: nothing ends a query.\n")
    text = printed([scenario("only"), waiting])
    assert "1 can be played" in text
    assert "1 are written and wait" in text
    assert "Waits for sql: nothing ends a query." in text
    assert "written and wait" not in printed([scenario("only")])


def test_seconds_are_a_dash_when_it_never_came() -> None:
    assert [after(Mark("step", at, "")) for at in (None, 0.0, 61.06)] == ["-", "0.0 s", "61.1 s"]
