"""The results of played cases as JUnit XML, which every CI server draws. Called by bot/cli/test.py. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from bot.simulation.cases import CaseResult, counted

Places = Mapping[tuple[str, int], int]


def junit(results: Sequence[CaseResult], places: Places, problems: Iterable[str] = ()) -> str:
    """One suite per runbook, one test case per case. A case that waits for an adapter is skipped, with the reason.

    places: (file, number of the case) -> line. problems: files that are no runbooks, each an error of its own.
    """
    errors = list(problems)
    totals = counted(results)
    root = Element(
        "testsuites",
        {
            "name": "runbooks",
            "tests": str(len(results) + len(errors)),
            "failures": str(totals["failed"]),
            "errors": str(len(errors)),
            "skipped": str(totals["waits"]),
        },
    )
    for name, group in groupby(results, key=lambda result: result.runbook):
        _suite(root, name, list(group), places)
    if errors:
        suite = SubElement(
            root, "testsuite", {"name": "loading", "tests": str(len(errors)), "errors": str(len(errors))}
        )
        for number, problem in enumerate(errors, 1):
            case = SubElement(suite, "testcase", {"classname": "loading", "name": f"problem {number}"})
            SubElement(case, "error", {"message": problem})
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _suite(root: Element, name: str, results: Sequence[CaseResult], places: Places) -> None:
    totals = counted(results)
    numbers = {"tests": len(results), "failures": totals["failed"], "skipped": totals["waits"]}
    suite = SubElement(root, "testsuite", {"name": name, **{key: str(value) for key, value in numbers.items()}})
    for result in results:
        line = places.get((result.source, result.number), 1)
        about = {"classname": name, "name": result.name, "file": result.source, "line": str(line)}
        case = SubElement(suite, "testcase", about)
        if result.state == "failed":
            failure = SubElement(case, "failure", {"message": result.wrong[0]})
            failure.text = "\n".join((f"{result.source}:{line}", *result.wrong))
        elif result.state == "waits":
            SubElement(case, "skipped", {"message": "its operations wait for an adapter"})
