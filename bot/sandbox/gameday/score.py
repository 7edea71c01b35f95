"""The score of a round: for each of the five marks whether it is as it must be, since when, and by which evidence.

Called by bot/sandbox/gameday/play.py again and again until everything holds or the time is over, and once more at the end.
Pure: what was seen in, marks out. Must not wait, look or ask anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from bot.sandbox import judge
from bot.sandbox.gameday.reading import acts, contains, differences, first_with, lacks, line_with, offer_line, short
from bot.sandbox.gameday.scenario import MARKS, Never, Round, World
from bot.sandbox.gameday.sight import Seen, Sight
from bot.sandbox.gameday.words import ELSEWHERE, LINES, NO_OFFER, PLACES, QUESTION


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark of one round. at: seconds after the trouble began, None when it never came; evidence: in one sentence.

    wrong: everything that is not as it must be, empty when it holds.
    """

    name: str
    at: float | None
    evidence: str
    wrong: tuple[str, ...] = ()

    @property
    def score(self) -> Literal[0, 1]:
        """1 when it holds."""
        return 0 if self.wrong else 1


Judged = tuple[float | None, str, list[str]]
"""Since when, by which evidence, and what is wrong."""


def score(played: Round, seen: Seen) -> tuple[Mark, ...]:
    """The five marks of one round, in the order of MARKS."""
    judges: dict[str, Callable[[Round, Seen], Judged]] = {
        "detection": _detection,
        "step": _step,
        "guard": _guard,
        "verify": _verify,
        "record": _record,
    }
    marks = []
    for name in MARKS:
        at, evidence, wrong = judges[name](played, seen)
        wrong += [text for never in played.never if NEVER[never][0] == name for text in NEVER[never][1](seen)]
        marks.append(Mark(name, at, evidence, tuple(wrong)))
    return tuple(marks)


def holds(marks: Iterable[Mark]) -> bool:
    """Whether everything is as it must be."""
    return all(mark.score for mark in marks)


# -- the five ----------------------------------------------------------------------------------------------------------
def _detection(played: Round, seen: Seen) -> Judged:
    wanted = played.expect.detection
    first = first_with(seen.of("summary"), ".")
    if first is None:
        return None, "", ["no summary in Slack"]
    wrong = (
        [f"the summary came after {first.at:.1f} s, not within {wanted.within:g} s"] if first.at > wanted.within else []
    )
    wrong += [f"{len(seen.unseen)} incidents without a summary: {', '.join(seen.unseen)}"] if seen.unseen else []
    if wanted.messages is not None and seen.messages > wanted.messages:
        wrong.append(f"{seen.messages} messages in #incidents, not {wanted.messages}")
    told = "\n".join(sight.text for sight in seen.of("summary"))
    wrong += [f"the summary never says /{pattern}/" for pattern in wanted.says if not contains(pattern, told)]
    says = f", and says what it must ({len(wanted.says)})" if wanted.says else ""
    return first.at, f"the summary is in Slack{says}", wrong


def _step(played: Round, seen: Seen) -> Judged:
    wanted = played.expect.step
    if wanted.none:
        none = next((sight for sight in seen.of("no_step") if contains(wanted.none, sight.text)), None)
        if none is None:
            last = [sight.text for sight in (*seen.of("no_step"), *seen.of("offer"))][-1:]
            return (
                None,
                "",
                [f"no “no safe step” because of /{wanted.none}/", *(f"instead: {offer_line(text)}" for text in last)],
            )
        return none.at, line_with(none.text, NO_OFFER), []
    offers = seen.of("offer")
    if not offers:
        none_at_all = [line_with(sight.text, NO_OFFER) for sight in seen.of("no_step")][-1:]
        return None, "", ["no step is offered", *none_at_all]
    fitting = [sight for sight in offers if not differences(sight.text, seen.title, wanted.acts)]
    if not fitting:
        return (
            None,
            "",
            [*differences(offers[-1].text, seen.title, wanted.acts), f"instead: {offer_line(offers[-1].text)}"],
        )
    return fitting[0].at, f"{wanted.runbook}: {'; '.join(acts(fitting[0].text))}", []


