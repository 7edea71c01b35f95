"""The findings as SARIF 2.1.0, which code-scanning services read (OASIS standard, sarif-v2.1.0-os).

Called by `runbookctl lint --format sarif`. Paths below the working folder are relative to %SRCROOT%; others are file
addresses. Must not read files.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from runbooks.lint.check import Located, Report
from runbooks.lint.rule import Rule

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "SRCROOT"


def sarif(report: Report, rules: Sequence[Rule], root: Path, version: str) -> str:
    """One log with one run. root: the working folder, absolute. version: of this program."""
    numbers = {rule.id: number for number, rule in enumerate(rules)}
    log = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "runbookctl lint",
                        "version": version,
                        "rules": [_descriptor(rule) for rule in rules],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {ROOT: {"description": {"text": "The folder that runbookctl was called in."}}},
                "results": [_result(found, numbers, root) for found in report.findings],
            }
        ],
    }
    return json.dumps(log, indent=1)


def _descriptor(rule: Rule) -> dict[str, Any]:
    markdown = (
        f"{rule.what}\n\n{rule.why}\n\nInstead of\n\n```yaml\n{rule.bad}```\n\nwrite\n\n```yaml\n{rule.good}```\n"
    )
    return {
        "id": rule.id,
        "name": "".join(part.capitalize() for part in rule.id.split("-")),
        "shortDescription": {"text": rule.what},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.what} {rule.why}", "markdown": markdown},
        "defaultConfiguration": {"level": rule.severity},
    }


def _result(found: Located, numbers: dict[str, int], root: Path) -> dict[str, Any]:
    return {
        "ruleId": found.rule,
        "ruleIndex": numbers[found.rule],
        "level": found.severity,
        "message": {"text": f"{found.message} Fix: {found.fix}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": _artifact(found.file, root),
                    "region": {"startLine": found.line, "startColumn": found.column},
                }
            }
        ],
        # The line is not in it, so that a finding stays the same one when lines move.
        "partialFingerprints": {"countersign/v1": _fingerprint(found)},
    }


def _artifact(file: str, root: Path) -> dict[str, str]:
    path = Path(file)
    if path.is_absolute():
        if not path.is_relative_to(root):
            return {"uri": path.as_uri()}
        path = path.relative_to(root)
    elif ".." in path.parts:
        return {"uri": quote(os.fsencode(path.as_posix()))}
    return {"uri": quote(os.fsencode(path.as_posix())), "uriBaseId": ROOT}


def _fingerprint(found: Located) -> str:
    where = ".".join(str(part) for part in found.finding.path) if found.finding else found.message
    return hashlib.sha256(
        "\0".join((found.rule, found.runbook or found.file, where)).encode("utf-8", "replace")
    ).hexdigest()[:32]