def _guard(played: Round, seen: Seen) -> Judged:
    wanted = played.expect.guard
    asked = first_with(seen.of("card"), QUESTION)
    requested = first_with(seen.of("thread"), LINES["requested"])
    done = first_with(seen.of("thread"), LINES["done"])
    at, evidence, wrong = _answered(played, seen, asked, requested, done)
    if asked is not None:
        cards = "\n".join(sight.text for sight in seen.of("card"))
        wrong += [f"no card says /{pattern}/" for pattern in wanted.says if not contains(pattern, cards)]
    elif wanted.says:
        wrong.append("no card asks, so nothing can be said on it")
    for answer in seen.answers:
        if not answer.came:
            said = f"{answer.who} was told {short(' / '.join(answer.said) or 'nothing')}"
            wrong.append(f"{answer.who}, who {answer.did}, was not told /{answer.wanted}/: {said}")
    held = sum(answer.came for answer in seen.answers)
    people = f"; {held} {'answers' if held > 1 else 'answer'} to people as it must be" if held else ""
    return at, evidence + people, [*seen.missed, *wrong]


def _answered(
    played: Round, seen: Seen, asked: Sight | None, requested: Sight | None, done: Sight | None
) -> tuple[float | None, str, list[str]]:
    """The guards' answer itself."""
    wanted = played.expect.guard
    refused = _refusal(seen, wanted.code) if wanted.code else None
    if wanted.answer == "refused":
        if refused is None:
            said = [f"{a.who} was told {short(' / '.join(a.said))}" for a in seen.answers if a.said]
            return None, "", [f"nothing was refused with {wanted.code}", *said]
        return refused, f"refused with {wanted.code}, told and written down", []
    if wanted.answer == "asked":
        if asked is None:
            return None, "", ["no card asks anybody"]
        return asked.at, line_with(asked.text, QUESTION), []
    if wanted.answer == "not_reached":
        begun = [short(sight.text) for sight in (requested, asked, done) if sight is not None]
        return None, "nobody asked for anything", begun
    by_itself = requested is not None and contains(r"countersign\W+asked to run", requested.text)
    wrong = [f"somebody was asked: {line_with(asked.text, QUESTION)}"] if asked else []
    if done is None:
        wrong.append("nothing was carried out")
    if by_itself != (wanted.answer == "alone"):
        wrong.append("the bot did it by itself" if by_itself else "the bot did not do it by itself")
    words = "policy let it, by itself" if wanted.answer == "alone" else "policy let it; nobody had to be asked"
    return (done.at if done else None), words, wrong


def _refusal(seen: Seen, code: str) -> float | None:
    """When the refusal with this code was seen: told to a person, or written into a note."""
    written = any(f"({code})" in line for lines in seen.records.values() for line in lines)
    told = any(code in text for answer in seen.answers for text in answer.said)
    return seen.refused_at if (written or told) else None


def _verify(played: Round, seen: Seen) -> Judged:
    wanted = played.expect.verify
    proved = [s for s in seen.of("thread") if re.search(LINES["proved"], s.text, re.IGNORECASE)]
    failed = [s for s in seen.of("thread") if re.search(LINES["not_proved"], s.text, re.IGNORECASE)]
    wrong: list[str] = []
    at: float | None = None
    evidence = "no observation had to prove anything"
    if wanted.answer == "not_reached":
        wrong += [f"something was verified: {short(sight.text)}" for sight in (*proved, *failed)]
    else:
        found = proved if wanted.answer == "proved" else failed
        fitting = [s for s in found if not wanted.fact or contains(rf"proved\W*{wanted.fact}\b", s.text)]
        words = "proved" if wanted.answer == "proved" else "not proved"
        if not fitting:
            about = f" by {wanted.fact}" if wanted.fact else ""
            wrong.append(f"no line says {words}{about}")
        else:
            at, evidence = fitting[-1].at, line_with(fitting[-1].text, "proved")
    told, different = _world(wanted.world, seen)
    return at, evidence + (f"; {told}" if told else ""), wrong + different


def _record(played: Round, seen: Seen) -> Judged:
    wanted = played.expect.record
    wrong: list[str] = []
    for place in PLACES:
        lines = seen.records.get(place, ())
        lacking = lacks([word for word in wanted.lines if word not in ELSEWHERE[place]], lines)
        if lacking:
            wrong.append(f"{place}: not there, or not in this order: {', '.join(lacking)}")
        wrong += [f"{place}: {text}" for text in judge.repeated(lines)]
    is_open = seen.status != "resolved"
    if is_open != (wanted.incident == "open"):
        wrong.append(f"the incident is {seen.status or 'unknown'} in PagerDuty, not {wanted.incident}")
    pages = seen.of("page")
    paged = ""
    if wanted.page is None:
        wrong += [f"people were paged: {short(sight.text)}" for sight in pages]
    elif not pages:
        wrong.append("nobody was paged")
    else:
        if pages[0].at > wanted.page.within:
            wrong.append(f"people were paged after {pages[0].at:.1f} s, not within {wanted.page.within:g} s")
        told = "\n".join(sight.text for sight in pages)
        wrong += [f"the page never says /{pattern}/" for pattern in wanted.page.says if not contains(pattern, told)]
        paged = f", paged after {pages[0].at:.1f} s"
    wrong += [f"the audit chain: {seen.audit}"] if seen.audit not in ("", "verified") else []
    last = seen.sights[-1].at if seen.sights else None
    words = f"{len(wanted.lines)} lines in order and once in {len(PLACES)} places; {seen.status}{paged}"
    return last, words + (", audit chain verified" if seen.audit == "verified" else ""), wrong


# -- what must never happen --------------------------------------------------------------------------------------------
def _acted(seen: Seen) -> list[str]:
    done = [f"something was done: {short(s.text)}" for s in seen.of("thread") if contains(r"\b(started|done):", s.text)]
    starts = [f"{name} was started {count} times" for name, count in seen.world.starts.items() if count]
    moved = seen.world.workers != seen.world.workers_before or seen.world.renewed
    return done + starts + (["workers were started or stopped"] if moved else [])


def _succeeded(seen: Seen) -> list[str]:
    lines = [*seen.of("thread"), *seen.of("card")]
    return [
        f"it says success: {short(s.text)}" for s in lines if contains(r"done and proved|finished.*worked", s.text)
    ][:1]


NEVER: dict[Never, tuple[str, Callable[[Seen], list[str]]]] = {
    "act": ("guard", _acted),
    "success": ("verify", _succeeded),
    "page": ("record", lambda seen: [f"people were paged: {short(s.text)}" for s in seen.of("page")]),
    "resolve": (
        "record",
        lambda seen: ["it was resolved"] if any(s.text == "resolved" for s in seen.of("status")) else [],
    ),
    "second_summary": (
        "detection",
        lambda seen: [f"{seen.summaries} summaries of one incident"] if seen.summaries > 1 else [],
    ),
}
"""What must never happen -> the mark it costs, and what was seen of it."""


# -- reading -----------------------------------------------------------------------------------------------------------
def _world(wanted: World, seen: Seen) -> tuple[str, list[str]]:
    """What of the machine was looked at, and what differs."""
    world = seen.world
    looked: list[str] = []
    wrong: list[str] = []

    def compare(what: str, found: object, right: object, shown: str) -> None:
        looked.append(f"{what} {shown}")
        if found != right:
            wrong.append(f"{what} is {found}, not {right}")

    for name, status in wanted.health.items():
        compare(f"{name} /health", world.health.get(name), status, str(status))
    for name, status in wanted.orders.items():
        compare(f"{name} /orders", world.orders.get(name), status, str(status))
    for name, count in wanted.starts.items():
        compare(f"starts of {name}", world.starts.get(name, 0), count, str(count))
    if wanted.workers is not None:
        compare("workers that run", world.workers, wanted.workers, str(wanted.workers))
    if wanted.renewed is not None:
        compare("workers that are new processes", world.renewed, wanted.renewed, str(wanted.renewed))
    if wanted.hanging is not None:
        compare("processes that hang", len(world.hanging), wanted.hanging, str(wanted.hanging))
    if wanted.disk_below is not None:
        looked.append(f"area {world.disk or 0:.0f} % full")
        if world.disk is None or world.disk >= wanted.disk_below:
            wrong.append(f"the area is {world.disk} % full, not below {wanted.disk_below:g} %")
    if wanted.kept is not None:
        looked.append("kept files there" if not world.lost else "kept files lost")
        wrong += [f"{name} was deleted" for name in world.lost] if wanted.kept else []
    if wanted.version:
        compare("the version that answers", world.version, wanted.version, wanted.version)
    if wanted.canary is not None:
        compare("the canary", world.canary, wanted.canary, wanted.canary)
    return ", ".join(looked), wrong
